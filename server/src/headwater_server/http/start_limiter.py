"""`StartLimiter`: lets a few queries begin at a time, so that short ones don't fight for the interpreter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_AT_ONCE = 1
_SHORT_SECONDS = 0.002


class StartLimiter:
    """A semaphore whose slots are held for a short time at most. Used from one event loop.

    Threads that compute at the same time pass Python's lock to and fro at every call that releases it, which
    costs several times the work of a short query. So few begin at a time. One that takes longer than
    `seconds` is taken to wait for its source and gives its slot back: what is slow delays nobody.
    """

    def __init__(self, at_once: int = _AT_ONCE, seconds: float = _SHORT_SECONDS) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._seconds = seconds

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot within the block, or for `seconds` of it; waits until one is free."""
        await self._slots.acquire()
        holding = True

        def release() -> None:
            nonlocal holding
            if holding:
                holding = False
                self._slots.release()

        timer = asyncio.get_running_loop().call_later(self._seconds, release)
        try:
            yield
        finally:
            timer.cancel()
            release()
