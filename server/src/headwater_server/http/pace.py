"""`Pace`: lets a few queries begin at a time, so that short ones don't fight for the interpreter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_AT_ONCE = 1
_SHORT_SECONDS = 0.002


class Pace:
    """Threads that compute at the same time pass Python's lock to and fro at every call that releases it,
    which costs several times the work of a short query. So few begin at a time. One that takes longer than
    `seconds` is taken to wait for its source and makes room: what is slow delays nobody. Used from one event
    loop.
    """

    def __init__(self, at_once: int = _AT_ONCE, seconds: float = _SHORT_SECONDS) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._seconds = seconds

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        await self._places.acquire()
        held = True

        def make_room() -> None:
            nonlocal held
            if held:
                held = False
                self._places.release()

        timer = asyncio.get_running_loop().call_later(self._seconds, make_room)
        try:
            yield
        finally:
            timer.cancel()
            make_room()
