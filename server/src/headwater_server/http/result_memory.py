"""Bounds the memory that whole results take, of all requests together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

from headwater.errors import LimitExceededError


class Reservation:
    """The part of one request: a reserve until the size of its result is known. Given back at the end of its
    `with` block."""

    def __init__(self, memory: ResultMemory, size: int) -> None:
        self._memory = memory
        self._size = size

    def resize(self, size: int) -> None:
        """The result takes `size` bytes."""
        change, self._size = size - self._size, size
        self._memory._change(change)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.resize(0)


class ResultMemory:
    """Grafana's JSON has a frame's first column whole before the second begins, so a result must be complete
    before it is sent. Queries start while there is room for their reserve, in order of arrival; one always
    may. Used from one event loop.
    """

    def __init__(
        self, budget: int, reserve: int, observe: Callable[[int], object] = lambda _used: None
    ) -> None:
        self._budget = budget
        self._reserve = reserve
        self._observe = observe
        self._used = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def reserve(self, within: float | None) -> Reservation:
        """Wait for room, up to `within` seconds. Raises LimitExceededError with status 503."""
        if self._waiting or not self._has_room():
            await self._wait(within)
        else:
            self._change(self._reserve)
        return Reservation(self, self._reserve)

    def _has_room(self) -> bool:
        return self._used == 0 or self._used + self._reserve <= self._budget

    async def _wait(self, within: float | None) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(within):
                await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():  # the room was given in the same moment
                self._change(-self._reserve)
            elif waiter in self._waiting:
                self._waiting.remove(waiter)
            if isinstance(error, TimeoutError):
                raise LimitExceededError(
                    "The host is busy: other results take all the memory set aside for results.",
                    status=503,
                    retryable=True,
                ) from None
            raise

    def _change(self, size: int) -> None:
        self._used += size
        while self._waiting and self._has_room():
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._used += self._reserve
                waiter.set_result(None)
        self._observe(self._used)
