"""Frames from elsewhere: Grafana's JSON, Arrow files and streams, chunked answers."""

from __future__ import annotations

import io

from fuzz.target import target
from headwater.errors import DownstreamConnectionError, DownstreamProtocolError, FrameError
from headwater.frames import (
    Frame,
    FrameDecodeError,
    decode_arrow_chunks,
    decode_chunks,
    decode_frame,
    decode_grafana_file,
    decode_response,
    decode_stream,
    encode_frame,
    encode_grafana_file,
    read_items,
    validate,
)

MIB = 1 << 20
JSON = (
    '{"schema":', '"fields":', '"name":', '"type":', '"typeInfo":', '"frame":', '"nullable":', '"labels":',
    '"config":', '"data":', '"values":', '"nanos":', '"entities":', '"NaN":', '"Inf":', '"NegInf":',
    '"meta":', '"notices":', '"results":', '"frames":', '"refId":', '"status":', '"error":', '"errorSource":',
    '"number"', '"time"', '"string"', '"boolean"', '"int64"', '"uint64"', '"float64"', '"time.Time"',
    '"json.RawMessage"', '"enum"', "null", "true", "1e999", "9223372036854775808", "-1", "[[", "]]", "{}",
    "[]", "\\ud800", "\n",
)  # fmt: skip
ARROW = (
    b"ARROW1\0\0", b"\xff\xff\xff\xff", b"\0\0\0\0", b"pandas", b"refId", b"meta", b"name", b"{}", b"zstd",
)  # fmt: skip


def use(frame: Frame) -> None:
    """What a host does with a frame, whatever it holds."""
    frame.table.validate(full=True)
    again = decode_frame(encode_frame(frame))
    assert again.num_rows == frame.num_rows, "rows are lost on the way"
    encode_grafana_file(frame)
    repr(frame)


@target(FrameError, tokens=JSON)
def json(data: bytes) -> None:
    use(decode_frame(data, max_bytes=MIB))


@target(FrameError, tokens=JSON)
def json_response(data: bytes) -> None:
    for response in decode_response(data).responses.values():
        for frame in response.frames:
            encode_frame(frame)


@target(FrameError, tokens=JSON)
def json_chunks(data: bytes) -> None:
    for chunk in decode_chunks(data.split(b"\n"), max_line_bytes=MIB):
        if chunk.frame is not None:
            encode_frame(chunk.frame)


@target(FrameError, tokens=ARROW, max_bytes=16_384)
def arrow_file(data: bytes) -> None:
    use(decode_grafana_file(data, max_bytes=MIB))


@target(FrameError, tokens=ARROW, max_bytes=16_384)
def arrow_stream(data: bytes) -> None:
    with decode_stream(data, max_batch_bytes=MIB, max_batch_rows=10_000) as stream:
        use(stream.read_all())


@target(
    FrameError, DownstreamConnectionError, DownstreamProtocolError, tokens=(*ARROW, *JSON), max_bytes=16_384
)
def arrow_chunks(data: bytes) -> None:
    """What a host elsewhere answers; `headwater.connect` reads it."""
    for chunk in decode_arrow_chunks(io.BytesIO(data)):
        if chunk.frame is not None:
            chunk.frame.table.validate(full=True)


@target(FrameError, FrameDecodeError, tokens=JSON)
def data_plane(data: bytes) -> None:
    """Frames whose kind is checked and read by readers of Grafana's data plane."""
    frame = decode_frame(data, max_bytes=MIB)
    validate([frame])
    read_items([frame])
