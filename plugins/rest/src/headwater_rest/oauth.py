"""Tokens by OAuth 2.0 client credentials (RFC 6749 §4.4)."""

from __future__ import annotations

import base64
import threading
import time
from urllib.parse import quote

import msgspec

from headwater.errors import DownstreamAuthError, DownstreamProtocolError, ValidationError
from headwater.sdk import CallContext, Secret
from headwater.sdk.http import HttpClient, HttpClientSettings, HttpOptions

from .settings import RestSettings

_EARLY = 30.0
"""Seconds before its end at which a token is not used any more."""
_MOST_BYTES = 1024 * 1024


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: float | str | None = None


class TokenSource:
    """One token for all queries, asked for when it is needed. Thread-safe."""

    def __init__(self, settings: RestSettings, http: HttpClientSettings, user_agent: str) -> None:
        assert settings.auth is not None
        if settings.client_secret is None:
            raise ValidationError(
                "auth type oauth2_client_credentials needs this secret", path="secureJsonData.clientSecret"
            )
        self._auth = settings.auth
        self._secret = settings.client_secret
        self._client = HttpClient(_settings(settings, http), user_agent=user_agent)
        self._lock = threading.Lock()  # guards the two below, and lets one call ask at a time
        self._token: Secret | None = None
        self._ends = 0.0

    def token(self, context: CallContext) -> Secret:
        """Raises Downstream* errors, and the call's own error."""
        while not self._lock.acquire(timeout=0.1):  # another call asks, perhaps a slow server
            context.check()
        try:
            if self._token is None or time.monotonic() >= self._ends:
                self._token, lasts = self._ask(context)
                self._ends = time.monotonic() + max(1.0, lasts - _EARLY)
            return self._token
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Ask anew at the next call: the server does not take it."""
        self._ends = 0.0

    def close(self) -> None:
        self._client.close()

    def _ask(self, context: CallContext) -> tuple[Secret, float]:
        auth = self._auth
        form = {"grant_type": "client_credentials", **auth.access_token_request_data}
        headers = {"Accept": "application/json"}
        if auth.scopes:
            form["scope"] = " ".join(auth.scopes)
        if auth.client_authentication == "body":
            form |= {"client_id": auth.client_id, "client_secret": self._secret.reveal()}
        else:  # both parts are form-encoded first, RFC 6749 §2.3.1
            pair = f"{quote(auth.client_id, safe='')}:{quote(self._secret.reveal(), safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        with self._client.request("POST", form=form, headers=headers, context=context) as response:
            if response.status in {400, 401, 403}:
                raise DownstreamAuthError(
                    f"The token server refused the client credentials (status {response.status})"
                    f": {response.excerpt() or 'no reason given'}",
                    status=response.status,
                )
            response.raise_for_status()
            body = response.read(_MOST_BYTES)
        try:
            answer = msgspec.json.decode(body, type=_Answer)
            lasts = 300.0 if answer.expires_in is None else float(answer.expires_in)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise DownstreamProtocolError("The token server's answer holds no access_token.") from error
        return Secret(answer.access_token), lasts


def _settings(settings: RestSettings, http: HttpClientSettings) -> HttpClientSettings:
    """How the token server is reached: by the same proxy and authorities, without the API's credentials."""
    assert settings.auth is not None
    options = HttpOptions(
        timeout=settings.timeout,
        dial_timeout=settings.dial_timeout,
        proxy_url=settings.proxy_url,
        tls_auth_with_ca_cert=settings.tls_auth_with_ca_cert,
        tls_ca_cert=settings.tls_ca_cert,
        tls_skip_verify=settings.tls_skip_verify,
    )
    return HttpClientSettings(settings.auth.access_token_url, options, address_policy=http.address_policy)
