"""A chunked body straight into its reader's buffers, where others make bytes of each piece first."""

from __future__ import annotations

import http.client
from typing import Any

_SIZE_DIGITS = frozenset(b"0123456789abcdefABCDEF")


class ChunkedBody:
    """The body of an answer whose head has been read. The answer is closed at the body's end."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer
        self._file: Any = answer.fp
        self._left = 0
        self._ended = False

    def readinto(self, buffer: memoryview) -> int:
        """The bytes that come next, at least one; their number is 0 at the end.

        Raises http.client.HTTPException for a body that breaks off or is not in chunks.
        """
        if self._left == 0 and not self._begin_chunk():
            return 0
        count: int = self._file.readinto1(buffer[: self._left])
        if count == 0:
            raise http.client.IncompleteRead(b"", self._left)
        self._left -= count
        if self._left == 0 and self._line() != b"":
            raise http.client.HTTPException("a chunk is longer than it says")
        return count

    def _begin_chunk(self) -> bool:
        """Whether another chunk begins, and is not the empty one at the end."""
        if self._ended:
            return False
        digits = self._line().partition(b";")[0].strip(b" \t")
        if not digits or not _SIZE_DIGITS.issuperset(digits):
            raise http.client.HTTPException("a chunk of no size")
        self._left = int(digits, 16)
        if self._left == 0:
            while self._line():
                pass  # a trailer
            self._ended = True
            self._answer.close()
        return self._left > 0

    def _line(self) -> bytes:
        line: bytes = self._file.readline()
        if not line.endswith(b"\n"):
            raise http.client.IncompleteRead(line)
        return line.rstrip(b"\r\n")
