"""`QueryService`: one request, several data sources, side by side, none failing its neighbours."""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from attrs import frozen

from .errors import DataSourceNotFoundError, DeadlineExceededError, HeadwaterError
from .executor import WorkerPool
from .metric_request import DataSourceRef, MetricQuery
from .models import (
    DataQuery,
    DataResponse,
    PluginContext,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
    User,
)

if TYPE_CHECKING:
    from .client import PluginClient
    from .context import CallContext
    from .datasources import DataSource, DataSourceCache
    from .plugin_context import PluginContextProvider

__all__ = ["QueryService"]

R = TypeVar("R")
_GRACE_SECONDS = 5.0


@frozen
class _Group:
    """The queries of one request that go to one data source."""

    data_source: DataSource
    queries: tuple[DataQuery, ...]


class QueryService:
    """Resolves data sources, groups queries by them, runs the groups side by side, isolates failures.

    Each call into a plugin runs in a worker thread. When the call is over, by deadline or cancellation,
    the plugin has `grace` seconds to come back; then its worker is abandoned, the data source's instance
    replaced, and `abandoned` counted.
    """

    def __init__(
        self,
        cache: DataSourceCache,
        contexts: PluginContextProvider,
        client: PluginClient,
        workers: WorkerPool,
        *,
        concurrent_groups: int | None = None,
        grace: float = _GRACE_SECONDS,
    ) -> None:
        self._cache = cache
        self._contexts = contexts
        self._client = client
        self._workers = workers
        self._concurrent_groups = max(1, concurrent_groups or os.cpu_count() or 1)
        self._grace = grace
        self.abandoned = 0

    def query_data(
        self, queries: Sequence[MetricQuery], context: CallContext, user: User | None = None
    ) -> QueryDataResponse:
        """An outcome per ref id. Raises DataSourceNotFoundError if no data source of the request exists."""
        groups, responses = self._resolve(queries, context)
        gate = threading.Semaphore(self._concurrent_groups)
        calls = [self._start(group, context, user, gate) for group in groups]
        for outcome in calls:
            responses |= outcome()
        order = [each.query.ref_id for each in queries]
        return QueryDataResponse({ref_id: responses[ref_id] for ref_id in order if ref_id in responses})

    def query_chunked_data(
        self, queries: Sequence[MetricQuery], context: CallContext, user: User | None = None
    ) -> Iterator[QueryChunk]:
        """The outcomes piece by piece, one data source after the other, in bounded memory.

        Close the iterator to end the queries. Runs in the caller's thread: the consumer sets the pace.
        """
        groups, responses = self._resolve(queries, context)
        for ref_id, response in responses.items():
            yield QueryChunk(ref_id, error=response.error)
        for group in groups:
            try:
                request = self._request(group, context, user)
                yield from self._client.query_chunked_data(request, context)
            except HeadwaterError as error:
                for query in group.queries:
                    yield QueryChunk(query.ref_id, error=error)

    def _resolve(
        self, queries: Sequence[MetricQuery], context: CallContext
    ) -> tuple[list[_Group], dict[str, DataResponse]]:
        """Groups in the order of the request, and error responses for what could not be resolved."""
        found: dict[str, tuple[DataSource, list[DataQuery]]] = {}
        missing: dict[str, DataResponse] = {}
        first_error: HeadwaterError | None = None
        for each in queries:
            try:
                data_source = self._look_up(each.data_source, context)
            except DataSourceNotFoundError as error:
                first_error = first_error or error
                missing[each.query.ref_id] = DataResponse.from_error(error)
                continue
            found.setdefault(data_source.uid, (data_source, []))[1].append(each.query)
        if first_error is not None and not found:
            raise first_error
        return [_Group(data_source, tuple(grouped)) for data_source, grouped in found.values()], missing

    def _look_up(self, reference: DataSourceRef, context: CallContext) -> DataSource:
        if reference.uid:
            return self._cache.get_by_uid(reference.uid, skip_cache=context.skip_cache)
        return self._cache.get_by_id(reference.id, skip_cache=context.skip_cache)

    def _start(
        self, group: _Group, context: CallContext, user: User | None, gate: threading.Semaphore
    ) -> Callable[[], dict[str, DataResponse]]:
        """Start the group's call; the result waits for its outcome and never raises."""
        try:
            request = self._request(group, context, user)
        except HeadwaterError as error:
            failed = DataResponse.from_error(error)
            return lambda: dict.fromkeys((query.ref_id for query in group.queries), failed)

        def run() -> QueryDataResponse:
            with gate:
                return self._client.query_data(request, context)

        future = self._workers.submit(contextvars.copy_context().run, run)

        def outcome() -> dict[str, DataResponse]:
            try:
                return dict(self.wait(future, context, request.plugin_context).responses)
            except HeadwaterError as error:
                failed = DataResponse.from_error(error)
                return dict.fromkeys((query.ref_id for query in group.queries), failed)

        return outcome

    def _request(self, group: _Group, context: CallContext, user: User | None) -> QueryDataRequest:
        plugin_context = self._contexts.get_with_data_source(group.data_source, user)
        return QueryDataRequest(plugin_context, group.queries, _visible_headers(context.headers))

    def wait(self, future: Future[R], context: CallContext, plugin_context: PluginContext) -> R:
        """The future's result; once the call is over, for `grace` more seconds.

        Raises what the future raises, or DeadlineExceededError after abandoning the worker.
        """
        ended = threading.Event()
        future.add_done_callback(lambda _: ended.set())
        with context.on_cancel(ended.set):
            ended.wait()
        try:
            return future.result(timeout=self._grace)
        except TimeoutError:
            if future.done():
                raise
        self.abandoned += 1
        self._client.discard_instance(plugin_context)
        context.logger.error(
            "A plugin did not return after its call was over; its worker was abandoned.",
            plugin=plugin_context.plugin_id,
            abandoned=self.abandoned,
        )
        raise DeadlineExceededError(
            f"Plugin {plugin_context.plugin_id!r} did not return within {self._grace:g} s after the end of "
            "the call; its data source will be rebuilt."
        )


def _visible_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The caller's headers that every plugin may see: Grafana's tracing headers."""
    return {name: value for name, value in headers.items() if name.lower() in _TRACING_HEADERS}


_TRACING_HEADERS = frozenset(
    {
        "x-query-group-id", "x-panel-id", "x-dashboard-uid", "x-datasource-uid", "x-grafana-from-expr",
        "x-grafana-org-id", "x-panel-plugin-id", "x-dashboard-title", "x-panel-title", "fromalert",
    }
)  # fmt: skip
