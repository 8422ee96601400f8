"""Chunked answers: `text/jsonl`, one JSON object per line, rows of a frame appended chunk by chunk."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

import pyarrow as pa

from headwater.errors import HeadwaterError, describe
from headwater.frames import json_text
from headwater.frames.codecs.positions import position_from_json, position_to_json
from headwater.frames.errors import FrameDecodeError
from headwater.frames.frame import Frame
from headwater.frames.json_records import as_int, as_mapping, as_text
from headwater.frames.meta import FrameMeta
from headwater.frames.responses import QueryChunk
from headwater.frames.stream import DEFAULT_BATCH_ROWS, FrameStream

from .decode import MAX_BYTES, append_rows, frame_from_json, load
from .encode import FrameInclude, iter_frame
from .response import outcome, read_error

JSON_LINES_MEDIA_TYPE = "text/jsonl"


def encode_chunks(chunks: Iterable[QueryChunk], *, positions: bool = False) -> Iterator[bytes]:
    """A line for each chunk. The first chunk of a (ref id, frame id) has the schema, later ones only data.

    `positions`: errors that know theirs have `errorPosition`, which Grafana does not.

    :raises FrameError: a frame cannot be written.
    """
    seen: set[tuple[str, str]] = set()
    for chunk in chunks:
        key = (chunk.ref_id, chunk.frame_id)
        include = FrameInclude.DATA if key in seen else FrameInclude.ALL
        if chunk.frame is not None:
            seen.add(key)
        yield _line(chunk, include, positions)


def stream_chunks(
    stream: FrameStream | Frame, ref_id: str, frame_id: str = "0", *, batch_rows: int = DEFAULT_BATCH_ROWS
) -> Generator[QueryChunk, None, None]:
    """The chunks of one frame: one per batch, at least one, and a last one with the error if it fails.

    Notices that come up on the way, such as that of a limit, follow in a frame of their own that has meta
    and no fields: its frame id is `frame_id` with `-notices` behind. Closes the stream.
    """
    if isinstance(stream, Frame):
        stream = FrameStream.from_frame(stream, batch_rows=batch_rows)
    with stream:
        yield from _chunks(stream, ref_id, frame_id)


def _chunks(stream: FrameStream, ref_id: str, frame_id: str) -> Iterator[QueryChunk]:
    try:
        yield from rows_and_notices(stream, ref_id, frame_id)
    except HeadwaterError as error:
        yield QueryChunk(ref_id, frame_id, error=error)
    except Exception as error:
        yield QueryChunk(ref_id, frame_id, error=describe(error))


def rows_and_notices(stream: FrameStream, ref_id: str, frame_id: str = "0") -> Iterator[QueryChunk]:
    """As `stream_chunks`, but closes nothing and raises whatever the stream's producer raises."""
    started = False
    first_notices = stream.meta.notices if stream.meta is not None else ()
    described: tuple[str, FrameMeta | None] | None = None

    for batch in stream:
        started = True
        if described != (stream.name, stream.meta):
            described = (stream.name, stream.meta)
            # Notices that have come meanwhile are sent once, at the end.
            meta = stream.meta and stream.meta.with_(notices=first_notices)
            empty = Frame(_without_rows(stream.schema), stream.name, ref_id, meta)
        table = pa.Table.from_batches([batch], empty.schema)
        yield QueryChunk(ref_id, frame_id, empty.with_rows(table))
    if not started:
        empty = Frame(_without_rows(stream.schema), stream.name, ref_id, stream.meta)
        yield QueryChunk(ref_id, frame_id, empty)
    elif stream.meta is not None and stream.meta.notices != first_notices:
        meta = FrameMeta(notices=stream.meta.notices[len(first_notices) :])
        notices = Frame(pa.table({}), ref_id=ref_id, meta=meta)
        yield QueryChunk(ref_id, QueryChunk.notices_id(frame_id), notices)


def _without_rows(schema: pa.Schema) -> pa.Table:
    """As `schema.empty_table()`, which knows no unions, nor UUIDs within lists."""
    return pa.Table.from_batches([], schema)


def decode_chunks(lines: Iterable[bytes | str], *, max_line_bytes: int = MAX_BYTES) -> Iterator[QueryChunk]:
    """The chunks of `lines`, each with a frame of its own rows and the schema of its first chunk.

    :raises FrameDecodeError: a line is malformed, or data comes before its schema.
    """
    schemas: dict[tuple[str, str], Frame] = {}
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        path = f"line {number + 1}"
        members = as_mapping(load(line, max_line_bytes), path)
        ref_id = as_text(members.get("refId") or "", f"{path}.refId")
        frame_id = as_text(members.get("frameId") or "", f"{path}.frameId")
        frame = _chunk_frame(members.get("frame"), schemas, (ref_id, frame_id), f"{path}.frame")
        yield QueryChunk(ref_id, frame_id, frame, _chunk_error(members, path))


def _line(chunk: QueryChunk, include: FrameInclude, positions: bool) -> bytes:
    head = json_text.dumps({"refId": chunk.ref_id, "frameId": chunk.frame_id})[:-1]
    parts = [head]
    if chunk.frame is not None:
        parts += [b',"frame":', *iter_frame(chunk.frame, include)]
    told = outcome(chunk.error)
    if positions and chunk.error is not None and chunk.error.position is not None:
        told["errorPosition"] = position_to_json(chunk.error.position)
    parts += [b",", json_text.dumps(told)[1:], b"\n"]
    return b"".join(parts)


def _chunk_frame(
    value: Any, schemas: dict[tuple[str, str], Frame], key: tuple[str, str], path: str
) -> Frame | None:
    if value is None:
        return None
    if "schema" in as_mapping(value, path):
        frame = frame_from_json(value, path)
        schemas[key] = frame.slice(0, 0)
        return frame
    if key not in schemas:
        raise FrameDecodeError("data before its schema", path=path)
    return append_rows(schemas[key], value, path)


def _chunk_error(members: Any, path: str) -> HeadwaterError | None:
    message = as_text(members.get("error") or "", f"{path}.error")
    if not message:
        return None
    source = as_text(members.get("errorSource") or "", f"{path}.errorSource")
    error = read_error(message, source, as_int(members.get("status") or 500, f"{path}.status"))
    if (place := members.get("errorPosition")) is not None:
        error.position = position_from_json(place, f"{path}.errorPosition")
    return error
