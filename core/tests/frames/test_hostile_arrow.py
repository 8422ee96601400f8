"""Arrow from outside: bombs are refused before they go off, noise never gets through as a frame."""

from __future__ import annotations

import random
import resource
import struct
from collections.abc import Callable
from contextlib import suppress

import pyarrow as pa
import pyarrow.ipc
import pytest
from hypothesis import given, settings, strategies as st

from headwater.frames import (
    Field,
    Frame,
    FrameError,
    FrameTooLargeError,
    decode_grafana_file,
    decode_stream,
    encode_frame,
    encode_grafana_file,
    encode_stream,
)

MIB = 1024 * 1024


def bomb(kind: str) -> bytes:
    """64 MiB of zeros in a few kilobytes."""
    table = pa.table({"zeros": pa.array([0]).take(pa.array([0] * (8 * MIB)))})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    new = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with new(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def sample() -> Frame:
    return Frame.from_fields(
        [
            Field("time", pa.array(range(50), pa.timestamp("ns")), labels={"a": "b"}),
            Field("value", [None if number % 7 == 0 else number * 1.5 for number in range(50)]),
            Field("text", [f"text-{number}" for number in range(50)]),
            Field("flag", [number % 2 == 0 for number in range(50)]),
            Field("json", [{"n": number} for number in range(50)]),
        ],
        name="n",
        ref_id="A",
    )


FILE = encode_grafana_file(sample())
STREAM = b"".join(encode_stream(sample()))


def read_stream(data: bytes) -> Frame:
    return decode_stream(data).collect()


def use(frame: Frame) -> None:
    """What a host does with a frame; must not crash whatever the frame holds."""
    encode_frame(frame)
    repr(frame)
    assert frame == frame  # noqa: PLR0124 - compares every value


def test_a_compressed_file_is_refused_by_its_declared_size() -> None:
    data = bomb("file")
    assert len(data) < 100_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FrameTooLargeError, match=f"more than {MIB} bytes"):
        decode_grafana_file(data, max_bytes=MIB)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


def test_a_compressed_stream_is_refused_by_its_declared_size() -> None:
    with pytest.raises(FrameTooLargeError, match=f"more than {MIB} bytes"):
        decode_stream(bomb("stream"), max_batch_bytes=MIB).collect()


def test_rows_without_bytes_are_counted() -> None:
    data = b"".join(encode_stream(Frame(pa.table({"n": pa.nulls(5_000)}))))
    with pytest.raises(FrameTooLargeError, match="declares 5000 rows; the limit is 1000"):
        decode_stream(data, max_batch_rows=1_000).collect()


def test_a_declared_body_is_not_reserved_before_it_comes() -> None:
    head, arrow_body_length = STREAM[: STREAM.index(b"\xff\xff\xff\xff", 8)], struct.pack("<q", 2**40)
    batch = bytearray(STREAM[len(head) :])
    real = struct.pack("<q", pa.ipc.read_message(pa.BufferReader(bytes(batch))).body.size)
    place = batch.index(real)
    batch[place : place + 8] = arrow_body_length
    with pytest.raises(FrameTooLargeError, match="declares 1099511627776 bytes"):
        decode_stream(head + bytes(batch)).collect()


def test_a_negative_body_is_refused() -> None:
    head = STREAM[: STREAM.index(b"\xff\xff\xff\xff", 8)]
    batch = STREAM[len(head) :]
    real = struct.pack("<q", pa.ipc.read_message(pa.BufferReader(batch)).body.size)
    with pytest.raises(FrameError, match="an Arrow message declares a negative length"):
        decode_stream(head + batch.replace(real, struct.pack("<q", -1), 1)).collect()


@pytest.mark.parametrize(("kind", "read"), [("file", decode_grafana_file), ("stream", read_stream)])
def test_a_compressed_buffer_of_negative_size_is_refused(kind: str, read: Callable[[bytes], Frame]) -> None:
    magic = b"\x28\xb5\x2f\xfd"  # of zstd; the size stands before it
    before, _, after = bomb(kind).partition(struct.pack("<q", 64 * MIB) + magic)
    with pytest.raises(FrameError, match="a compressed buffer declares a negative length"):
        read(before + struct.pack("<q", -2) + magic + after)


@pytest.mark.parametrize(
    "data", [b"", b"ARROW1", b"ARROW1\0\0" + b"\0" * 99 + b"ARROW1", b"\xff" * 64, b"\0" * 64]
)
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        decode_grafana_file(data)
    with pytest.raises(FrameError):
        decode_stream(data).collect()


@given(st.integers(0, 2**32), st.integers(1, 4))
@settings(deadline=None, max_examples=400)
def test_flipped_bits_are_refused_or_harmless(seed: int, flips: int) -> None:
    source = random.Random(seed)
    for data, read in ((FILE, decode_grafana_file), (STREAM, read_stream)):
        broken = bytearray(data)
        for _ in range(flips):
            broken[source.randrange(len(broken))] ^= 1 << source.randrange(8)
        with suppress(FrameError):
            use(read(bytes(broken)))


@given(st.integers(0, len(FILE) - 1))
@settings(deadline=None, max_examples=200)
def test_a_truncated_file_is_refused(end: int) -> None:
    with pytest.raises(FrameError):
        decode_grafana_file(FILE[:end])


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_refused_or_harmless(noise: bytes) -> None:
    for data in (noise, STREAM[:200] + noise, FILE[:8] + noise + FILE[-100:]):
        for read in (decode_grafana_file, read_stream):
            with suppress(FrameError):
                use(read(data))
