"""The authorization code flow with PKCE: out to the provider, and back with proof of who came."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from attrs import asdict, frozen

from headwater.errors import ErrorSource, HeadwaterError

from .identity import Identity, groups_of
from .provider import Provider, error_code
from .settings import OidcSettings
from .verify import TokenVerifier


class SignInError(HeadwaterError):
    """A sign-in that did not come to its end."""

    message_id = "auth.signIn"
    status = 400
    source = ErrorSource.CALLER


@frozen
class Attempt:
    """What the browser that began a sign-in keeps until it comes back; each part is good for one.

    It needs no seal: it is only compared with what the provider says, and who could write another browser's
    cookies could write its session there as well.
    """

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Attempt:
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    @classmethod
    def from_cookie(cls, text: str) -> Attempt | None:
        try:
            attempt = cls(**json.loads(urlsafe_b64decode(text)))
        except (ValueError, TypeError, RecursionError):
            return None
        return attempt if all(isinstance(part, str) for part in asdict(attempt).values()) else None

    @property
    def cookie(self) -> str:
        return urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


class SignIn:
    """Methods may block, and raise ProviderError while the provider does not answer."""

    def __init__(self, settings: OidcSettings, provider: Provider, verifier: TokenVerifier) -> None:
        self._settings = settings
        self._provider = provider
        self._verifier = verifier

    def address(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where at the provider the browser is sent."""
        endpoint = self._provider.metadata().authorization_endpoint
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self._settings.request_scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def finish(self, attempt: Attempt | None, answer: Mapping[str, str], redirect_uri: str) -> Identity:
        """Who came back with `answer`, the parameters of the provider's redirection.

        Raises SignInError, ProviderRefusalError.
        """
        state = answer.get("state", "")
        if attempt is None or not hmac.compare_digest(state.encode(), attempt.state.encode()):
            raise SignInError(
                "This sign-in was not begun in this browser, took too long, or has been used. Begin it anew."
            )
        self._check_sender(answer)
        if "error" in answer:
            raise _refusal(answer["error"])
        tokens = self._provider.exchange(answer.get("code", ""), attempt.verifier, redirect_uri)
        claims = self._proven(tokens.get("id_token"), attempt.nonce)
        identity = Identity.of(self._with_groups(claims, tokens), self._settings.groups_claim)
        if identity is None:
            raise SignInError("The provider does not say who signed in, in a form that can be used.")
        return identity

    def _check_sender(self, answer: Mapping[str, str]) -> None:
        """An answer of another provider must not reach the token endpoint of this one (RFC 9207)."""
        sender = answer.get("iss")
        if sender is None and not self._provider.metadata().names_itself_in_answers:
            return
        if sender != self._settings.issuer:
            raise SignInError("The answer to this sign-in is of another provider. Begin it anew.")

    def _proven(self, id_token: object, nonce: str) -> Mapping[str, Any]:
        claims = None
        if isinstance(id_token, str):
            claims = self._verifier.claims(id_token, self._settings.client_id)
        if claims is None or not _is_for(claims, self._settings.client_id):
            raise SignInError("The provider's word on who signed in is not good. Its operator can say why.")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise SignInError("The provider answered another sign-in than this one. Begin it anew.")
        return claims

    def _with_groups(self, claims: Mapping[str, Any], tokens: Mapping[str, Any]) -> Mapping[str, Any]:
        """Some providers tell names and groups only when they are asked with the access token."""
        access_token = tokens.get("access_token")
        knows_more = bool(self._provider.metadata().userinfo_endpoint) and isinstance(access_token, str)
        if groups_of(claims, self._settings.groups_claim) or not knows_more:
            return claims
        told = self._provider.user_info(str(access_token))
        return {**told, **claims} if told.get("sub") == claims["sub"] else claims


def _is_for(claims: Mapping[str, Any], client_id: str) -> bool:
    """A token for several must say that this client asked for it."""
    audience = claims["aud"]
    return claims.get("azp", client_id) == client_id and (
        isinstance(audience, str) or len(audience) == 1 or "azp" in claims
    )


def _refusal(error: str) -> SignInError:
    if error == "access_denied":
        return SignInError("The provider denied access, or the sign-in was given up there.", status=403)
    return SignInError(f"The provider ended the sign-in: {error_code(error)}.")
