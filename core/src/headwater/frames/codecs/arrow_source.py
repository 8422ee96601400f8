"""A file of Arrow IPC messages that lets nothing through before it has been checked."""

from __future__ import annotations

import io
from typing import IO

from headwater.frames.errors import FrameDecodeError, FrameTooLargeError

from .arrow_validation import MAX_METADATA_BYTES, arrow_body_length, check_arrow_message

_CONTINUATION = b"\xff\xff\xff\xff"
_READ_BYTES = 1024 * 1024


class CheckedSource(io.RawIOBase):
    """Reads `file` message by message; what `check_arrow_message` refuses is never handed to Arrow.

    No error is kept here: it knows the frames whose reader holds this file, and a garbage collector does not
    see through Arrow's reader. Arrow raises again what is raised here.
    """

    def __init__(self, file: IO[bytes], max_bytes: int, max_rows: int) -> None:
        super().__init__()
        self._file = file
        self._max_bytes = max_bytes
        self._max_rows = max_rows
        self._ready = b""
        self._at = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._at == len(self._ready) and not self._ended:
            self._ready, self._at = self._next_message(), 0
        stop = len(self._ready) if size < 0 else self._at + size
        part = self._ready[self._at : stop]
        self._at += len(part)
        if size > len(part) and not self._ended:
            return part + self.read(size - len(part))
        return part

    def _next_message(self) -> bytes:
        prefix = self._file.read(4)
        mark = prefix
        if prefix == _CONTINUATION:
            prefix += self._file.read(4)
            mark = prefix[4:]
        length = int.from_bytes(mark, "little", signed=True)
        if len(mark) < 4:  # a cut connection must not look like the end
            raise FrameDecodeError("the Arrow stream ends without its end mark")
        if length == 0:
            self._ended = True
            return prefix
        if not 0 < length <= MAX_METADATA_BYTES:
            raise FrameDecodeError("an Arrow message declares an impossible length")
        metadata = self._read_exactly(length)
        size = arrow_body_length(memoryview(metadata))
        if size > self._max_bytes:
            raise FrameTooLargeError(
                f"an Arrow message declares {size} bytes; the limit is {self._max_bytes}"
            )
        body = self._read_exactly(size)
        check_arrow_message(memoryview(metadata), memoryview(body), self._max_bytes, self._max_rows)
        return prefix + metadata + body

    def _read_exactly(self, size: int) -> bytes:
        """`size` bytes, read in pieces: memory grows with what comes, not with what is declared."""
        pieces = []
        while size:
            piece = self._file.read(min(size, _READ_BYTES))
            if not piece:
                raise FrameDecodeError("the Arrow stream ends within a message")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)
