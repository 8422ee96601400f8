"""Answers whose rows are sent while they arrive: JSON lines, Arrow, Parquet and CSV."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from attrs import evolve
from starlette.responses import Response

from headwater.calls import CallContext
from headwater.errors import FrameError, HeadwaterError, describe
from headwater.frames import (
    ARROW_CHUNKS_MEDIA_TYPE,
    ARROW_MEDIA_TYPE,
    JSON_LINES_MEDIA_TYPE as JSON_LINES,
    CacheStatus,
    FrameStream,
    encode_arrow_chunks,
    encode_chunks,
    encode_response,
    encode_stream,
)
from headwater.models import DataResponse, QueryChunk, QueryDataResponse
from headwater.queries import MetricQuery, stream_of

from .call import Call
from .progress import PROGRESS_HEADER, ProgressLines
from .responses import CACHE_HEADER, CSV, JSON, PARQUET, ChunkedResponse

_Found: TypeAlias = "dict[str, CacheStatus]"
"""By ref id, how much of an answer was remembered."""

_LINE_ROWS = 8192
"""Rows of one line at most: the first of a large answer should not wait for the last."""
_ROW_GROUP_BYTES = 16 * 1024 * 1024
"""Of Arrow data: what a Parquet answer holds before it is written, compressed and sent."""


async def json_lines_answer(call: Call, queries: Sequence[MetricQuery]) -> ChunkedResponse:
    """A line for each piece of a frame; an error is a line of its ref id. Always 200 once it has begun.

    With `X-Headwater-Progress: true` lines of progress come between them, and errors tell their place in the
    query's text.
    """
    positions = call.request.headers.get(PROGRESS_HEADER) == "true"
    return await _chunked_answer(call, queries, partial(_lines, positions=positions), JSON_LINES)


async def arrow_chunks_answer(call: Call, queries: Sequence[MetricQuery]) -> ChunkedResponse:
    """As `json_lines_answer`, with every type as it is: the rows of each piece as Arrow."""
    return await _chunked_answer(call, queries, encode_arrow_chunks, ARROW_CHUNKS_MEDIA_TYPE)


async def _chunked_answer(
    call: Call,
    queries: Sequence[MetricQuery],
    encode: Callable[[Iterator[QueryChunk]], Iterator[bytes]],
    media_type: str,
) -> ChunkedResponse:
    host = call.host
    wanted = call.request.headers.get(PROGRESS_HEADER) == "true"
    progress = ProgressLines() if wanted else None
    context = call.stack.enter_context(call.context(host.options.stream_timeout, progress))
    found: _Found = {}
    chunks = call.querying.query_chunked_data(queries, context, user=call.principal.user)
    response = ChunkedResponse(
        encode(_counted(chunks, call, found)), host=host, context=context, media_type=media_type, live=True
    )
    if progress is not None:
        progress.send = response.insert
    await response.wait_for_first()
    return _with_cache_header(response, queries, found)


async def arrow_answer(call: Call, queries: Sequence[MetricQuery]) -> ChunkedResponse | Response:
    """One frame as an Arrow IPC stream. An error before the first rows is Grafana's JSON with status 400."""
    only = _only(queries, "An Arrow stream holds one frame")
    host = call.host
    context = call.stack.enter_context(call.context(host.options.stream_timeout))
    found: _Found = {}
    chunks = _counted(
        call.querying.query_chunked_data(queries, context, user=call.principal.user), call, found
    )
    try:
        stream = await host.run(lambda: _only_frame(chunks, context))
    except _QueryFailedError as failure:
        return _failed(only, failure.error)
    response = ChunkedResponse(
        encode_stream(stream), host=host, context=context, media_type=ARROW_MEDIA_TYPE, live=True
    )
    return _with_cache_header(response, queries, found)


async def parquet_answer(call: Call, queries: Sequence[MetricQuery]) -> ChunkedResponse | Response:
    """One query's rows as a Parquet file; several frames are put below each other, labels as columns.

    An error before the first row group is Grafana's JSON with status 400.
    """
    from headwater_server.output.parquet import iter_parquet

    only = _only(queries, "A Parquet file holds one query's rows")
    write = partial(iter_parquet, row_group_bytes=_ROW_GROUP_BYTES)
    return await _file_answer(call, queries, only, write, PARQUET, keep_labels=True)


async def csv_answer(call: Call, queries: Sequence[MetricQuery]) -> ChunkedResponse | Response:
    """One query's rows as CSV; several frames are put below each other, labels as columns.

    An error before the first rows is Grafana's JSON with status 400.
    """
    from headwater_server.output.csv import iter_csv

    only = _only(queries, "CSV holds one query's rows")
    return await _file_answer(call, queries, only, iter_csv, f"{CSV}; charset=utf-8", live=True)


async def _file_answer(
    call: Call,
    queries: Sequence[MetricQuery],
    only: MetricQuery,
    write: Callable[[FrameStream], Iterator[bytes]],
    media_type: str,
    *,
    keep_labels: bool = False,
    live: bool = False,
) -> ChunkedResponse | Response:
    from headwater_server.output.rows import rows_of

    host = call.host
    context = call.stack.enter_context(call.context(host.options.stream_timeout))
    found: _Found = {}
    chunks = _counted(
        call.querying.query_chunked_data(queries, context, user=call.principal.user), call, found
    )
    failures: list[HeadwaterError] = []

    def noted() -> Generator[QueryChunk, None, None]:
        try:
            for chunk in chunks:
                if chunk.error is not None:
                    failures.append(chunk.error)
                yield chunk
        finally:
            _close(chunks)

    def pieces() -> Iterator[bytes]:
        with rows_of(noted(), context, lambda: None, keep_labels=keep_labels) as stream:
            yield from write(stream)

    response = ChunkedResponse(pieces(), host=host, context=context, media_type=media_type, live=live)
    try:
        await response.wait_for_first()
    except HeadwaterError as error:
        if error not in failures:
            raise
        return _failed(only, error)
    return _with_cache_header(response, queries, found)


def _with_cache_header(
    response: ChunkedResponse, queries: Sequence[MetricQuery], found: _Found
) -> ChunkedResponse:
    """Of several queries the last is not known yet when the head is sent: then nothing is said."""
    if len(queries) == 1 and found:
        response.add_header(CACHE_HEADER, next(iter(found.values())))
    return response


def _only(queries: Sequence[MetricQuery], what: str) -> MetricQuery:
    """The one query that is asked for; hidden ones beside it are what an expression is made from."""
    computes = any(each.data_source.is_expressions for each in queries)
    shown = [each for each in queries if not (computes and each.query.json.get("hide") is True)]
    if len(shown) != 1:
        raise FrameError(f"{what}: send one query, or accept text/jsonl.")
    return shown[0]


class _QueryFailedError(Exception):
    def __init__(self, error: HeadwaterError) -> None:
        super().__init__(str(error))
        self.error = error


def _failed(query: MetricQuery, error: HeadwaterError) -> Response:
    answer = QueryDataResponse({query.query.ref_id: DataResponse.from_error(error)})
    return Response(encode_response(answer), 400, media_type=JSON)


def _lines(chunks: Iterator[QueryChunk], *, positions: bool) -> Iterator[bytes]:
    """Chunks as lines. A frame that cannot be written ends the answer with an error line of its own."""
    last = QueryChunk("")

    def pieces() -> Iterator[QueryChunk]:
        nonlocal last
        for chunk in chunks:
            last = chunk
            yield from _split(chunk)

    try:
        yield from encode_chunks(pieces(), positions=positions)
    except FrameError as error:
        yield from encode_chunks([QueryChunk(last.ref_id, last.frame_id, error=error)])
    finally:
        _close(chunks)


def _split(chunk: QueryChunk) -> Iterator[QueryChunk]:
    frame = chunk.frame
    if frame is None or frame.table.num_rows <= _LINE_ROWS:
        yield chunk
        return
    for start in range(0, frame.table.num_rows, _LINE_ROWS):
        yield evolve(chunk, frame=frame.slice(start, _LINE_ROWS))


def _only_frame(chunks: Iterator[QueryChunk], context: CallContext) -> FrameStream:
    """The rows of the only frame. Waits for the first piece, which has the schema.

    Raises _QueryFailedError for an error before it; later ones end the stream.
    """
    first = next(chunks, None)
    if first is not None and first.frame is None:
        _close(chunks)
        raise _QueryFailedError(first.error or FrameError("The answer has no frame."))

    def of_one_frame() -> Generator[QueryChunk, None, None]:
        try:
            if first is not None:
                yield first
            for chunk in chunks:
                if chunk.error is None and first is not None and not chunk.belongs_to(first):
                    raise FrameError("The answer has several frames; accept text/jsonl.")
                yield chunk
        finally:
            _close(chunks)

    return stream_of(of_one_frame(), context)


def _counted(chunks: Iterator[QueryChunk], call: Call, found: _Found) -> Iterator[QueryChunk]:
    """`chunks`, of which the audit log is told rows and errors, and `found` how much was remembered."""
    rows: dict[str, int] = {}
    errors: dict[str, HeadwaterError] = {}
    call.record.count(rows, errors)
    try:
        for chunk in chunks:
            rows.setdefault(chunk.ref_id, 0)
            if chunk.frame is not None:
                rows[chunk.ref_id] += chunk.frame.table.num_rows
            if chunk.error is not None:
                errors[chunk.ref_id] = chunk.error
            if chunk.cache is not None:
                found.setdefault(chunk.ref_id, chunk.cache)
            yield chunk
    except Exception as error:
        raise describe(error) from error
    finally:
        _close(chunks)


def _close(chunks: Iterator[QueryChunk]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
