"""`MadeAhead`: pieces of a body, made in a worker a bounded way ahead of the client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

_AHEAD_BYTES = 512 * 1024
"""The worker waits while so much is made and not taken. One piece more is in the making."""


class MadeAhead:
    """The bytes of `pieces`, which one worker makes while the loop sends those before.

    `make` runs in the worker until the pieces end, the client's side is closed, or one fails; it closes
    `pieces`. `take` runs in the event loop and gives all that is there, once there are `enough` bytes or the
    end. So a hand-over between threads costs once for what is sent at a time, however small the pieces are.
    """

    def __init__(self, pieces: Iterator[bytes], *, enough: int = 1, ahead: int = _AHEAD_BYTES) -> None:
        self._pieces = pieces
        self._enough = enough
        self._ahead = ahead
        self._changed = threading.Condition()
        self._made: list[bytes] = []
        self._size = 0
        self._finished = False
        self._closed = False
        self._error: BaseException | None = None
        self._wake: Callable[[], object] | None = None

    def make(self) -> None:
        """For the worker."""
        error: BaseException | None = None
        try:
            for piece in self._pieces:
                if not self._add(piece):
                    break
        except BaseException as caught:
            error = caught
        finally:
            self._finish(error)

    def interject(self, piece: bytes) -> None:
        """Put `piece` behind what is made, from any thread. Lost if the client is behind, or all is made."""
        with self._changed:
            if not self._finished and not self._closed and self._size < self._ahead:
                self._made.append(piece)
                self._size += len(piece)
                self._wake_if_ready()

    async def ready(self) -> None:
        """Wait until there is something to take. Raises what making the first piece raised."""
        await self._wait()
        if self._error is not None and not self._made:
            raise self._error

    async def take(self) -> bytes:
        """What has been made since the last time; empty at the end. Raises what making it raised."""
        await self._wait()
        with self._changed:
            made, self._made, self._size = self._made, [], 0
            self._changed.notify()
        if not made and self._error is not None:
            raise self._error
        return made[0] if len(made) == 1 else b"".join(made)

    def close(self) -> None:
        """Nobody takes any more; `make` ends after the piece that it is making. Does not wait for it."""
        with self._changed:
            self._closed = True
            self._made.clear()
            self._changed.notify()

    def _add(self, piece: bytes) -> bool:
        """False if nobody takes it. Waits for room."""
        with self._changed:
            if piece:
                self._made.append(piece)
                self._size += len(piece)
                self._wake_if_ready()
            self._changed.wait_for(lambda: self._closed or self._size < self._ahead)
            return not self._closed

    def _finish(self, error: BaseException | None) -> None:
        try:
            close: Callable[[], object] | None = getattr(self._pieces, "close", None)
            if close is not None:
                close()
        except BaseException as caught:
            error = error or caught
        with self._changed:
            self._finished = True
            self._error = error
            self._wake_if_ready()

    def _is_ready(self) -> bool:
        return self._finished or self._size >= self._enough

    def _wake_if_ready(self) -> None:
        if self._wake is not None and self._is_ready():
            self._wake()
            self._wake = None

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        with self._changed:
            if self._is_ready():
                return
            self._wake = lambda: loop.call_soon_threadsafe(_set, woken)
        await woken


def _set(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
