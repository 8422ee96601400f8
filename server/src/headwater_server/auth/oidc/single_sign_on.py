"""`SingleSignOn`: what the authenticator asks about sessions of the page and the provider's access tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from headwater_server.auth.permissions import Principal
from headwater_server.auth.sessions import Session, SessionStore, new_session_id, session_digest

from .identity import Identity
from .key_set import KeySet
from .provider import Provider
from .settings import OidcSettings
from .sign_in import SignIn
from .verify import TokenVerifier, looks_like_token


class SingleSignOn:
    """Nothing of it is remembered in the process but the provider's metadata and keys: any worker, on any
    host of the same store, goes on with what another began. Methods may block."""

    def __init__(
        self,
        settings: OidcSettings,
        sessions: SessionStore,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self._sessions = sessions
        self._clock = clock
        self._provider = Provider(settings)
        self._verifier = TokenVerifier(
            settings.issuer,
            KeySet(self._provider.keys),
            settings.algorithms,
            clock=lambda: clock().timestamp(),
        )
        self.sign_in = SignIn(settings, self._provider, self._verifier)

    def takes(self, token: str) -> bool:
        """Whether `token` is to be looked at here: a JWT, where programs may send such."""
        return bool(self.settings.audience) and looks_like_token(token)

    def by_token(self, token: str) -> Principal | None:
        """Whom an access token of the provider's names; None if it is not good. Raises ProviderError."""
        claims = self._verifier.claims(token, self.settings.audience)
        identity = None if claims is None else Identity.of(claims, self.settings.groups_claim)
        return None if identity is None else self.settings.grants.principal(identity)

    def by_session(self, session: Session) -> Principal | None:
        """Who is signed in by it; None if it has expired."""
        if self._clock() >= session.expires:
            return None
        identity = Identity(session.subject, session.name, session.groups)
        return self.settings.grants.principal(identity)

    def find_session(self, session_id: str) -> Session | None:
        """Raises StoreError."""
        digest = session_digest(session_id)
        return None if digest is None else self._sessions.find(digest)

    def begin_session(self, identity: Identity, before: str = "") -> str:
        """The id of a new session, for the browser's cookie; one that the browser had `before` ends.

        Raises StoreError.
        """
        self.end_session(before)
        made = new_session_id()
        digest, now = session_digest(made), self._clock()
        assert digest is not None
        self._sessions.add(
            Session(
                digest,
                identity.subject,
                identity.name,
                identity.groups,
                created=now,
                expires=now + self.settings.session_lifetime,
            )
        )
        return made

    def end_session(self, session_id: str) -> None:
        """Raises StoreError."""
        if (digest := session_digest(session_id)) is not None:
            self._sessions.remove(digest)

    def close(self) -> None:
        self._provider.close()
