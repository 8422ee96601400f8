"""What a hostile MySQL server sends: both decoders read it, and must agree."""

from __future__ import annotations

from contextlib import suppress

import pyarrow as pa

from fuzz.target import target
from headwater_mysql.decode.choice import NATIVE, NUMPY, DecoderFactory, choose_decoder
from headwater_mysql.decode.rows import Framing
from headwater_mysql.protocol.packets import (
    MalformedPacketError,
    ServerError,
    parse_eof,
    parse_error,
    parse_ok,
)
from headwater_mysql.protocol.results import (
    LocalInfileRefusedError,
    ResultColumns,
    ResultReader,
    ResultRows,
    parse_prepared,
)

REFUSED = (MalformedPacketError, ServerError, LocalInfileRefusedError)
DECODERS = {name: choose_decoder(name)[1] for name in (NATIVE, NUMPY)}
PIECES = (
    b"\xfe\x00\x00\x02\x00", b"\xfe\x00\x00\x02\x00\x00\x00", b"\x00\x00\x00\x02\x00\x00\x00",
    b"\xff\x28\x04#42000", b"\x03def\0\0\0\x01c\0\x0c", b"\xfb", b"\xfc\xff\xff", b"\xfd\xff\xff\xff",
    b"\xfe" + b"\xff" * 8, b"2024-02-30", b"0000-00-00", b"838:59:59.999999", b"-99999999999999999999.5",
    b"1e400", b"nan", b"\x04\xe8\x07\x02\x1d",
)  # fmt: skip


@target(*REFUSED, tokens=PIECES)
def result(data: bytes) -> None:
    """Bytes as they come: the first one says how rows travel."""
    _compare(data[:1], data[1:])


@target(*REFUSED, tokens=PIECES)
def packets(data: bytes) -> None:
    """The same behind correct frames: each piece is a length of one byte and a packet."""
    sent, at, sequence = bytearray(), 1, 1
    while at < len(data):
        packet = data[at + 1 : at + 1 + data[at]]
        sent += len(packet).to_bytes(3, "little") + bytes((sequence & 0xFF,)) + packet
        at, sequence = at + 1 + len(packet), sequence + 1
    _compare(data[:1], bytes(sent))


@target(*REFUSED, tokens=PIECES)
def replies(data: bytes) -> None:
    """Packets around results."""
    for read in (parse_ok, parse_eof, parse_error):
        with suppress(MalformedPacketError):
            read(data)
    parse_prepared(data)


def _compare(first: bytes, sent: bytes) -> None:
    flags = first[0] if first else 0
    framing = Framing(
        binary=bool(flags & 1),
        deprecate_eof=bool(flags & 2),
        batch_rows=3 if flags & 4 else 65_536,
        max_row_bytes=4096,
    )
    native, numpy = (_outcome(DECODERS[name], framing, sent, utc=bool(flags & 8)) for name in (NATIVE, NUMPY))
    assert native[1] == numpy[1], f"the decoders end in different ways: {native[1]}, {numpy[1]}"
    if native[1] is None:
        assert len(native[0]) == len(numpy[0]), "the decoders give different tables"
        for one, other in zip(native[0], numpy[0], strict=True):
            assert _same(one, other), f"the decoders differ: {one.to_pylist()}, {other.to_pylist()}"


def _outcome(
    decoder: DecoderFactory, framing: Framing, sent: bytes, *, utc: bool
) -> tuple[list[pa.Table], type[Exception] | None]:
    """The tables of all results, and what ended them: None for their regular end."""
    reader = ResultReader(framing, decoder, utc=utc)
    tables: list[pa.Table] = []
    at = 0
    try:
        while not reader.done:
            step = reader.next_step()
            if step is None:
                if at == len(sent):  # a decoder may look at rows only once a batch is taken
                    return tables, MalformedPacketError
                space = reader.space()
                piece = sent[at : at + len(space)]
                space[: len(piece)] = piece
                reader.received(len(piece))
                at += len(piece)
            elif isinstance(step, ResultColumns):
                tables.append(
                    pa.table([pa.array([], each.type) for each in step.plan.schema], step.plan.schema)
                )
            elif isinstance(step, ResultRows):
                step.batch.validate(full=True)
                tables[-1] = pa.concat_tables([tables[-1], pa.Table.from_batches([step.batch])])
    except REFUSED as error:
        return tables, type(error)
    return tables, None


def _same(one: pa.Table, other: pa.Table) -> bool:
    """Equal, bit by bit, NaN included."""
    return one.schema.equals(other.schema, check_metadata=True) and repr(one.to_pylist()) == repr(
        other.to_pylist()
    )
