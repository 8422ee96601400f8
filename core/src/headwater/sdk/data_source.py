"""`DataSource`: what an author writes, and `Query`, the base of query models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import attrs

from headwater.models import (
    CheckHealthResult,
    DataQuery,
    DataSourceInstanceSettings,
    Filter,
    Partitions,
    TimeRange,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from headwater.calls.context import CallContext
    from headwater.frames import Frame, FrameStream

__all__ = ["AnyDataSource", "AsyncDataSource", "DataSource", "Query", "QueryResult"]


@attrs.frozen(kw_only=True)
class Query:
    """Base of query models: subclass it with the keys of your query, as attributes.

    `data_query` is the request around those keys: ref id, time range, suggested step.
    """

    data_query: DataQuery = attrs.field(factory=DataQuery, repr=False, metadata={"injected": True})

    @property
    def ref_id(self) -> str:
        """What the caller calls this query in its request."""
        return self.data_query.ref_id

    @property
    def time_range(self) -> TimeRange:
        """What the caller asks for."""
        return self.data_query.time_range

    @property
    def interval_ms(self) -> int:
        """Milliseconds between two points of a series that fit the caller's display."""
        return self.data_query.interval_ms

    @property
    def max_data_points(self) -> int:
        """How many points of a series the caller can use."""
        return self.data_query.max_data_points


QueryResult: TypeAlias = "Frame | FrameStream | pa.Table | Iterable[Frame] | None"
"""What `query` may return. None skips the query: its ref id gets no response."""

_NO_HEALTH_CHECK = CheckHealthResult.ok("Data source is loaded; it has no health check of its own.")

SettingsT = TypeVar("SettingsT")
QueryT = TypeVar("QueryT", bound=Query)


class _BaseDataSource(ABC, Generic[SettingsT, QueryT]):
    """What `DataSource` and `AsyncDataSource` have in common."""

    def __init__(self, settings: SettingsT, instance: DataSourceInstanceSettings, logger: Any = None) -> None:
        self.settings = settings
        self.instance = instance
        self.logger = logger

    def partitions(
        self,
        query: QueryT,  # noqa: ARG002
        target: int,  # noqa: ARG002
        columns: tuple[str, ...] | None,  # noqa: ARG002
        filters: tuple[Filter, ...],  # noqa: ARG002
        context: CallContext,  # noqa: ARG002
    ) -> Partitions | None:
        """Divide the result of `query` into about `target` parts, each a query of its own; None for one part.

        `columns` (None for all) and `filters` are what the reader needs. Apply of them what the source
        applies exactly, and say so in the answer; the rest is done by others.
        """
        return None


class DataSource(_BaseDataSource[SettingsT, QueryT]):
    """One live connection to one configured data source; several threads use it at once.

    Built anew whenever the configuration changes, closed when its last user has left. The constructor
    does no I/O: connect on first use, so that a source that is down fails its queries, not its loading.
    Methods marked with `@resource` answer resource calls.
    """

    @abstractmethod
    def query(self, query: QueryT, context: CallContext) -> QueryResult:
        """Run one query. Raise an error of `headwater.errors`; any other exception counts as a bug.

        Return a `FrameStream` for results of any size: the host collects it within limits, or passes
        it on batch by batch. Use `context.on_cancel` to end the work at the server.
        """

    def query_chunked(self, query: QueryT, context: CallContext) -> QueryResult:
        """As `query`, for a reader who takes the answer piece by piece. Override it where that is done in
        another way, as where it takes more requests to hold less at a time."""
        return self.query(query, context)

    def check_health(self, context: CallContext) -> CheckHealthResult:  # noqa: ARG002
        """Try the data source. Being down is a result (`CheckHealthResult.failed`), not an exception."""
        return _NO_HEALTH_CHECK

    def close(self) -> None:
        """Free connections and threads. Called once, when no query uses the object any more."""


class AsyncDataSource(_BaseDataSource[SettingsT, QueryT]):
    """A `DataSource` whose client is asynchronous: every method may be `async def`.

    They run on one event loop of the live data source, in a thread of its own, so a client that is made in
    the constructor and used in several queries stays on one loop. The end of a call, its deadline included,
    cancels the coroutine. What blocks belongs into a thread (`asyncio.to_thread`), or all queries of the
    data source wait for it.
    """

    @abstractmethod
    def query(
        self, query: QueryT, context: CallContext
    ) -> Coroutine[Any, Any, QueryResult] | AsyncIterator[Frame] | AsyncIterator[pa.RecordBatch]:
        """As `DataSource.query`: a coroutine that returns the same, or an asynchronous generator of frames,
        or of record batches of one schema, which is read as a stream."""

    def query_chunked(
        self, query: QueryT, context: CallContext
    ) -> Coroutine[Any, Any, QueryResult] | AsyncIterator[Frame] | AsyncIterator[pa.RecordBatch]:
        """As `DataSource.query_chunked`."""
        return self.query(query, context)

    async def check_health(self, context: CallContext) -> CheckHealthResult:  # noqa: ARG002
        """As `DataSource.check_health`."""
        return _NO_HEALTH_CHECK

    async def close(self) -> None:
        """As `DataSource.close`; has five seconds."""


AnyDataSource: TypeAlias = DataSource[Any, Any] | AsyncDataSource[Any, Any]
