"""`RestApi`: sends requests, authenticated, no faster than allowed, again when the server says so."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from attrs import evolve

from headwater.errors import DownstreamError, ValidationError
from headwater.sdk import CallContext, DataSourceInstanceSettings, Secret
from headwater.sdk.http import HttpClient, HttpClientSettings, HttpResponse

from . import __version__
from .oauth import TokenSource
from .requests import PageRequest
from .settings import RestSettings

_USER_AGENT = f"headwater-rest/{__version__}"
_MOST_WAIT = 30.0
"""Seconds between two tries, if the server does not say."""
_MOST_ASKED_WAIT = 3600.0
"""Seconds between two tries, if the server says and the call has no deadline."""


class RestApi:
    """Thread-safe."""

    def __init__(self, settings: RestSettings, instance: DataSourceInstanceSettings) -> None:
        own = HttpClientSettings.from_instance(instance)
        key = _api_key(settings)
        secret_headers: list[tuple[str, Secret | str]] = []
        if settings.auth is not None and key is not None and settings.auth.location == "header":
            secret_headers.append((settings.auth.name, key))
        self._http = evolve(own, headers=(*settings.headers.items(), *own.headers, *secret_headers))
        self._names_accept = any(name.lower() == "accept" for name, _ in self._http.headers)
        self._client = HttpClient(self._http, user_agent=_USER_AGENT)
        self._query_key = key if settings.auth is not None and settings.auth.location == "query" else None
        self._settings = settings
        self._tokens = TokenSource(settings, self._http, _USER_AGENT) if _uses_tokens(settings) else None
        self._pace = Pace(settings.rate_limit)

    @property
    def base_path(self) -> str:
        return self._http.parsed.path

    @property
    def origin(self) -> str:
        return self._http.origin

    def send(self, request: PageRequest, context: CallContext, *, max_bytes: int | None) -> HttpResponse:
        """The answer, if its status is one of success. Raises Downstream* errors and the call's own."""
        tries, refreshed = 0, False
        while True:
            self._pace.wait(context)
            response = self._request(request, context, max_bytes)
            if 200 <= response.status < 300:
                return response
            if response.status == 401 and self._tokens is not None and not refreshed:
                response.close()
                self._tokens.forget()
                refreshed = True
                continue
            with response:
                pause = _pause(response, tries) if tries < self._settings.max_retries else None
                left = context.remaining()
                if pause is None or pause >= (_MOST_ASKED_WAIT if left is None else left):
                    response.raise_for_status()
                    raise DownstreamError(f"{self.origin} answers with status {response.status}.")
            tries += 1
            context.wait(pause)

    def close(self) -> None:
        self._client.close()
        if self._tokens is not None:
            self._tokens.close()

    def _request(self, request: PageRequest, context: CallContext, max_bytes: int | None) -> HttpResponse:
        headers = dict(request.headers)
        if not self._names_accept and "accept" not in map(str.lower, headers):
            headers["Accept"] = request.accept
        content = request.content
        if content is not None:
            headers.setdefault("Content-Type", "application/json")
        if self._tokens is not None:
            headers["Authorization"] = f"Bearer {self._tokens.token(context).reveal()}"
        params = list(request.params)
        if self._query_key is not None and self._settings.auth is not None:
            params.append((self._settings.auth.name, self._query_key.reveal()))
        return self._client.request(
            request.method,
            link=request.link,
            params=params,
            headers=headers,
            body=content,
            context=context,
            idempotent=True,  # a query reads, whatever its method
            max_bytes=max_bytes,
        )


class Pace:
    """Starts requests at most `rate` times a second, in the order in which they come; 0: at once."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._lock = threading.Lock()  # guards when the next may start
        self._next = 0.0

    def wait(self, context: CallContext) -> None:
        """Raises the call's own error if it is over before its turn."""
        if not self._gap:
            return
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + self._gap
        if start > now:
            context.wait(start - now)


def _pause(response: HttpResponse, tries: int) -> float | None:
    """Seconds until the next try; None for statuses that do not ask for one (RFC 9110 §10.2.3)."""
    if response.status not in {429, 503}:
        return None
    said = response.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        at = parsedate_to_datetime(said)
    except (ValueError, OverflowError):
        return min(_MOST_WAIT, 0.5 * 2.0**tries)
    moment = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _api_key(settings: RestSettings) -> Secret | None:
    if settings.auth is None or settings.auth.type != "api_key":
        return None
    if settings.api_key is None:
        raise ValidationError("auth type api_key needs this secret", path="secureJsonData.apiKey")
    return settings.api_key


def _uses_tokens(settings: RestSettings) -> bool:
    return settings.auth is not None and settings.auth.type == "oauth2_client_credentials"
