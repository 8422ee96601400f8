"""Calls of a host's HTTP API, with its errors as errors of the classes that it raised them with."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from headwater.calls.context import CallContext
from headwater.errors import (
    DownstreamAuthError,
    DownstreamProtocolError,
    HeadwaterError,
    LimitExceededError,
    ValidationError,
    restored,
)
from headwater.sdk.http import HttpClient, HttpClientSettings, HttpOptions, HttpResponse
from headwater.version import __version__

ANSWER_BYTES = 64 << 20
"""How large an answer may be that is no rows."""
SILENT_SECONDS = 24 * 3600.0
"""How long a host may think about a query without a deadline of its own."""


class HostApi:
    """One host. Thread-safe; connects with the first call."""

    def __init__(self, url: str, options: HttpOptions, *, allow_http: bool) -> None:
        settings = HttpClientSettings(url.rstrip("/"), options)
        self.in_clear: bool = settings.parsed.scheme == "http" and not settings.is_loopback
        if self.in_clear and options.bearer_token is not None and not allow_http:
            raise ValidationError(
                "the token would travel in clear: use https, or allow_http=True on a network that you trust",
                path="url",
            )
        self.origin: str = settings.origin
        self._client = HttpClient(settings, user_agent=f"headwater/{__version__}")

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        context: CallContext | None = None,
        **options: Any,
    ) -> HttpResponse:
        """The answer, its body not read; `body` goes as JSON, unless it is bytes.

        Raises what the host says is wrong, and Downstream* errors where it cannot be reached.
        """
        headers: dict[str, str] = dict(options.pop("headers", {}))
        if body is not None and not isinstance(body, bytes):
            headers.setdefault("Content-Type", "application/json")
            body = as_json(body)
        response = self._client.request(
            method, path, body=body, headers=headers, context=context, timeout=SILENT_SECONDS, **options
        )
        if response.status >= 400 and (error := self._error(response)) is not None:
            response.close()
            raise error
        return response

    def ask(
        self,
        method: str,
        *segments: str,
        body: Any = None,
        context: CallContext | None = None,
        answers: Collection[int] = (),
    ) -> Any:
        """The answer's JSON. `segments` are the parts of the path behind `/api`, `answers` the statuses
        beside success that come with one."""
        with self.send(method, api_path(*segments), body=body, context=context) as response:
            if response.status in answers:
                return self._read(response.error_body())
            response.raise_for_status()
            return self._read(response.read(ANSWER_BYTES))

    def not_a_host(self) -> DownstreamProtocolError:
        return DownstreamProtocolError(
            f"{self.origin} does not answer like a Headwater host. Is the URL right?"
        )

    def close(self) -> None:
        self._client.close()

    def _read(self, text: bytes) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            raise self.not_a_host() from error

    def _error(self, response: HttpResponse) -> HeadwaterError | None:
        """The error of the host itself; None for an answer that comes from a plugin, or from elsewhere."""
        try:
            body = json.loads(response.error_body())
        except ValueError:
            return None
        if not isinstance(body, dict) or not {"messageId", "message", "traceID"} <= body.keys():
            return None
        message_id, message = str(body["messageId"]), str(body["message"])
        if response.status == 401 and message_id == "auth.unauthorized":
            return DownstreamAuthError(f"{self.origin} does not know the token.")
        if message_id == "notFound":  # a host, but no path of its API
            return self.not_a_host()
        if message_id == "auth.forbidden":
            return DownstreamAuthError(f"{self.origin} refuses: {message}", status=403)
        if message_id == "request.tooMany":
            return LimitExceededError(message, status=response.status, retryable=True)
        extra = body.get("extra")
        path = extra.get("path") if isinstance(extra, Mapping) else None
        path = path if isinstance(path, str) else ""
        return restored(message_id, message, status=response.status, path=path)


def api_path(*segments: str) -> str:
    return "/".join(("api", *(quote(segment, safe="") for segment in segments)))


def as_json(value: Any) -> bytes:
    """Raises ValidationError for what JSON cannot hold."""
    try:
        return json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ValidationError(
            f"cannot be sent to another host: {error}. Give it as text, and cast it in the query: "
            "CAST(? AS DATE)",
            path="query",
        ) from error
