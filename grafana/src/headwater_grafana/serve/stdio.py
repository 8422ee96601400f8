"""Standard output, which belongs to the handshake: whatever else is printed goes to the host over gRPC."""

from __future__ import annotations

import io
import os
import queue
import sys
import threading
from collections.abc import Iterator
from typing import IO

from headwater.secrets import Redactor

_STDOUT = 1
_PIECE_BYTES = 32 * 1024
_MOST_PIECES = 256


class CapturedOutput:
    """Everything that is printed after `capture`, with known secrets masked; the oldest is dropped if nobody
    reads."""

    def __init__(self, handshake: IO[str], pipe: int, redactor: Redactor) -> None:
        self.handshake = handshake
        self._redactor = redactor
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_MOST_PIECES)
        threading.Thread(target=self._read, args=(pipe,), name="headwater-stdout", daemon=True).start()

    @classmethod
    def capture(cls, redactor: Redactor) -> CapturedOutput:
        """Call it before anything is imported that may print: `handshake` is then the only way to the real
        standard output."""
        sys.stdout.flush()
        handshake = os.fdopen(os.dup(_STDOUT), "w")
        readable, writable = os.pipe()
        os.dup2(writable, _STDOUT)
        os.close(writable)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)  # as on a terminal: the host shows lines as they come
        return cls(handshake, readable, redactor)

    def pieces(self) -> Iterator[bytes]:
        """What is printed, until `release`."""
        while (piece := self._pieces.get()) is not None:
            yield piece

    def release(self) -> None:
        """End `pieces`."""
        self._put(None)

    def _read(self, pipe: int) -> None:
        while data := os.read(pipe, _PIECE_BYTES):
            self._put(self._redactor.clean(data))

    def _put(self, piece: bytes | None) -> None:
        while True:
            try:
                self._pieces.put_nowait(piece)
                return
            except queue.Full:
                try:
                    self._pieces.get_nowait()
                except queue.Empty:
                    continue
