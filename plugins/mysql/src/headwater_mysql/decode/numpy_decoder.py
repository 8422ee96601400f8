"""The row decoder without native code: packets are found in Python, their columns decoded by numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from headwater_mysql.decode.numpy_binary import decode_binary
from headwater_mysql.decode.numpy_rows import PADDING, Positions, RowPackets
from headwater_mysql.decode.numpy_text import decode_text
from headwater_mysql.decode.rows import Framing
from headwater_mysql.decode.types import ResultPlan
from headwater_mysql.protocol.constants import MAX_FRAME
from headwater_mysql.protocol.packets import EOF, ERR, MalformedPacketError

_HEADER = 4


class NumpyRowDecoder:
    """Holds the packets of a batch as they came and decodes them all when the batch is taken."""

    def __init__(self, plan: ResultPlan, framing: Framing, sequence: int = 0) -> None:
        self._plan = plan
        self._framing = framing
        self._sequence = sequence
        self._short_packets = True  # all packets so far were under 256 bytes
        self._joining: bytearray | None = None
        self._last: bytes | None = None
        self._zero_dates = 0
        self._begin_batch()

    def _begin_batch(self) -> None:
        self._data = bytearray()
        self._starts: list[Positions] = []
        self._ends: list[Positions] = []
        self._rows = 0
        self._bytes = 0

    @property
    def rows(self) -> int:
        return self._rows

    @property
    def full(self) -> bool:
        return self._rows >= self._framing.batch_rows or self._bytes >= self._framing.batch_bytes

    @property
    def last(self) -> bytes | None:
        return self._last

    @property
    def sequence(self) -> int:
        return self._sequence & 0xFF

    @property
    def zero_dates(self) -> int:
        return self._zero_dates

    def decode(self, data: memoryview) -> int:
        used = 0
        while not self.full and self._last is None:
            if (self._joining is None and (step := self._many(bytes(data[used:])))) or (
                step := self._one(data[used:])
            ):
                used += step
            else:
                break
        return used

    def take(self) -> pa.RecordBatch:
        if not self._rows:
            empty = [pa.array([], column.type) for column in self._plan.columns]
            return pa.RecordBatch.from_arrays(empty, schema=self._plan.schema)
        starts, ends = np.concatenate(self._starts), np.concatenate(self._ends)
        self._data += bytes(PADDING)
        rows = RowPackets(self._data, starts, ends)
        decode = decode_binary if self._framing.binary else decode_text
        try:
            arrays, zero_dates = decode(rows, self._plan)
        except IndexError:  # a position past the data
            raise MalformedPacketError("a value runs past its packet's end") from None
        self._zero_dates += zero_dates
        self._begin_batch()
        return pa.RecordBatch.from_arrays(arrays, schema=self._plan.schema)

    def _many(self, data: bytes) -> int:
        """Take over the whole row packets at the start of `data`; the bytes used. 0: let `_one` look."""
        heads = self._find_packets(data)
        if not len(heads):
            return 0
        raw = np.frombuffer(data, np.uint8)
        starts = heads + _HEADER
        ends = starts + _lengths(raw, heads, short=self._short_packets)
        bad = self._needs_a_look(raw, starts, ends)
        keep = min(int(np.argmax(bad)) if bad.any() else len(heads), self._room(starts, ends))
        if not keep:
            return 0
        starts, ends = starts[:keep], ends[:keep]
        expected = np.arange(self._sequence, self._sequence + keep).astype(np.uint8)
        if not np.array_equal(raw[starts - 1], expected):
            raise MalformedPacketError("packets arrive out of order")
        self._sequence += keep
        used = int(ends[-1])
        self._add(data[:used], starts, ends)
        return used

    def _find_packets(self, data: bytes) -> Positions:
        """Where the headers of the whole packets in `data` are, each known only from the one before."""
        found: list[int] = []
        add, at, last = found.append, 0, len(data) - _HEADER
        if self._short_packets:
            while at <= last:
                add(at)
                at += data[at] + 4
            heads = np.array(found, np.int64)
            raw = np.frombuffer(data, np.uint8)
            if not (raw[heads + 1].any() or raw[heads + 2].any()):
                return heads[:-1] if at > len(data) else heads
            self._short_packets = False
            found.clear()
            at = 0
        while at <= last:
            add(at)
            at += (data[at] | data[at + 1] << 8 | data[at + 2] << 16) + 4
        if at > len(data):
            found.pop()
        return np.array(found, np.int64)

    def _needs_a_look(self, raw: np.ndarray[Any, Any], starts: Positions, ends: Positions) -> Any:
        """Packets that are not certainly whole rows: the last one, parts of a larger one, empty ones."""
        first = raw.take(starts, mode="clip")
        odd = first != 0 if self._framing.binary else first >= EOF
        odd |= starts == ends
        return odd if self._short_packets else odd | (ends - starts == MAX_FRAME)

    def _room(self, starts: Positions, ends: Positions) -> int:
        """How many of the packets fit into the batch; the one that fills it still does."""
        rows, most = self._framing.batch_rows - self._rows, self._framing.batch_bytes - self._bytes
        if int(ends[-1]) < most:
            return rows
        filled = np.cumsum(ends - starts) >= most
        return min(rows, int(np.argmax(filled)) + 1) if filled.any() else rows

    def _one(self, data: memoryview) -> int:
        """Look at the first frame of `data` by itself; the bytes used, 0 if it is not whole."""
        if len(data) < _HEADER:
            return 0
        length = int.from_bytes(data[:3], "little")
        if len(self._joining or b"") + length > self._framing.max_row_bytes:
            raise MalformedPacketError("a row is larger than allowed")
        if len(data) < _HEADER + length:
            return 0
        if data[3] != self.sequence:
            raise MalformedPacketError("packets arrive out of order")
        self._sequence += 1
        payload = bytes(data[_HEADER : _HEADER + length])
        if length == MAX_FRAME or self._joining is not None:
            self._join(payload)
        else:
            self._packet(payload)
        return _HEADER + length

    def _join(self, payload: bytes) -> None:
        joined = self._joining if self._joining is not None else bytearray()
        joined += payload
        self._joining = joined
        if len(payload) < MAX_FRAME:
            self._joining = None
            self._packet(joined)

    def _packet(self, payload: bytes | bytearray) -> None:
        if not payload:
            raise MalformedPacketError("a row is empty")
        last = MAX_FRAME if self._framing.deprecate_eof else 9
        if payload[0] == ERR or (payload[0] == EOF and len(payload) < last):
            self._last = bytes(payload)
        else:
            self._add(payload, np.array([0]), np.array([len(payload)]))

    def _add(self, data: bytes | bytearray, starts: Positions, ends: Positions) -> None:
        base = len(self._data)
        self._data += data
        self._starts.append(starts + base)
        self._ends.append(ends + base)
        self._rows += len(starts)
        self._bytes += int(ends.sum() - starts.sum())


def _lengths(raw: np.ndarray[Any, Any], heads: Positions, *, short: bool) -> Any:
    if short:
        return raw[heads]
    low, middle, high = (raw[heads + place].astype(np.int64) for place in range(3))
    return low | middle << 8 | high << 16
