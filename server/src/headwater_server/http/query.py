"""`POST /api/ds/query`: Grafana's JSON, JSON lines, Arrow, Parquet or CSV, as the client accepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.responses import Response

from headwater.calls import result_of
from headwater.errors import FrameError, HeadwaterError
from headwater.frames import (
    ARROW_CHUNKS_MEDIA_TYPE,
    ARROW_MEDIA_TYPE,
    JSON_LINES_MEDIA_TYPE as JSON_LINES,
    CacheStatus,
    iter_data_response,
)
from headwater.models import DataResponse, QueryDataResponse
from headwater.queries import AnswerCache, Hit, MetricQuery, parse_metric_request
from headwater_server.audit import query_hash
from headwater_server.auth import Action, PermissionDeniedError

from .call import BodyError, Call, decode_json
from .ready_answers import rendering_of, whole_answer
from .responses import CACHE_HEADER, CSV, JSON, OTHER_FORMS, PARQUET, ChunkedResponse
from .stream_query import arrow_answer, arrow_chunks_answer, csv_answer, json_lines_answer, parquet_answer

_HIT = {CACHE_HEADER: CacheStatus.HIT.value}
_READ_WITH_BODY = frozenset({"x-query-v2", "x-datasource-uid", "x-plugin-id"})
"""Headers that say more of what a body asks, or are checked against it."""
_SMALL_BYTES = 256 * 1024
"""Of Arrow data: up to here an answer is encoded where it was made, and sent whole."""


async def query(call: Call) -> Response | ChunkedResponse:
    body = await call.json_body()
    accepted = call.headers.get("accept", JSON)
    wants_json = not any(form in accepted for form in OTHER_FORMS)
    may_remember = wants_json and call.host.headwater.answer_cache is not None and not call.skips_cache
    queries = await _read(call, decode_json(body, dict[str, Any]))
    if wants_json:
        remembered = _remembered_answer(call, queries, body) if may_remember else None
        return remembered or await json_answer(call, queries)
    return await answer_queries(call, queries)


async def answer_queries(call: Call, queries: Sequence[MetricQuery]) -> Response | ChunkedResponse:
    """The answer to queries that the caller may run, in the form that it accepts."""
    accepted = call.headers.get("accept", JSON)
    if JSON_LINES in accepted:
        return await json_lines_answer(call, queries)
    if ARROW_CHUNKS_MEDIA_TYPE in accepted:
        return await arrow_chunks_answer(call, queries)
    if ARROW_MEDIA_TYPE in accepted:
        return await arrow_answer(call, queries)
    if PARQUET in accepted:
        return await parquet_answer(call, queries)
    if CSV in accepted:
        return await csv_answer(call, queries)
    return await json_answer(call, queries)


def _remembered_answer(call: Call, queries: Sequence[MetricQuery], body: bytes) -> Response | None:
    """The answer as ready bytes, if all of it is in memory and small."""
    host = call.host
    assert host.headwater.answer_cache is not None
    hits = host.headwater.remembered_answers(
        queries, call.headers_for_plugins, call.principal.user, call.max_age
    )
    if hits is None:
        return None
    parts = [_ready_json(host.headwater.answer_cache, hit) for hit in hits]
    members = [part for part in parts if part is not None]
    if len(members) < len(parts):
        return None
    if _READ_WITH_BODY.isdisjoint(call.headers):
        host.ready_answers.remember(call.request.scope["headers"], body, hits)
    call.record.count({hit.ref_id: hit.answer.rows for hit in hits}, {})
    return Response(whole_answer(members), media_type=JSON, headers=_HIT)


def _ready_json(cache: AnswerCache, hit: Hit) -> bytes | None:
    """The member of `results` that a ref id has; None for a large one."""
    name = rendering_of(hit.ref_id)
    if (ready := hit.answer.renderings.get(name)) is not None:
        return ready
    frames = hit.answer.frames
    if sum(frame.nbytes for frame in frames) > _SMALL_BYTES:
        return None
    named = [frame.with_ref_id(hit.ref_id) for frame in frames]
    try:
        answer = b"".join(iter_data_response(DataResponse(tuple(named))))
    except FrameError:
        return None
    ready = orjson.dumps(hit.ref_id) + b":" + answer
    cache.render(hit, name, ready)
    return ready


async def json_answer(call: Call, queries: Sequence[MetricQuery]) -> Response | ChunkedResponse:
    """All results in one object; 400, or 207 with `multi_status`, if any query failed."""
    host = call.host
    context = call.stack.enter_context(call.context(host.headwater.limits.timeout))
    reservation = call.stack.enter_context(await host.memory.reserve(context.remaining()))

    with await host.start_limiter.slot():
        started = call.querying.start_query_data(
            queries, context, user=call.principal.user, then=_encoded_if_small
        )
        answer, size, body = await result_of(started)
    reservation.resize(size)
    _count_rows(call, answer)
    status = _status(answer, call.host.options.multi_status)
    headers = _cache_header(answer)
    if body is not None:
        return Response(body, status, headers, JSON)
    from headwater.frames import iter_response

    return ChunkedResponse(
        iter_response(answer), host=host, context=context, media_type=JSON, status=status, headers=headers
    )


def _cache_header(answer: QueryDataResponse) -> dict[str, str]:
    """How much of the answer was remembered; nothing where no answer is."""
    found = {response.cache for response in answer.responses.values()}
    if found <= {None}:
        return {}
    if len(found) == 1:
        return {CACHE_HEADER: str(next(iter(found)))}
    from_memory = found <= {CacheStatus.HIT, CacheStatus.STALE}
    return {CACHE_HEADER: CacheStatus.STALE if from_memory else CacheStatus.PARTIAL}


def _encoded_if_small(answer: QueryDataResponse) -> tuple[QueryDataResponse, int, bytes | None]:
    """The answer, its bytes, and its JSON if that is short: made in the worker that brought the rows."""
    size = sum(
        frame.table.get_total_buffer_size() for each in answer.responses.values() for frame in each.frames
    )
    return (_encodable(answer), size, None) if size > _SMALL_BYTES else _encode(answer)


async def _read(call: Call, body: dict[str, Any]) -> Sequence[MetricQuery]:
    """The queries, each of which the caller may run."""
    queries = parse_metric_request(body, headers=call.headers)
    if len(queries) > call.host.options.max_queries:
        raise BodyError(f"A request has at most {call.host.options.max_queries} queries.")
    everywhere = call.principal.may(Action.QUERY)
    for each in queries:
        uid = each.data_source.uid
        if not uid and not everywhere:
            uid = await _uid_of(call, each.data_source.id)
        if not everywhere and not each.data_source.is_expressions:
            call.require(Action.QUERY, uid)
        if call.host.is_audited:
            call.record.add_event(
                "datasources:query",
                data_source=uid or f"id:{each.data_source.id}",
                query_hash=query_hash(each.query.json),
                ref_id=each.query.ref_id,
            )
    return queries


async def _uid_of(call: Call, data_source_id: int) -> str:
    """The uid of a data source that is named by its id. A caller does not learn whether it exists."""
    try:
        stored = await call.host.run(lambda: call.host.headwater.store.get_by_id(data_source_id))
    except HeadwaterError as error:
        raise PermissionDeniedError("Access denied to data source") from error
    return stored.uid


def _encodable(answer: QueryDataResponse) -> QueryDataResponse:
    """`answer` with an error in place of frames of types that Grafana's JSON cannot hold."""
    return QueryDataResponse({ref_id: _checked(each) for ref_id, each in answer.responses.items()})


def _checked(response: DataResponse) -> DataResponse:
    from headwater.frames import FrameInclude, encode_frame

    try:
        for frame in response.frames:
            encode_frame(frame.slice(0, 0), FrameInclude.SCHEMA)
    except FrameError as error:
        return DataResponse.from_error(error)
    return response


def _encode(answer: QueryDataResponse) -> tuple[QueryDataResponse, int, bytes]:
    """A small answer and its JSON. A ref id whose values cannot be written becomes an error."""
    from headwater.frames import encode_response

    try:
        body = encode_response(answer)
    except FrameError:
        answer = QueryDataResponse({ref_id: _written(ref_id, r) for ref_id, r in answer.responses.items()})
        body = encode_response(answer)
    return answer, len(body), body


def _written(ref_id: str, response: DataResponse) -> DataResponse:
    from headwater.frames import encode_response

    try:
        encode_response(QueryDataResponse({ref_id: response}))
    except FrameError as error:
        return DataResponse.from_error(error)
    return response


def _status(answer: QueryDataResponse, multi_status: bool) -> int:
    if all(each.error is None for each in answer.responses.values()):
        return 200
    return 207 if multi_status else 400


def _count_rows(call: Call, answer: QueryDataResponse) -> None:
    outcomes = answer.responses.items()
    rows = {key: sum(frame.table.num_rows for frame in each.frames) for key, each in outcomes}
    call.record.count(rows, {key: each.error for key, each in outcomes if each.error is not None})
