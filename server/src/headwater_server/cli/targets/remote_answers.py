"""A query's answer from a remote host: Arrow with every type as it is, JSON lines for several frames."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import chain, islice
from typing import IO, cast

import orjson
import pyarrow as pa
from attrs import evolve, frozen

from headwater.calls import CallContext
from headwater.errors import DownstreamConnectionError, HeadwaterError
from headwater.frames import (
    ARROW_MEDIA_TYPE,
    JSON_LINES_MEDIA_TYPE as JSON_LINES,
    Frame,
    FrameDecodeError,
    FrameStream,
    decode_chunks,
    decode_response,
    decode_stream,
)
from headwater.models import QueryChunk
from headwater.sdk.http import HttpClient, HttpResponse

from .remote_errors import host_error, query_error

SILENCE_SECONDS = 3600.0
"""How long a host may be silent while a query runs; `--timeout` and Ctrl-C end it sooner."""
_AHEAD = 2
_ERROR_BYTES = 1024 * 1024


@frozen
class QueryCall:
    """One query. Closing its chunks, or cancelling the context, closes the connection: that cancels the
    query at the host."""

    client: HttpClient
    origin: str
    body: bytes
    context: CallContext

    def chunks(self) -> Generator[QueryChunk, None, None]:
        """An Arrow stream holds one frame: the host breaks it off where a second one begins. An answer of
        several begins with short ones, so that shows within the first batches, and the query is sent again
        for JSON lines. Those also name an error that broke the stream off."""
        response = self._send(ARROW_MEDIA_TYPE)
        try:
            stream = decode_stream(cast(IO[bytes], response.raw))
        except (DownstreamConnectionError, FrameDecodeError):
            yield from self._json_lines()
            return
        with stream:
            ahead = _look_ahead(stream)
            if ahead is not None:
                yield from self._chunks_of(stream, ahead)
                return
        yield from self._json_lines()

    def _chunks_of(self, stream: FrameStream, ahead: list[pa.RecordBatch]) -> Iterator[QueryChunk]:
        """At least one, for the schema; meta that came with the end of the stream has one of its own."""
        rows, meta = 0, stream.meta
        for batch in chain(ahead, stream):
            # Before more is read: closing over unread bytes resets the connection; the host sees it at once.
            self.context.check()
            rows += batch.num_rows
            self.context.report_progress(rows=rows)
            yield _chunk(stream, pa.Table.from_batches([batch], stream.schema))
        if not rows or stream.meta != meta:
            yield _chunk(stream, stream.schema.empty_table())

    def _json_lines(self) -> Iterator[QueryChunk]:
        with self._send(JSON_LINES) as response:
            for chunk in decode_chunks(_lines(response.stream_chunks())):
                if chunk.error is not None:
                    yield evolve(chunk, error=query_error(chunk.error))
                elif chunk.frame is not None:
                    yield evolve(chunk, frame=chunk.frame.with_(table=_instants(chunk.frame.table)))

    def _send(self, media_type: str) -> HttpResponse:
        """The answer, if it is of that type. Raises the error that came instead."""
        response = self.client.request(
            "POST",
            "api/ds/query",
            headers={"Accept": media_type, "Content-Type": "application/json"},
            body=self.body,
            context=self.context,
            timeout=SILENCE_SECONDS,
        )
        found = response.headers.get("content-type", "").partition(";")[0]
        if response.status == 200 and found == media_type:
            return response
        with response:
            raise self._error(response.read(_ERROR_BYTES), response.status)

    def _error(self, body: bytes, status: int) -> HeadwaterError:
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            parsed = None
        if isinstance(parsed, dict) and "results" in parsed:
            for each in decode_response(body).responses.values():
                if each.error is not None:
                    return query_error(each.error)
        return host_error(parsed, status, self.origin)


def _look_ahead(stream: FrameStream) -> list[pa.RecordBatch] | None:
    """The first batches; None if the answer broke off."""
    try:
        return list(islice(stream, _AHEAD))
    except (DownstreamConnectionError, FrameDecodeError):
        return None


def _chunk(stream: FrameStream, table: pa.Table) -> QueryChunk:
    return QueryChunk("A", "0", Frame(table, stream.name, "A", stream.meta))


def _instants(table: pa.Table) -> pa.Table:
    """Times in JSON are instants; their columns come without a time zone."""
    fields = [
        field.with_type(pa.timestamp(field.type.unit, "UTC"))
        if pa.types.is_timestamp(field.type) and field.type.tz is None
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields, table.schema.metadata))


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest: list[bytes] = []
    for piece in pieces:
        *whole, last = piece.split(b"\n")
        for line in whole:
            yield b"".join([*rest, line])
            rest = []
        rest.append(last)
    yield b"".join(rest)
