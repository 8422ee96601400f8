"""`Caller`: who uses the tools, and how the host works for them."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

from headwater import Headwater
from headwater.calls import CallContext, Progress, WorkerPool, result_of
from headwater.errors import HeadwaterError
from headwater.models import QueryDataResponse
from headwater.queries import MetricQuery
from headwater_server.auth import Principal

R = TypeVar("R")
OnProgress = Callable[[Progress], object]


class Caller(Protocol):
    """One call of a tool."""

    @property
    def headwater(self) -> Headwater: ...
    @property
    def principal(self) -> Principal: ...

    async def run(self, function: Callable[[], R]) -> R:
        """What `function` returns, from a worker thread."""
        ...

    def context(self, on_progress: OnProgress) -> AbstractContextManager[CallContext]:
        """A context that ends with the call, however that ends."""
        ...

    async def ask(self, queries: Sequence[MetricQuery], context: CallContext) -> QueryDataResponse:
        """The answers, within the host's own bounds."""
        ...

    def record(self, action: str, data_source: str, query: object) -> None:
        """Have the audit log tell of it."""
        ...

    def failed(self, error: HeadwaterError) -> None:
        """Have the audit log tell why nothing came of it."""
        ...


class LocalCaller:
    """The person whose data directory it is: nobody else is on the other end of stdin."""

    def __init__(self, headwater: Headwater, principal: Principal, workers: WorkerPool) -> None:
        self.headwater = headwater
        self.principal = principal
        self._workers = workers

    async def run(self, function: Callable[[], R]) -> R:
        return await result_of(self._workers.submit(contextvars.copy_context().run, function))

    @contextmanager
    def context(self, on_progress: OnProgress) -> Iterator[CallContext]:
        limits = self.headwater.limits
        context = CallContext(timeout=limits.timeout, limits=limits, on_progress=on_progress)
        try:
            yield context
        except BaseException:
            # Somebody may still work for this context: it must hear of the end before it is forgotten. In a
            # worker, for a callback may block.
            self._workers.submit(context.cancel)
            raise
        context.close()

    async def ask(self, queries: Sequence[MetricQuery], context: CallContext) -> QueryDataResponse:
        return await result_of(
            self.headwater.start_query_data(
                queries, context, user=self.principal.user, then=lambda answer: answer
            )
        )

    def record(self, action: str, data_source: str, query: object) -> None:
        """Nobody but the caller reads the logs of this process."""

    def failed(self, error: HeadwaterError) -> None:
        pass
