"""The native stream keeps every type and tells what happened on the way."""

from __future__ import annotations

import decimal
import gc
import io
import weakref
from collections.abc import Iterator

import pyarrow as pa
import pytest

from headwater.errors import DownstreamServerError
from headwater.frames import (
    Field,
    Frame,
    FrameDecodeError,
    FrameMeta,
    FrameStream,
    Notice,
    decode_stream,
    encode_stream,
)
from headwater.frames.codecs.arrow_source import CheckedSource


def native_frame() -> Frame:
    return Frame.from_fields(
        [
            Field("d", [decimal.Decimal("1.10"), None], labels={"a": "1"}),
            Field("t", pa.array([1, 2], pa.timestamp("us", "Europe/Berlin"))),
            Field("c", pa.array(["x", "y"]).dictionary_encode()),
            Field("l", [[1, None], []]),
            Field("m", pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64()))),
        ],
        name="n",
        ref_id="A",
        meta=FrameMeta(path="p"),
    )


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("batch_rows", [1, 100])
def test_every_native_type_comes_back(compression: str | None, batch_rows: int) -> None:
    frame = native_frame()
    data = b"".join(encode_stream(frame, compression=compression, batch_rows=batch_rows))
    assert decode_stream(data).collect() == frame
    assert pa.ipc.open_stream(data).read_all().equals(frame.table)


def test_a_stream_is_read_from_a_file_which_it_closes() -> None:
    file = io.BytesIO(b"".join(encode_stream(native_frame())))
    with decode_stream(file) as stream:
        assert next(stream).num_rows == 2
        assert not file.closed
    assert file.closed


def test_pieces_come_batch_by_batch() -> None:
    pulled = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal pulled
        for pulled in range(1, 4):
            yield pa.record_batch({"a": [pulled]})

    pieces = encode_stream(FrameStream(pa.schema([("a", pa.int64())]), batches()))
    next(pieces)
    assert pulled == 1
    next(pieces)
    assert pulled == 2


def test_a_notice_that_comes_up_on_the_way_arrives() -> None:
    frame = Frame.from_pydict({"a": list(range(100))}, meta=FrameMeta(path="p"))
    limited = FrameStream.from_frame(frame, batch_rows=10).limited(max_rows=25)
    read = decode_stream(b"".join(encode_stream(limited))).collect()
    assert read.num_rows == 25
    assert read.meta is not None
    assert read.meta.path == "p"
    assert read.notices == (
        Notice.warning("Results have been limited to 25 because the row limit was reached"),
    )


def test_the_producers_error_leaves_the_writer_and_closes_the_stream() -> None:
    closed: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": [1]})
        raise DownstreamServerError("gone")

    schema = pa.schema([("a", pa.int64())])
    pieces = encode_stream(FrameStream(schema, batches(), on_close=lambda: closed.append(1)))
    got = [next(pieces)]
    with pytest.raises(DownstreamServerError):
        next(pieces)
    assert closed == [1]
    with pytest.raises(FrameDecodeError, match="without its end mark"):
        decode_stream(b"".join(got)).collect()


def test_dropping_the_pieces_closes_the_stream() -> None:
    closed: list[int] = []
    stream = FrameStream.from_frame(native_frame())
    limited = FrameStream(stream.schema, stream, on_close=lambda: closed.append(1))
    pieces = encode_stream(limited)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert closed == [1]


@pytest.mark.parametrize("size", [1, 7, 1_000, 1_000_000])
def test_a_checked_stream_is_a_file_that_is_read_in_pieces_of_any_size(size: int) -> None:
    data = b"".join(encode_stream(native_frame()))
    source = CheckedSource(io.BytesIO(data), max_bytes=1_000_000, max_rows=1_000_000)
    assert b"".join(iter(lambda: source.read(size), b"")) == data


def test_a_stream_cut_anywhere_is_never_taken_for_a_whole_one() -> None:
    data = b"".join(encode_stream(native_frame()))
    for end in range(len(data) - 4):
        with pytest.raises(FrameDecodeError):
            decode_stream(data[:end]).collect()


@pytest.mark.parametrize("end", [0, 20, -60])
def test_what_a_damaged_stream_held_is_let_go(end: int) -> None:
    """Its error must not be kept by the file that Arrow reads: no garbage collector would find the two."""
    data = b"".join(encode_stream(native_frame()))[:end]
    with pytest.raises(FrameDecodeError) as raised:
        decode_stream(data).collect()
    error = weakref.ref(raised.value)
    del raised
    gc.collect()
    assert error() is None
