"""Around every request: its id, safe headers, counting, logs, and an answer even when a handler fails."""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headwater.logs import get_logger

from .errors import plain_error
from .host import Host
from .record import RequestRecord

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_QUIET = _PROBES | {"/api/health"}
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"deny"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class RequestMiddleware:
    def __init__(self, app: ASGIApp, host: Host) -> None:
        self._app = app
        self._host = host
        self._logger = get_logger("headwater.http", over=host.headwater.logger)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        record = scope["headwater.record"] = RequestRecord(_request_id(headers), _address(scope))
        answer = _Answer(record, send, self._host)
        in_flight = self._host.metrics.http_in_flight
        in_flight.inc()
        try:
            if self._may_call(scope, headers):
                await self._app(_without_trailing_slash(scope), receive, answer.send)
            else:
                message = "This host is not known by that name; see the option allowed_hosts."
                refusal = plain_error(421, "request.host", message, record.request_id)
                await refusal(scope, receive, answer.send)
        except Exception as error:
            self._logger.error(  # noqa: TRY400 - the exception is given
                "A request failed.", request_id=record.request_id, route=record.route, exc_info=error
            )
            if record.status:
                raise
            failure = plain_error(500, "internal", "Internal Server Error", record.request_id)
            await failure(scope, receive, answer.send)
        finally:
            in_flight.dec()
            finish(self._host, record, scope["method"], self._logger)

    def _may_call(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        allowed = self._host.options.allowed_hosts
        if not allowed or path_here(scope) in _PROBES:  # probes ask by address
            return True
        name = headers.get(b"host", b"").decode("latin-1").lower()
        return re.sub(r":\d+$", "", name) in allowed


def finish(host: Host, record: RequestRecord, method: str, logger: Any) -> None:
    """Tell metrics, the audit log and the log how a request ended."""
    status = "499" if record.cancelled else str(record.status)
    counted = method if method in _METHODS else "other"  # a client may call it anything
    host.metrics.count_request(record.route, counted, status, record.milliseconds / 1000)
    if record.cancelled or record.status >= 400:
        host.garbage_collection.collect_soon()
    host.garbage_collection.trim_later()
    if host.is_audited:
        for event in record.audit_events():
            host.audit.write(event)
    log = logger.debug if record.route in _QUIET and record.status < 400 else logger.info
    log(
        "Request answered.",
        request_id=record.request_id,
        method=method,
        route=record.route,
        status=record.status,
        bytes=record.bytes,
        ms=round(record.milliseconds, 3),
        who=record.who,
        address=record.address,
        **({"cancelled": True} if record.cancelled else {}),
    )


def path_here(scope: Scope) -> str:
    """The path below where the app is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _without_trailing_slash(scope: Scope) -> Scope:
    """Grafana takes one slash behind any path of its API."""
    path = scope["path"]
    if path_here(scope).startswith("/api/") and path.endswith("/"):
        return {**scope, "path": path[:-1]}
    return scope


class _Answer:
    """`send` with the headers of every answer, and a count of what went out."""

    def __init__(self, record: RequestRecord, send: Send, host: Host) -> None:
        self._record = record
        self._send = send
        self._host = host

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._record.status = message["status"]
            _add_headers(message, self._record.request_id)
            if self._host.draining or self._host.leaving:
                message["headers"].append((b"connection", b"close"))
        elif message["type"] == "http.response.body":
            self._record.bytes += len(message.get("body", b""))
        await self._send(message)


def _add_headers(message: MutableMapping[str, Any], request_id: str) -> None:
    headers = list(message.get("headers", ()))
    present = {name.lower() for name, _ in headers}
    headers += [header for header in _SAFE_HEADERS if header[0] not in present]
    headers.append((b"x-request-id", request_id.encode()))
    message["headers"] = headers


def _request_id(headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode("ascii")
    return os.urandom(16).hex()


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
