"""`QueryService`: one request, several data sources, side by side, none failing its neighbours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import frozen

from headwater.calls.limiter import CallLimiter
from headwater.errors import HeadwaterError, describe
from headwater.models import (
    DataQuery,
    DataResponse,
    Filter,
    Partitions,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
    User,
)
from headwater.plugins.client import as_chunks

from .expressions import expressions_source, split, visible
from .request import DataSourceRef, MetricQuery, check_ref_ids

if TYPE_CHECKING:
    from headwater.calls.context import CallContext
    from headwater.calls.runner import CallRunner
    from headwater.datasources import DataSource, DataSourceCache
    from headwater.plugins.client import PluginClient
    from headwater.plugins.plugin_context import PluginContextProvider

__all__ = ["QueryService"]

_CONCURRENT_GROUPS = 16


@frozen
class _Group:
    """The queries of one request that go to one data source."""

    data_source: DataSource
    queries: tuple[DataQuery, ...]

    def failed(self, error: Exception) -> dict[str, DataResponse]:
        return dict.fromkeys((query.ref_id for query in self.queries), DataResponse.from_error(error))


class _Answer:
    """The outcomes of one request as they come; `future` ends with the last of `count`."""

    def __init__(
        self, queries: Sequence[MetricQuery], responses: Mapping[str, DataResponse], count: int
    ) -> None:
        self._queries = queries
        self._responses = dict(responses)
        self._lock = threading.Lock()  # guards the number of outcomes that are missing
        self._missing = count
        self.future: Future[QueryDataResponse] = Future()
        self.future.set_running_or_notify_cancel()

    def add(self, responses: Mapping[str, DataResponse]) -> None:
        with self._lock:
            self._responses |= responses
            self._missing -= 1
            complete = self._missing == 0
        if complete and not self.future.done():
            self.future.set_result(_in_order(self._queries, self._responses))

    def fail(self, error: BaseException) -> None:
        """End with what is no outcome of a query, such as an interrupt."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)


def _in_order(queries: Sequence[MetricQuery], found: Mapping[str, DataResponse]) -> QueryDataResponse:
    ref_ids = [each.query.ref_id for each in queries]
    return QueryDataResponse({ref_id: found[ref_id] for ref_id in ref_ids if ref_id in found})


class QueryService:
    """Resolves data sources, groups queries by them, runs the groups side by side, isolates failures."""

    def __init__(
        self,
        cache: DataSourceCache,
        contexts: PluginContextProvider,
        client: PluginClient,
        runner: CallRunner,
        *,
        concurrent_groups: int = _CONCURRENT_GROUPS,
    ) -> None:
        self._cache = cache
        self._contexts = contexts
        self._client = client
        self._runner = runner
        self._concurrent_groups = concurrent_groups

    @property
    def abandoned(self) -> int:
        """How many workers were given up because their plugin did not come back."""
        return self._runner.abandoned

    def query_data(
        self, queries: Sequence[MetricQuery], context: CallContext, user: User | None = None
    ) -> QueryDataResponse:
        """An outcome per ref id, in the order of `queries`; none for a query that its plugin skipped.

        Raises QueryRequestError, and DataSourceNotFoundError if no data source of the request exists.
        """
        if self._runner.in_callers_thread:
            return self._ask_here(queries, context, user)
        return self._runner.wait(lambda: self.start(queries, context, user), context)

    def _ask_here(
        self, queries: Sequence[MetricQuery], context: CallContext, user: User | None
    ) -> QueryDataResponse:
        check_ref_ids(queries)
        sources, expressions = split(queries)
        if not expressions:
            return _in_order(queries, self._ask_groups(queries, context, user))
        found = self._ask_groups(sources, context, user)
        return visible(queries, found | self._ask_groups(expressions, context, user, found))

    def _ask_groups(
        self,
        queries: Sequence[MetricQuery],
        context: CallContext,
        user: User | None,
        inputs: Mapping[str, DataResponse] | None = None,
    ) -> dict[str, DataResponse]:
        groups, responses = self._resolve(queries, context)
        for group, own in zip(groups, _contexts(context, len(groups)), strict=True):
            try:
                answer = self._client.query_data(self._request(group, own, user, inputs), own)
                responses |= answer.responses
            except Exception as error:
                responses |= group.failed(error)
        return responses

    def start(
        self,
        queries: Sequence[MetricQuery],
        context: CallContext,
        user: User | None = None,
        on_end: Callable[[Future[QueryDataResponse]], object] | None = None,
        *,
        here: bool = False,
    ) -> Future[QueryDataResponse]:
        """Start what `query_data` waits for. Raises as it does.

        Each data source is called in a worker of its own; `here`, the last of them in this thread, which is a
        worker's. `on_end` is called with the future in whatever thread ends it, while this one may still hang
        in a plugin. Expressions are computed when the data sources have answered.
        """
        check_ref_ids(queries)
        sources, expressions = split(queries)
        if not (sources and expressions):
            return self._start_groups(queries, context, user, on_end, here=here)
        answer: Future[QueryDataResponse] = Future()
        answer.set_running_or_notify_cancel()
        if on_end is not None:
            answer.add_done_callback(on_end)

        def compute(ended: Future[QueryDataResponse]) -> None:
            try:
                found = ended.result().responses
                self._start_groups(expressions, context, user, lambda last: finish(found, last), inputs=found)
            except BaseException as error:
                answer.set_exception(error)

        def finish(found: Mapping[str, DataResponse], ended: Future[QueryDataResponse]) -> None:
            try:
                answer.set_result(visible(queries, {**found, **ended.result().responses}))
            except BaseException as error:
                answer.set_exception(error)

        self._start_groups(sources, context, user, compute, here=here)
        return answer

    def _start_groups(
        self,
        queries: Sequence[MetricQuery],
        context: CallContext,
        user: User | None,
        on_end: Callable[[Future[QueryDataResponse]], object] | None,
        *,
        here: bool = False,
        inputs: Mapping[str, DataResponse] | None = None,
    ) -> Future[QueryDataResponse]:
        groups, responses = self._resolve(queries, context)
        answer = _Answer(queries, responses, len(groups))
        if on_end is not None:
            answer.future.add_done_callback(on_end)
        limiter = CallLimiter() if len(groups) > self._concurrent_groups else None
        for index, (group, own) in enumerate(zip(groups, _contexts(context, len(groups)), strict=True), 1):
            in_place = here and index == len(groups)
            self._start(group, own, user, limiter, answer, here=in_place, inputs=inputs)
        return answer.future

    def query_chunked_data(
        self, queries: Sequence[MetricQuery], context: CallContext, user: User | None = None
    ) -> Generator[QueryChunk, None, None]:
        """The outcomes piece by piece, one data source after the other, in bounded memory.

        Close the generator to end the queries. Runs in the caller's thread: the consumer sets the pace, and
        that is the bound; limits on rows and bytes, which are for collected frames, are lifted.
        What expressions are computed from is collected, within those limits.
        """
        check_ref_ids(queries)
        if split(queries)[1]:
            yield from as_chunks(self.query_data(queries, context, user))
            return
        groups, unresolved = self._resolve(queries, context)
        for ref_id, response in unresolved.items():
            yield QueryChunk(ref_id, error=response.error)
        with context.with_limits(max_rows=None, max_bytes=None) as unbounded:
            for group, own in zip(groups, _contexts(unbounded, len(groups)), strict=True):
                try:
                    request = self._request(group, own, user)
                    yield from self._client.query_chunked_data(request, own)
                except Exception as error:
                    for query in group.queries:
                        yield QueryChunk(query.ref_id, error=describe(error))

    def partitions(
        self,
        query: MetricQuery,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
        user: User | None = None,
    ) -> tuple[DataSource, Partitions]:
        """The data source of `query` as it is now, and how its plugin divides the result."""
        data_source = self._look_up(query.data_source, context)
        request = self._request(_Group(data_source, (query.query,)), context, user)

        def ask() -> Partitions:
            return self._client.partitions(request, target, columns, filters, context)

        answer = self._runner.wait(lambda: self._runner.start(ask, context, request.plugin_context), context)
        return data_source, answer

    def _resolve(
        self, queries: Sequence[MetricQuery], context: CallContext
    ) -> tuple[list[_Group], dict[str, DataResponse]]:
        """Groups in the order of the request, and error responses for what could not be resolved."""
        found: dict[str, tuple[DataSource, list[DataQuery]]] = {}
        unresolved: dict[str, DataResponse] = {}
        for each in queries:
            try:
                data_source = self._look_up(each.data_source, context)
            except HeadwaterError as error:
                unresolved[each.query.ref_id] = DataResponse.from_error(error)
                continue
            found.setdefault(data_source.uid, (data_source, []))[1].append(each.query)
        for response in unresolved.values():
            if response.error is not None and not found:
                raise response.error
        return [_Group(data_source, tuple(grouped)) for data_source, grouped in found.values()], unresolved

    def _look_up(self, reference: DataSourceRef, context: CallContext) -> DataSource:
        if reference.is_expressions:
            return expressions_source()
        if reference.uid:
            return self._cache.get_by_uid(reference.uid, skip_cache=context.skip_cache)
        return self._cache.get_by_id(reference.id, skip_cache=context.skip_cache)

    def _start(
        self,
        group: _Group,
        context: CallContext,
        user: User | None,
        limiter: CallLimiter | None,
        answer: _Answer,
        *,
        here: bool,
        inputs: Mapping[str, DataResponse] | None,
    ) -> None:
        """Start the group's call, whose outcome goes to `answer`, failures included."""
        try:
            request = self._request(group, context, user, inputs)
        except Exception as error:
            answer.add(group.failed(error))
            return

        def run() -> QueryDataResponse:
            if limiter is None:
                return self._client.query_data(request, context)
            with limiter.slot(context, self._concurrent_groups):
                return self._client.query_data(request, context)

        def ended(outcome: Future[QueryDataResponse]) -> None:
            error = outcome.exception()
            if error is None:
                answer.add(outcome.result().responses)
            elif isinstance(error, Exception):
                answer.add(group.failed(error))
            else:
                answer.fail(error)

        self._runner.start(run, context, request.plugin_context, ended, here=here)

    def _request(
        self,
        group: _Group,
        context: CallContext,
        user: User | None,
        inputs: Mapping[str, DataResponse] | None = None,
    ) -> QueryDataRequest:
        plugin_context = self._contexts.get_with_data_source(group.data_source, user)
        return QueryDataRequest(
            plugin_context, group.queries, _visible_headers(context.headers), inputs or {}
        )


def _contexts(context: CallContext, groups: int) -> Sequence[CallContext]:
    """One for each group. Those of several are their own only if somebody watches how far they have come."""
    return context.children(groups) if groups > 1 and context.hears_progress else [context] * groups


def _visible_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The caller's headers that every plugin may see: Grafana's tracing headers."""
    return {name: value for name, value in headers.items() if name.lower() in _TRACING_HEADERS}


_TRACING_HEADERS = frozenset(
    {
        "x-query-group-id", "x-panel-id", "x-dashboard-uid", "x-datasource-uid", "x-grafana-from-expr",
        "x-grafana-org-id", "x-panel-plugin-id", "x-dashboard-title", "x-panel-title", "fromalert",
    }
)  # fmt: skip
