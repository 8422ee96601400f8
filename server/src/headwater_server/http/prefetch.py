"""`PrefetchBuffer`: chunks of a body, made in a worker a bounded way ahead of the client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

_MOST_BYTES = 512 * 1024
"""The worker waits while this much is made and not taken; one chunk more is in the making."""


class PrefetchBuffer:
    """The bytes of `source`, which one worker makes while the loop sends those before.

    `produce` runs in the worker until the source ends, the client's side is closed, or one fails; it closes
    `source`. `take` runs in the event loop and gives all that is there, once there are `least` bytes or the
    end. So a hand-over between threads costs once for what is sent at a time, however small the chunks are.
    """

    def __init__(self, source: Iterator[bytes], *, least: int = 1, most: int = _MOST_BYTES) -> None:
        self._source = source
        self._least = least
        self._most = most
        self._changed = threading.Condition()  # guards all below
        self._chunks: list[bytes] = []
        self._size = 0
        self._finished = False
        self._closed = False
        self._error: BaseException | None = None
        self._wake: Callable[[], object] | None = None

    def produce(self) -> None:
        """For the worker."""
        error: BaseException | None = None
        try:
            for chunk in self._source:
                if not self._add(chunk):
                    break
        except BaseException as caught:
            error = caught
        finally:
            self._finish(error)

    def insert(self, chunk: bytes) -> None:
        """Put `chunk` behind what is made, from any thread. Lost if the client is behind, or all is made."""
        with self._changed:
            if not self._finished and not self._closed and self._size < self._most:
                self._chunks.append(chunk)
                self._size += len(chunk)
                self._wake_if_ready()

    async def ready(self) -> None:
        """Wait until there is something to take. Raises what making the first chunk raised."""
        await self._wait()
        if self._error is not None and not self._chunks:
            raise self._error

    async def take(self) -> bytes:
        """What has been made since the last time; empty at the end. Raises what making it raised."""
        await self._wait()
        with self._changed:
            chunks, self._chunks, self._size = self._chunks, [], 0
            self._changed.notify()
        if not chunks and self._error is not None:
            raise self._error
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def close(self) -> None:
        """Nobody takes any more; `produce` ends after the chunk that it is making. Does not wait for it."""
        with self._changed:
            self._closed = True
            self._chunks.clear()
            self._changed.notify()

    def _add(self, chunk: bytes) -> bool:
        """False if nobody takes it. Waits for room."""
        with self._changed:
            if chunk:
                self._chunks.append(chunk)
                self._size += len(chunk)
                self._wake_if_ready()
            self._changed.wait_for(lambda: self._closed or self._size < self._most)
            return not self._closed

    def _finish(self, error: BaseException | None) -> None:
        try:
            close: Callable[[], object] | None = getattr(self._source, "close", None)
            if close is not None:
                close()
        except BaseException as caught:
            error = error or caught
        with self._changed:
            self._finished = True
            self._error = error
            self._wake_if_ready()

    def _is_ready(self) -> bool:
        return self._finished or self._size >= self._least

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
