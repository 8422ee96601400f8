"""`create_app`: the HTTP API of a `Headwater` as an ASGI app, to be served or mounted anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from itertools import groupby

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from headwater import Headwater
from headwater_server.audit import AuditLog, NoAuditLog
from headwater_server.auth import Authenticator, CallerLimits, MemoryTokenStore, RequestLimiter
from headwater_server.metrics import HostMetrics

from .agents import Agents
from .cross_origin import for_pages_of
from .endpoint import Endpoint
from .errors import plain_error
from .host import Host
from .middleware import RequestMiddleware, path_here
from .openapi import describe
from .operations import Operation
from .options import HttpOptions
from .ready_endpoint import ReadyEndpoint
from .responses import json_response
from .routes import operations
from .sign_in import can_sign_in
from .static_files import page_routes

__all__ = ["HeadwaterApp", "Service", "create_app"]

_LAST_USED_SECONDS = 60.0
_QUERY_PATH = "/api/ds/query"

Service = Callable[[Host], AbstractAsyncContextManager[None]]
"""Something else that the same host answers by: entered in the app's event loop, left when it ends."""


def create_app(
    headwater: Headwater,
    *,
    authenticator: Authenticator | None = None,
    options: HttpOptions | None = None,
    limits: CallerLimits | None = None,
    audit: AuditLog | None = None,
    metrics: HostMetrics | None = None,
    services: Sequence[Service] = (),
) -> HeadwaterApp:
    """The HTTP API of `headwater`, which stays the caller's to close.

    Without an `authenticator` nobody may do anything but ask for health: give one with tokens, with a
    password, or with a role for everybody. Metrics of plugin calls need `metrics.plugin_middleware` among the
    middlewares of `headwater`. `services` run beside the app as long as its lifespan does. Several apps may
    live in one process.
    """
    metrics = metrics or HostMetrics()
    metrics.watch_plugins(headwater)
    if headwater.answer_cache is not None:
        metrics.watch_answers(headwater.answer_cache)
    host = Host(
        headwater,
        options or HttpOptions(),
        authenticator or Authenticator(MemoryTokenStore()),
        RequestLimiter(limits or CallerLimits()),
        audit or NoAuditLog(),
        metrics,
    )
    return HeadwaterApp(host, services)


class HeadwaterApp:
    """An ASGI app. Its lifespan is optional: an app mounted without one starts at the first request."""

    def __init__(self, host: Host, services: Sequence[Service] = ()) -> None:
        self.host = host
        self._services = services
        self._agents = Agents()
        endpoints = _endpoints(host, self._agents)
        self._fixed = {path: endpoint for path, endpoint in endpoints.items() if "{" not in path}
        self._router = Router(_routes(endpoints, host), redirect_slashes=False, lifespan=self._lifespan)
        self._others = ExceptionMiddleware(self._router, {HTTPException: _outside_of_handlers})
        self._requests: ASGIApp = RequestMiddleware(self._answer, host)
        if host.options.cors_origins:
            self._requests = for_pages_of(host.options.cors_origins, self._requests)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._requests(_below(self.host.options.prefix, scope), receive, send)
        else:
            await self._router(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Most requests are for a path without parameters, for which there is nothing to search."""
        endpoint = self._fixed.get(path_here(scope))
        if endpoint is not None:
            await endpoint(scope, receive, send)
        else:
            scope["app"] = self
            await self._others(scope, receive, send)

    def close(self) -> None:
        """End running queries and the app's threads."""
        self._agents.close()
        self.host.close()

    @asynccontextmanager
    async def _lifespan(self, _app: object) -> AsyncIterator[None]:
        async def note_last_used() -> None:
            while True:
                await asyncio.sleep(_LAST_USED_SECONDS)
                await self.host.run(self.host.note_last_used)

        noting = asyncio.create_task(note_last_used())
        try:
            async with AsyncExitStack() as running:
                for service in self._services:
                    await running.enter_async_context(service(self.host))
                yield
        finally:
            noting.cancel()
            self.close()


def _below(prefix: str, scope: Scope) -> Scope:
    """`scope` with the path that a proxy kept as its root; unchanged where it has none."""
    root = scope.get("root_path", "")
    if not prefix or not f"{scope.get('path', '').removeprefix(root)}/".startswith(f"{prefix}/"):
        return scope
    return {**scope, "root_path": root + prefix}


def _endpoints(host: Host, agents: Agents) -> dict[str, ASGIApp]:
    """One for each path, in the order of the table."""
    table = [*_documented(host), *agents.operations()]
    endpoints: dict[str, ASGIApp] = {
        path: Endpoint(host, path, list(group))
        for path, group in groupby(table, key=lambda operation: operation.path)
    }
    if host.headwater.answer_cache is not None:
        endpoints[_QUERY_PATH] = ReadyEndpoint(host, _QUERY_PATH, endpoints[_QUERY_PATH])
    return endpoints


def _documented(host: Host) -> list[Operation]:
    return operations(protect_metrics=host.options.protect_metrics, signs_in=can_sign_in(host))


def _routes(endpoints: Mapping[str, ASGIApp], host: Host) -> list[BaseRoute]:
    document = json_response(describe(_documented(host))).body

    async def openapi(request: Request) -> Response:
        request.scope["headwater.record"].route = "/api/openapi.json"
        return Response(document, media_type="application/json")

    return [
        *(Route(path, endpoint) for path, endpoint in endpoints.items()),
        Route("/api/openapi.json", openapi, methods=["GET"]),
        *page_routes(),
    ]


async def _outside_of_handlers(request: Request, error: Exception) -> Response:
    """What the router, or the page's files, refuse."""
    request_id = request.scope["headwater.record"].request_id
    assert isinstance(error, HTTPException)
    if error.status_code != 404:
        return plain_error(error.status_code, "request.refused", error.detail, request_id)
    path, root = request.scope["path"], request.scope.get("root_path", "")
    if path == root:  # the page's own links go from its folder
        return RedirectResponse(f"{path.rpartition('/')[2]}/")
    if path.removeprefix(root).startswith("/apis/"):
        return plain_error(404, "api.reserved", "This API is reserved for later versions.", request_id)
    return plain_error(404, "notFound", "Not found", request_id)
