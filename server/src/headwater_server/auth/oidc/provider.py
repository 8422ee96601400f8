"""The provider over HTTP: what it publishes of itself and its keys, and codes exchanged for tokens."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

import urllib3
from attrs import frozen

from headwater.errors import ErrorSource, HeadwaterError

from .settings import OidcSettings, is_safe_address

_TIMEOUT_SECONDS = 5.0
_MOST_BYTES = 1024 * 1024
_METADATA_SECONDS = 3600.0
_RETRY_SECONDS = 2.0


class ProviderError(HeadwaterError):
    """The provider does not answer, or not as the standard says. Tokens of this host work meanwhile."""

    message_id = "auth.provider"
    status = 503
    source = ErrorSource.DOWNSTREAM
    retryable = True


class ProviderRefusalError(HeadwaterError):
    """The provider does not take what it was sent, such as a code that was used before."""

    message_id = "auth.signIn"
    status = 403
    source = ErrorSource.CALLER


@frozen
class Metadata:
    """What the provider publishes of itself (OpenID Connect Discovery)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    takes_secret_in_body: bool = False
    names_itself_in_answers: bool = False


class Provider:
    """Safe to use from several threads; every method may block for some seconds. Raises ProviderError."""

    def __init__(self, settings: OidcSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT_SECONDS, maxsize=4)
        self._lock = threading.Lock()  # guards what follows; held while the provider is asked
        self._metadata: Metadata | None = None
        self._read = float("-inf")
        self._failure: ProviderError | None = None
        self._failed = float("-inf")

    def metadata(self) -> Metadata:
        """Asked for once an hour. While the provider does not answer, the last one holds."""
        with self._lock:
            if self._metadata is None or self._clock() - self._read >= _METADATA_SECONDS:
                self._try_to_read()
            if self._metadata is None:
                assert self._failure is not None
                raise self._failure
            return self._metadata

    def keys(self) -> Mapping[str, Any]:
        """The key set as it is now."""
        return self._json("GET", self.metadata().jwks_uri)

    def exchange(self, code: str, verifier: str, redirect_uri: str) -> Mapping[str, Any]:
        """Tokens for an authorization code. Raises ProviderRefusalError too."""
        metadata, settings = self.metadata(), self._settings
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        secret = settings.client_secret.reveal() if settings.client_secret else ""
        if not secret:
            fields["client_id"] = settings.client_id
        elif metadata.takes_secret_in_body:
            fields |= {"client_id": settings.client_id, "client_secret": secret}
        else:
            pair = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        return self._json("POST", metadata.token_endpoint, headers, urlencode(fields).encode())

    def user_info(self, access_token: str) -> Mapping[str, Any]:
        """What the provider tells of the user besides the ID token."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return self._json("GET", self.metadata().userinfo_endpoint, headers)

    def close(self) -> None:
        self._pool.clear()

    def _try_to_read(self) -> None:
        """Not again at once after a failure: sign-ins must not queue up behind a provider that is down."""
        if self._clock() - self._failed < _RETRY_SECONDS:
            return
        try:
            url = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
            self._metadata = self._checked(self._json("GET", url))
            self._read = self._clock()
        except ProviderError as error:
            self._failed, self._failure = self._clock(), error

    def _checked(self, document: Mapping[str, Any]) -> Metadata:
        if document.get("issuer") != self._settings.issuer:
            raise self._wrong(f"it calls itself {str(document.get('issuer'))[:200]!r}")
        urls = {}
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
            url = document.get(name, "" if name == "userinfo_endpoint" else None)
            if not isinstance(url, str) or (url and not is_safe_address(url)):
                raise self._wrong(f"its {name} is no HTTPS address")
            urls[name] = url
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Metadata(
            **urls,
            takes_secret_in_body="client_secret_basic" not in methods,
            names_itself_in_answers=document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _json(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Mapping[str, Any]:
        sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        try:
            response = self._pool.request(
                method, url, headers=sent, body=body, redirect=False, preload_content=False
            )
            with response:
                text = response.read(_MOST_BYTES + 1, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._wrong(f"it does not answer ({type(error).__name__})") from None
        document = _object(text) if len(text) <= _MOST_BYTES else None
        if response.status in (400, 401, 403) and document is not None and "error" in document:
            raise ProviderRefusalError(f"The provider refused the sign-in: {error_code(document['error'])}.")
        if response.status != 200 or document is None:
            raise self._wrong(f"it answered with status {response.status} and not as it should")
        return document

    def _wrong(self, what: str) -> ProviderError:
        return ProviderError(
            f"Signing in through {self._settings.issuer} does not work now: {what}. Tokens of this host do."
        )


def _object(text: bytes) -> Mapping[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def error_code(value: object) -> str:
    """An error code of OAuth's, without anything else that somebody may have put there."""
    return "".join(each for each in str(value)[:60] if each.isascii() and (each.isalnum() or each in "_-"))
