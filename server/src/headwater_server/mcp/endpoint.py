"""`McpEndpoint`: the tools at `/mcp` of the host (streamable HTTP): its tokens, limits and audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.types import Receive, Scope, Send

from headwater import Headwater
from headwater.calls import CallContext, result_of
from headwater.errors import HeadwaterError
from headwater.models import QueryDataResponse
from headwater.queries import MetricQuery
from headwater_server.audit import query_hash
from headwater_server.auth import Principal
from headwater_server.http.call import Call

from .caller import OnProgress
from .protocol import Context, mcp_server

R = TypeVar("R")
_CALL = "headwater.call"


class HttpCaller:
    """A caller of the HTTP API, who asked for a tool."""

    def __init__(self, call: Call) -> None:
        self._call = call

    @property
    def headwater(self) -> Headwater:
        return self._call.host.headwater

    @property
    def principal(self) -> Principal:
        return self._call.principal

    async def run(self, function: Callable[[], R]) -> R:
        return await self._call.host.run(function)

    def context(self, on_progress: OnProgress) -> AbstractContextManager[CallContext]:
        return self._call.context(self.headwater.limits.timeout, on_progress)

    async def ask(self, queries: Sequence[MetricQuery], context: CallContext) -> QueryDataResponse:
        host = self._call.host
        with await host.memory.reserve(context.remaining()), await host.start_limiter.slot():
            answer = await result_of(
                self.headwater.start_query_data(
                    queries, context, user=self.principal.user, then=lambda answer: answer
                )
            )
        frames = [frame for response in answer.responses.values() for frame in response.frames]
        self._call.record.count({"": sum(frame.num_rows for frame in frames)}, {})
        return answer

    def record(self, action: str, data_source: str, query: object) -> None:
        if self._call.host.is_audited:
            hashed = query_hash(query if isinstance(query, dict) else {"query": query})
            self._call.record.add_event(action, data_source=data_source, query_hash=hashed)

    def failed(self, error: HeadwaterError) -> None:
        self._call.record.count({}, {"": error})


class McpEndpoint:
    """Starts with the first request. Every request stands for itself: no session can be taken over."""

    def __init__(self) -> None:
        self._manager: StreamableHTTPSessionManager | None = None
        self._serving: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    async def handle(self, call: Call) -> _Answer:
        """What answers the request."""
        return _Answer(await self._started(), call)

    def close(self) -> None:
        """End what is running."""
        serving, self._serving, self._manager = self._serving, None, None
        if serving is not None and not serving.done():
            serving.get_loop().call_soon_threadsafe(serving.cancel)

    async def _started(self) -> StreamableHTTPSessionManager:
        async with self._lock:
            if self._manager is None or self._serving is None or self._serving.done():
                manager = StreamableHTTPSessionManager(mcp_server(_caller_of), stateless=True)
                started = asyncio.Event()
                self._serving = asyncio.create_task(_serve(manager, started))
                await started.wait()
                self._manager = manager
            return self._manager


class _Answer:
    def __init__(self, manager: StreamableHTTPSessionManager, call: Call) -> None:
        self._manager = manager
        self._call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._manager.handle_request({**scope, _CALL: self._call}, receive, send)


async def _serve(manager: StreamableHTTPSessionManager, started: asyncio.Event) -> None:
    async with manager.run():
        started.set()
        await asyncio.Event().wait()


def _caller_of(context: Context) -> HttpCaller:
    request: Any = context.request
    return HttpCaller(request.scope[_CALL])
