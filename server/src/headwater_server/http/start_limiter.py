"""`StartLimiter`: lets a few queries begin at a time, so that short ones don't fight for the interpreter."""

from __future__ import annotations

import asyncio
from typing import Self

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

    async def slot(self) -> Slot:
        """A slot to hold within a `with` block, or for `seconds` of it; waits until one is free."""
        await self._slots.acquire()
        return Slot(self._slots, self._seconds)


class Slot:
    def __init__(self, slots: asyncio.Semaphore, seconds: float) -> None:
        self._slots: asyncio.Semaphore | None = slots
        self._timer = asyncio.get_running_loop().call_later(seconds, self._release)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()
        self._release()

    def _release(self) -> None:
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.release()
