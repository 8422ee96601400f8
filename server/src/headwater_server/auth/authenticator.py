"""From the Authorization header to a principal."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from attrs import frozen

from headwater.errors import ErrorSource, HeadwaterError
from headwater.secrets import Secret

from .permissions import Principal, Role
from .token_store import ApiToken, TokenExistsError, TokenStore
from .tokens import digest_of, new_token

if TYPE_CHECKING:
    from .oidc import SingleSignOn

_CACHE_SECONDS = 5.0
_CACHED_TOKENS = 10_000
_LAST_USED_EVERY = timedelta(minutes=1)

R = TypeVar("R")


class OffLoop(Protocol):
    """Runs what blocks elsewhere than on the event loop."""

    def __call__(self, function: Callable[[], R], /) -> Awaitable[R]: ...


class AuthenticationError(HeadwaterError):
    """Nobody, or nobody we know. One text for all causes, so that it tells an attacker nothing."""

    message_id = "auth.unauthorized"
    status = 401
    source = ErrorSource.CALLER


class PermissionDeniedError(HeadwaterError):
    message_id = "auth.forbidden"
    status = 403
    source = ErrorSource.CALLER


@frozen
class _Known:
    token: ApiToken
    principal: Principal
    until: float


class Authenticator:
    """Knows bearer tokens, the admin's password (basic auth), and perhaps the anonymous caller; with `sso`
    also who is signed in on the page, and the provider's access tokens.

    A token once found is trusted for five seconds: so long a revocation in another process may take. In
    this process `forget` makes it immediate. Used from one event loop.
    """

    def __init__(
        self,
        tokens: TokenStore,
        *,
        admin_password: Secret | None = None,
        admin_name: str = "admin",
        anonymous: Role | None = None,
        sso: SingleSignOn | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.tokens = tokens
        self.sso = sso
        self._admin = Principal.of(f"user:{admin_name}", admin_name, Role.ADMIN)
        self._admin_digests = None
        if admin_password is not None and admin_password.reveal():
            self._admin_digests = _sha256(admin_name), _sha256(admin_password.reveal())
        self._anonymous = Principal.nobody(anonymous) if anonymous else None
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._used: dict[bytes, datetime] = {}
        self._noted: dict[bytes, datetime] = {}

    async def authenticate(
        self, authorization: str | None, off_loop: OffLoop, *, session_id: str = ""
    ) -> Principal:
        """Who sends this header or, without one, this id of a session.

        Raises AuthenticationError; StoreError if tokens cannot be looked up, ProviderError if it takes the
        provider to know.
        """
        if not authorization:
            signed_in = await self._session(session_id, off_loop) if session_id else None
            if signed_in is not None:
                return signed_in
            if self._anonymous is None:
                raise _unauthorized()
            return self._anonymous
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return await self._bearer(credentials.strip(), off_loop)
        if scheme.lower() == "basic":
            return await self._basic(credentials.strip(), off_loop)
        raise _unauthorized()

    def recognise(self, authorization: str) -> Principal | None:
        """Who sends this header, if it is a token that was looked up a moment ago; None for any other."""
        scheme, _, text = authorization.partition(" ")
        digest = digest_of(text.strip()) if scheme.lower() == "bearer" else None
        if digest is None or (known := self._cached(digest)) is None:
            return None
        now = self._clock()
        if known.token.refusal(now):
            return None
        self._used[digest] = now
        return known.principal

    def forget(self) -> None:
        """Look every token up anew at its next use."""
        self._known.clear()

    def note_last_used(self) -> None:
        """Write when tokens were last used, for each at most once a minute. Blocks: call it off the loop.

        Raises StoreError; what could not be written is tried again the next time.
        """
        used, self._used = self._used, {}
        due = {
            digest: at
            for digest, at in used.copy().items()  # the loop may be about to add to it
            if digest not in self._noted or at - self._noted[digest] >= _LAST_USED_EVERY
        }
        if not due:
            return
        try:
            self.tokens.touch(due)
        except BaseException:
            for digest, at in due.items():
                self._used.setdefault(digest, at)
            raise
        self._noted |= due

    async def _bearer(self, text: str, off_loop: OffLoop) -> Principal:
        if self.sso is not None and self.sso.takes(text):
            return await self._by_sso_token(self.sso, text, off_loop)
        digest = digest_of(text)
        if digest is None:
            raise _unauthorized()
        known = self._cached(digest)
        if known is None:
            token = await off_loop(lambda: self.tokens.find(digest))
            # The look-up is by digest: its timing tells of the digest at most, never of the token.
            if token is None or not hmac.compare_digest(token.digest, digest):
                raise _unauthorized()
            known = self._keep(digest, token)
        now = self._clock()
        if known.token.refusal(now):
            raise _unauthorized()
        self._used[digest] = now
        return known.principal

    async def _by_sso_token(self, sso: SingleSignOn, text: str, off_loop: OffLoop) -> Principal:
        principal = await off_loop(lambda: sso.by_token(text))
        if principal is None:
            raise _unauthorized()
        return principal

    async def _session(self, session_id: str, off_loop: OffLoop) -> Principal | None:
        """Looked up at each call: where somebody signs out, they are out on every host at once."""
        sso = self.sso
        if sso is None:
            return None
        session = await off_loop(lambda: sso.find_session(session_id))
        return None if session is None else sso.by_session(session)

    async def _basic(self, credentials: str, off_loop: OffLoop) -> Principal:
        try:
            name, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise _unauthorized() from None
        if colon and name == "api_key":  # Grafana takes a token as the password of this user
            return await self._bearer(password, off_loop)
        if self._admin_digests is None:
            raise _unauthorized()
        same_name = hmac.compare_digest(_sha256(name), self._admin_digests[0])
        same_password = hmac.compare_digest(_sha256(password), self._admin_digests[1])
        if not (same_name & same_password):
            raise _unauthorized()
        return self._admin

    def _cached(self, digest: bytes) -> _Known | None:
        known = self._known.get(digest)
        if known is None or known.until <= time.monotonic():
            self._known.pop(digest, None)
            return None
        return known

    def _keep(self, digest: bytes, token: ApiToken) -> _Known:
        known = self._known[digest] = _Known(token, token.principal, time.monotonic() + _CACHE_SECONDS)
        while len(self._known) > _CACHED_TOKENS:
            self._known.popitem(last=False)
        return known


def _unauthorized() -> AuthenticationError:
    return AuthenticationError("Unauthorized")


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def first_admin_token(tokens: TokenStore) -> Secret | None:
    """The token of a first start: made, as `admin`, if there has never been one, else None."""
    if tokens.list():
        return None
    new = new_token()
    try:
        tokens.add(ApiToken(name="admin", digest=new.digest, role=Role.ADMIN))
    except TokenExistsError:  # another process started at the same moment
        return None
    return new.secret
