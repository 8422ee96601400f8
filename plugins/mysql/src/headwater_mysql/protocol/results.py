"""The answer to a statement, as a state machine without I/O.

Bytes are received into `space()` and accounted for with `received()`; `next_step()` then says what is known:
a result set's columns, a batch of rows, the end of a result set, or that more bytes are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import Final

import attrs
import pyarrow as pa

from headwater_mysql.bounds import BATCH_BYTES
from headwater_mysql.decode.choice import DecoderFactory
from headwater_mysql.decode.rows import Framing, RowDecoder
from headwater_mysql.decode.types import ResultPlan, plan_result
from headwater_mysql.protocol import packets
from headwater_mysql.protocol.columns import Column, parse_column
from headwater_mysql.protocol.packets import (
    MalformedPacketError,
    PacketBuffer,
    Reader,
    ServerError,
    ServerReply,
    parse_eof,
    parse_error,
    parse_ok,
)

RECEIVE_BYTES: Final = 256 << 10
_FIRST_BYTES = 16 << 10
_REMEMBERED_BYTES = 16 << 10


@attrs.frozen
class ResultColumns:
    """A result set begins."""

    columns: tuple[Column, ...]
    plan: ResultPlan


@attrs.frozen
class ResultRows:
    """Some of its rows. `zero_dates`: dates that became null in the result set so far."""

    batch: pa.RecordBatch
    zero_dates: int


@attrs.frozen
class ResultEnd:
    """The statement, or this result set of it, is complete. `reply.more_results`: another one follows."""

    reply: ServerReply
    rows: bool
    """Whether there was a result set; False for a statement that returns none."""


Step = ResultColumns | ResultRows | ResultEnd | None
"""None: more bytes are needed."""


class _State(Enum):
    HEADER = auto()
    COLUMNS = auto()
    COLUMNS_END = auto()
    ROWS = auto()
    DONE = auto()


class LocalInfileRefusedError(Exception):
    """The server asked for a file of the client. It never gets one; the connection has to be closed."""


class ResultReader:
    """Reads one statement's result sets. `sequence` is the number the answer's first frame carries."""

    def __init__(
        self,
        framing: Framing,
        decoder: DecoderFactory,
        *,
        utc: bool = True,
        received: bytes = b"",
        sequence: int = 1,
    ) -> None:
        self._framing = framing
        self._make_decoder = decoder
        self._utc = utc
        self._packets = PacketBuffer(sequence)
        self._packets.feed(received)
        self._rows = _RowBytes()
        self._state = _State.HEADER
        self._expected = 0
        self._definitions: list[bytes] = []
        self._decoder: RowDecoder | None = None

    @property
    def done(self) -> bool:
        """Whether the last result set is complete: the connection may take the next command."""
        return self._state is _State.DONE

    def space(self) -> memoryview:
        """Where to receive the next bytes."""
        return self._rows.space()

    def received(self, count: int) -> None:
        self._rows.received(count)
        if self._state is not _State.ROWS:
            self._packets.feed(self._rows.take())

    def next_step(self) -> Step:
        """What the received bytes say. Raises MalformedPacketError, ServerError, LocalInfileRefusedError."""
        while True:
            if self._state is _State.ROWS:
                return self._next_rows()
            if self._state is _State.DONE:
                raise MalformedPacketError("nothing is expected after the last result")
            if (packet := self._packets.next_packet()) is None:
                return None
            if not packet:
                raise MalformedPacketError("a packet is empty")
            if (step := self._read(packet)) is not None:
                return step

    def _read(self, packet: bytes) -> Step:
        if packet[0] == packets.ERR:
            raise self._failed(packet)
        match self._state:
            case _State.HEADER:
                return self._read_header(packet)
            case _State.COLUMNS:
                self._definitions.append(packet)
                if len(self._definitions) < self._expected:
                    return None
                if not self._framing.deprecate_eof:
                    self._state = _State.COLUMNS_END
                    return None
            case _:
                if packet[0] != packets.EOF or len(packet) >= 9:
                    raise MalformedPacketError("the column definitions do not end")
        return self._begin_rows()

    def _read_header(self, packet: bytes) -> Step:
        if packet[0] == packets.OK:
            return self._end(parse_ok(packet), rows=False)
        if packet[0] == packets.LOCAL_INFILE:
            raise LocalInfileRefusedError("the server asked for a local file")
        reader = Reader(packet)
        self._expected = reader.length_encoded_integer()
        if reader.left or not 1 <= self._expected <= 0xFFFF:
            raise MalformedPacketError("the number of columns is not plausible")
        self._definitions = []
        self._state = _State.COLUMNS
        return None

    def _begin_rows(self) -> ResultColumns:
        begun = result_columns(tuple(self._definitions), utc=self._utc)
        plan = begun.plan
        framing = self._framing
        if framing.batch_rows * plan.row_bytes > BATCH_BYTES:
            framing = attrs.evolve(framing, batch_rows=max(1, BATCH_BYTES // plan.row_bytes))
        self._decoder = self._make_decoder(plan, framing, self._packets.sequence)
        self._state = _State.ROWS
        self._rows.give(self._packets.take_rest())
        return begun

    def _next_rows(self) -> Step:
        decoder = self._decoder
        assert decoder is not None
        if not decoder.full and decoder.last is None:
            self._rows.used(decoder.decode(self._rows.filled()))
        if decoder.full or (decoder.last is not None and decoder.rows):
            return ResultRows(decoder.take(), decoder.zero_dates)
        if (last := decoder.last) is None:
            return None
        self._decoder = None
        self._packets.feed(self._rows.take())
        self._packets.restart(decoder.sequence)
        if last[0] == packets.ERR:
            raise self._failed(last)
        return self._end((parse_ok if self._framing.deprecate_eof else parse_eof)(last), rows=True)

    def _failed(self, packet: bytes) -> ServerError:
        """An ERR packet is the last one of an answer."""
        self._state = _State.DONE
        return parse_error(packet)

    def _end(self, reply: ServerReply, *, rows: bool) -> ResultEnd:
        self._state = _State.HEADER if reply.more_results else _State.DONE
        return ResultEnd(reply, rows)


def result_columns(definitions: tuple[bytes, ...], *, utc: bool) -> ResultColumns:
    """What a result set's definitions say; remembered, as the same questions are asked again and again.

    Raises MalformedPacketError.
    """
    small = sum(map(len, definitions)) <= _REMEMBERED_BYTES
    return (_remembered_columns if small else _columns)(definitions, utc)


def _columns(definitions: tuple[bytes, ...], utc: bool) -> ResultColumns:
    columns = tuple(map(parse_column, definitions))
    return ResultColumns(columns, plan_result(columns, utc=utc))


_remembered_columns = lru_cache(256)(_columns)


class _RowBytes:
    """A receive buffer of which the front is used up. Grows to hold the largest frame, and no further.

    Small at first, as most answers are.
    """

    def __init__(self) -> None:
        self._buffer = bytearray(_FIRST_BYTES)
        self._end = 0

    def space(self) -> memoryview:
        if self._end == len(self._buffer):
            self._buffer = self._buffer + bytes(len(self._buffer))
        return memoryview(self._buffer)[self._end :]

    def received(self, count: int) -> None:
        self._end += count
        if self._end == len(self._buffer) == _FIRST_BYTES:  # there is more to come
            self._buffer = self._buffer + bytes(RECEIVE_BYTES - _FIRST_BYTES)

    def filled(self) -> memoryview:
        return memoryview(self._buffer)[: self._end]

    def used(self, count: int) -> None:
        if count:
            view = memoryview(self._buffer)
            view[: self._end - count] = view[count : self._end]
            self._end -= count

    def take(self) -> bytes:
        taken = bytes(self.filled())
        self._end = 0
        return taken

    def give(self, data: bytes) -> None:
        if len(data) > len(self._buffer):
            self._buffer = bytearray(len(data))
        self._buffer[: len(data)] = data
        self._end = len(data)


def parse_prepared(packet: bytes) -> tuple[int, int, int]:
    """Statement id, number of columns and number of parameters. Raises ServerError, MalformedPacketError."""
    if packet[:1] == b"\xff":
        raise parse_error(packet)
    reader = Reader(packet)
    if reader.integer(1) != packets.OK:
        raise MalformedPacketError("a statement could not be prepared")
    return reader.integer(4), reader.integer(2), reader.integer(2)


def prepared_definitions(columns: int, parameters: int, *, deprecate_eof: bool) -> int:
    """How many packets follow the answer to a prepare: definitions, and an EOF behind each group of them."""
    groups: Sequence[int] = (columns, parameters)
    return sum(count + (0 if deprecate_eof else 1) for count in groups if count)
