"""Waiting for a worker from an event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

__all__ = ["result_of"]

R = TypeVar("R")


async def result_of(future: Future[R]) -> R:
    """The future's result, awaited. A cancelled task leaves the future as it is.

    Unlike `asyncio.wrap_future`, which refers from the future to itself, this keeps no result alive.
    """
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()

    def wake(_done: object) -> None:
        with suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(_set, waiter)

    future.add_done_callback(wake)
    await waiter
    return future.result()


def _set(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
