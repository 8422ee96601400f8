"""What the two row decoders share: their protocol and their limits."""

from __future__ import annotations

from typing import Protocol

import attrs
import pyarrow as pa

from headwater_mysql.bounds import ROW_BYTES


@attrs.frozen
class Framing:
    """How rows travel: which protocol, how their end is marked, and where a batch is cut.

    A batch ends after `batch_rows` rows or with the row that brings its packets to `batch_bytes` bytes,
    whichever comes first. Both are below 2**30, so that offsets stay 32 bits wide.
    """

    binary: bool
    deprecate_eof: bool = False
    batch_rows: int = 65_536
    batch_bytes: int = 8 << 20
    max_row_bytes: int = ROW_BYTES


class RowDecoder(Protocol):
    """Turns the packets of one result set into Arrow batches. Never does I/O.

    One thread at a time. After MalformedPacketError a decoder is good for nothing.
    """

    def decode(self, data: memoryview) -> int:
        """Decode whole packets until the batch is full, the rows or `data` end; the number of bytes used.

        Raises MalformedPacketError.
        """

    @property
    def rows(self) -> int:
        """Rows in the unfinished batch."""

    @property
    def full(self) -> bool:
        """Whether `take` is due before more is decoded."""

    @property
    def last(self) -> bytes | None:
        """The EOF, OK or ERR packet that ended the rows; None while they go on."""

    @property
    def sequence(self) -> int:
        """The number that the next frame must carry."""

    @property
    def zero_dates(self) -> int:
        """Zero, partial and impossible dates that became null, over all rows taken or decoded so far."""

    def take(self) -> pa.RecordBatch:
        """The unfinished batch, of the plan's schema; a new one begins. Raises MalformedPacketError."""
