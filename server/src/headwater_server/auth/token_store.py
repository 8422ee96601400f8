"""Where tokens are kept."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from attrs import evolve, field, frozen

from headwater.errors import ErrorSource, HeadwaterError, ValidationError

from .permissions import Principal, Role, Scope


class TokenNotFoundError(HeadwaterError):
    message_id = "token.notFound"
    status = 404
    source = ErrorSource.CALLER


class TokenExistsError(HeadwaterError):
    message_id = "token.exists"
    status = 409
    source = ErrorSource.CALLER


@frozen
class ApiToken:
    """A service-account token as it is stored: its digest, never the token. Times are UTC.

    `scopes` come on top of those of `role`.
    """

    name: str
    digest: bytes = field(repr=False)
    role: Role | None = None
    scopes: tuple[Scope, ...] = ()
    created: datetime = field(factory=lambda: datetime.now(UTC))
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None

    def refusal(self, now: datetime) -> str:
        """Why it is no longer good, empty if it is."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else ""

    @property
    def principal(self) -> Principal:
        return Principal.of(f"token:{self.name}", self.name, self.role, self.scopes)


class TokenStore(Protocol):
    """Methods are safe to call from several threads. Failures of the store itself are StoreError."""

    def add(self, token: ApiToken) -> None:
        """Raises TokenExistsError if the name is taken, also by a revoked token; ValidationError."""

    def find(self, digest: bytes) -> ApiToken | None:
        """The token with this digest, good or not."""

    def list(self) -> Sequence[ApiToken]:
        """All tokens by name."""

    def revoke(self, name: str) -> None:
        """End a token for good. Raises TokenNotFoundError; revoking twice is no error."""

    def touch(self, used: Mapping[bytes, datetime]) -> None:
        """Note when tokens, by digest, were last used."""


def check_token_name(name: str) -> None:
    """Raises ValidationError unless `name` has 1 to 190 printable characters and no space at its ends."""
    if not 1 <= len(name) <= 190 or not name.isprintable() or name != name.strip():
        raise ValidationError("a token's name has 1 to 190 printable characters", path="name")


class MemoryTokenStore:
    """Tokens that end with the process: for embedding and tests."""

    def __init__(self, tokens: Iterable[ApiToken] = ()) -> None:
        self._lock = threading.Lock()  # guards the tokens
        self._tokens = {token.name: token for token in tokens}

    def add(self, token: ApiToken) -> None:
        check_token_name(token.name)
        with self._lock:
            if token.name in self._tokens:
                raise token_exists(token.name)
            self._tokens[token.name] = token

    def find(self, digest: bytes) -> ApiToken | None:
        with self._lock:
            return next((each for each in self._tokens.values() if each.digest == digest), None)

    def list(self) -> Sequence[ApiToken]:
        with self._lock:
            return [self._tokens[name] for name in sorted(self._tokens)]

    def revoke(self, name: str) -> None:
        with self._lock:
            if name not in self._tokens:
                raise no_such_token(name)
            if self._tokens[name].revoked is None:
                self._tokens[name] = evolve(self._tokens[name], revoked=datetime.now(UTC))

    def touch(self, used: Mapping[bytes, datetime]) -> None:
        with self._lock:
            for name, token in self._tokens.items():
                if token.digest in used:
                    self._tokens[name] = evolve(token, last_used=used[token.digest])


def token_exists(name: str) -> TokenExistsError:
    return TokenExistsError(f"A token with the name {name!r} already exists")


def no_such_token(name: str) -> TokenNotFoundError:
    return TokenNotFoundError(f"There is no token {name!r}")
