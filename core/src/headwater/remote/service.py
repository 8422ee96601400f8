"""Queries that a host elsewhere runs: what `QueryService` does, over HTTP."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from headwater.calls.context import CallContext
from headwater.frames import ARROW_CHUNKS_MEDIA_TYPE, decode_arrow_chunks
from headwater.models import QueryChunk, QueryDataResponse, User
from headwater.queries.request import MetricQuery, check_ref_ids

from .api import HostApi, api_path
from .collect import collect
from .named_queries import NamedRun

_HEADERS = {
    "Accept": ARROW_CHUNKS_MEDIA_TYPE,
    "X-Query-V2": "true",  # each query has a time range of its own
    "X-Headwater-Progress": "true",
}


_DAY = 24 * 3600.0
"""Nothing is remembered for longer."""


class RemoteQueryService:
    """One request for all queries. Who closes its answer early ends the queries at their data sources."""

    def __init__(self, api: HostApi) -> None:
        self._api = api

    def query_data(
        self, queries: Sequence[MetricQuery], context: CallContext, user: User | None = None
    ) -> QueryDataResponse:
        """An outcome per ref id, within the limits of `context`."""
        return collect(queries, self.query_chunked_data(queries, context, user), context.limits)

    def start(
        self,
        queries: Sequence[MetricQuery],
        context: CallContext,
        user: User | None = None,
        on_end: Callable[[Future[QueryDataResponse]], object] | None = None,
        *,
        here: bool = False,
    ) -> Future[QueryDataResponse]:
        """`query_data` in this thread, which is a worker's."""
        del here
        answer: Future[QueryDataResponse] = Future()
        if on_end is not None:
            answer.add_done_callback(on_end)
        try:
            answer.set_result(self.query_data(queries, context, user))
        except BaseException as error:
            answer.set_exception(error)
        return answer

    def query_chunked_data(
        self, queries: Sequence[MetricQuery], context: CallContext, user: User | None = None
    ) -> Generator[QueryChunk, None, None]:
        """The outcomes piece by piece, in bounded memory. `user` is whoever the token is of."""
        del user
        check_ref_ids(queries)

        def report(progress: Mapping[str, Any]) -> None:
            context.report_progress(
                rows=progress.get("rows", 0),
                bytes=progress.get("bytes", 0),
                total_rows=progress.get("totalRows", 0),
            )

        path, body = _request(queries)
        headers = {**_HEADERS, **_freshness(context)}
        response = self._api.send("POST", path, body=body, context=context, headers=headers)
        with response:
            if response.status >= 400:
                response.raise_for_status()
            if ARROW_CHUNKS_MEDIA_TYPE not in response.headers.get("content-type", ""):
                raise self._api.not_a_host()
            yield from decode_arrow_chunks(io.BufferedReader(response.raw), on_progress=report)
            context.check()


def _freshness(context: CallContext) -> dict[str, str]:
    """What the caller takes of what the host remembers."""
    if context.skip_cache:
        return {"Cache-Control": "no-cache"}
    if context.max_age is None:
        return {}
    ages = {"max-age": context.max_age, "max-stale": context.max_stale}
    return {"Cache-Control": ", ".join(f"{name}={int(min(age, _DAY))}" for name, age in ages.items())}


def _request(queries: Sequence[MetricQuery]) -> tuple[str, dict[str, Any]]:
    """Path and body."""
    if isinstance(run := queries[0], NamedRun):
        return api_path("queries", run.id, "run"), run.body()
    asked = [_query(each) for each in queries]
    return api_path("ds", "query"), {**asked[0]["timeRange"], "queries": asked}


def _query(asked: MetricQuery) -> dict[str, Any]:
    query, source = asked.query, asked.data_source
    range_ = query.time_range
    reference = {"uid": source.uid, "type": source.type} if source.uid else None
    return {
        **query.json,
        "refId": query.ref_id,
        "queryType": query.query_type,
        "maxDataPoints": query.max_data_points,
        "intervalMs": query.interval_ms,
        "timeRange": {"from": str(range_.from_ms), "to": str(range_.to_ms)},
        **({"datasource": reference} if reference else {"datasourceId": source.id}),
    }
