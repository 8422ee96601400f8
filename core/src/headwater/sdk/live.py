"""A live data source as the plugin uses it: with the limiter of its queries, its coroutines waited for."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Generator, Iterator
from contextlib import closing
from typing import Any

from headwater.calls.context import CallContext
from headwater.calls.limiter import CallLimiter
from headwater.models import (
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthResult,
    Filter,
    Partitions,
)

from .data_source import AnyDataSource, Query, QueryResult
from .event_loop import EventLoopThread
from .resources import dispatch, routes_of

__all__ = ["LiveDataSource"]


class LiveDataSource:
    """The methods of a `DataSource`, whether they are functions, coroutines or asynchronous generators."""

    def __init__(self, data_source: AnyDataSource) -> None:
        self.limiter: CallLimiter = CallLimiter()
        self.data_source: AnyDataSource = data_source
        self._loop = EventLoopThread(f"headwater-{data_source.instance.type}-loop")

    def query(self, query: Query, context: CallContext) -> QueryResult:
        """See `DataSource.query`."""
        result: QueryResult = self._ended(self.data_source.query(query, context), context)
        return result

    def query_chunked(self, query: Query, context: CallContext) -> QueryResult:
        """See `DataSource.query_chunked`."""
        result: QueryResult = self._ended(self.data_source.query_chunked(query, context), context)
        return result

    def check_health(self, context: CallContext) -> CheckHealthResult:
        """See `DataSource.check_health`."""
        result: CheckHealthResult = self._ended(self.data_source.check_health(context), context)
        return result

    def call_resource(
        self, request: CallResourceRequest, context: CallContext
    ) -> Iterator[CallResourceResponse]:
        """The answer of the method whose route fits."""
        routes = routes_of(type(self.data_source))
        return dispatch(
            self.data_source, routes, request, context, lambda result: self._ended(result, context)
        )

    def partitions(
        self,
        query: Query,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None:
        """See `DataSource.partitions`."""
        divided = self.data_source.partitions(query, target, columns, filters, context)
        result: Partitions | None = self._ended(divided, context)
        return result

    def close(self) -> None:
        """Close the data source, then the loop that its coroutines ran on."""
        try:
            close: Callable[[], Any] = self.data_source.close
            if inspect.isawaitable(ended := close()):
                self._loop.wait(ended)
        finally:
            self._loop.close()

    def _ended(self, result: Any, context: CallContext) -> Any:
        if isinstance(result, list | tuple):
            return result
        if inspect.isawaitable(result):
            result = self._loop.wait(result, context)
        if isinstance(result, AsyncIterable):
            return _frames_or_rows(self._loop.iterate(result, context))
        return result


def _frames_or_rows(items: Generator[Any, None, None]) -> Any:
    """Items as they are, such as frames; a stream, if they are record batches."""
    import pyarrow as pa

    from headwater.frames import FrameStream

    first = next(items, None)

    def all_items() -> Iterator[Any]:
        with closing(items):
            if first is not None:
                yield first
                yield from items

    return FrameStream(first.schema, all_items()) if isinstance(first, pa.RecordBatch) else all_items()
