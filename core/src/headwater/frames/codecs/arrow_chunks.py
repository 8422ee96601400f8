"""Chunked answers with every type as it is: what hosts send each other, and `headwater.connect` reads.

An answer is a row of records. A record is a line of JSON and, if that has `bytes`, as many bytes behind it:
an Arrow stream with the rows of one chunk, name, ref id and meta in its schema.

    {"refId":"A","frameId":"0","bytes":2048}
    {"refId":"B","frameId":"0","error":"…","messageId":"query.invalid","status":400,"source":"caller"}
    {"progress":{"rows":65536,"bytes":1048576,"totalRows":0}}
    {"end":true}

Without the last record an answer has been cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import IO, Any

from headwater.errors import DownstreamConnectionError, ErrorSource, HeadwaterError, restored
from headwater.frames import json_text
from headwater.frames.errors import FrameDecodeError, FrameTooLargeError
from headwater.frames.json_records import as_int, as_mapping, as_text
from headwater.frames.responses import QueryChunk

from .arrow import decode_stream, encode_stream
from .grafana_json.decode import load
from .positions import position_from_json, position_to_json

ARROW_CHUNKS_MEDIA_TYPE = "application/vnd.headwater.chunks"
MAX_RECORD_BYTES = 512 * 1024 * 1024
_MAX_LINE = 256 * 1024


def encode_arrow_chunks(chunks: Iterable[QueryChunk]) -> Iterator[bytes]:
    """A record for each chunk, and one that says that these were all. Raises what `chunks` raises."""
    for chunk in chunks:
        rows = b"" if chunk.frame is None else b"".join(encode_stream(chunk.frame))
        head: dict[str, Any] = {"refId": chunk.ref_id, "frameId": chunk.frame_id}
        if chunk.frame is not None:
            head["bytes"] = len(rows)
        if chunk.error is not None:
            head |= _told(chunk.error)
        yield json_text.dumps(head) + b"\n" + rows
    yield b'{"end":true}\n'


def decode_arrow_chunks(
    source: IO[bytes],
    *,
    max_bytes: int = MAX_RECORD_BYTES,
    on_progress: Callable[[Mapping[str, Any]], object] = lambda _: None,
) -> Generator[QueryChunk, None, None]:
    """The chunks in `source`, a binary file that is read to the last record. Every value is checked.

    `on_progress` is told what records of progress hold. `max_bytes` is for the rows of one chunk.

    :raises DownstreamConnectionError: the answer ends before its last record.
    :raises FrameTooLargeError: a chunk is larger than `max_bytes`.
    :raises FrameDecodeError: a record is malformed.
    """
    while line := source.readline(_MAX_LINE):
        if not line.endswith(b"\n"):
            if len(line) == _MAX_LINE:
                raise FrameDecodeError("a record's first line is too long")
            break
        head = as_mapping(load(line, _MAX_LINE), "record")
        if head.get("end"):
            return
        if "progress" in head:
            on_progress(as_mapping(head["progress"], "progress"))
        else:
            yield _chunk(head, source, max_bytes)
    raise _cut_off()


def _chunk(head: Mapping[str, Any], source: IO[bytes], max_bytes: int) -> QueryChunk:
    ref_id, frame_id = as_text(head.get("refId"), "refId"), as_text(head.get("frameId"), "frameId")
    frame = None
    if "bytes" in head:
        size = as_int(head["bytes"], "bytes")
        if not 0 <= size <= max_bytes:
            raise FrameTooLargeError(f"a chunk has {size:,} bytes; the limit is {max_bytes:,}")
        rows = source.read(size)
        if len(rows) < size:
            raise _cut_off()
        frame = decode_stream(rows, max_batch_bytes=max_bytes).read_all()
    return QueryChunk(ref_id, frame_id, frame, _error(head))


def _told(error: HeadwaterError) -> dict[str, Any]:
    return {
        "error": str(error),
        "messageId": error.message_id,
        "status": error.status,
        "source": error.source.value,
        "retryable": error.retryable,
        **({} if error.position is None else {"position": position_to_json(error.position)}),
    }


def _error(head: Mapping[str, Any]) -> HeadwaterError | None:
    if "error" not in head:
        return None
    try:
        source = ErrorSource(as_text(head.get("source"), "source"))
    except ValueError as error:
        raise FrameDecodeError("unknown source of an error", path="source") from error
    told = restored(
        as_text(head.get("messageId"), "messageId"),
        as_text(head["error"], "error"),
        status=as_int(head.get("status"), "status"),
        source=source,
        retryable=head.get("retryable") is True,
    )
    if (place := head.get("position")) is not None:
        told.position = position_from_json(place, "position")
    return told


def _cut_off() -> DownstreamConnectionError:
    return DownstreamConnectionError("The answer was cut off before its end.", retryable=True)
