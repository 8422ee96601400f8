"""Runs the queries of one request at the same time."""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from headwater.calls.worker_pool import WorkerPool

__all__ = ["run_concurrently"]

T = TypeVar("T")
R = TypeVar("R")


def run_concurrently(
    function: Callable[[T], R], items: Sequence[T], pool: WorkerPool, *, at_most: int
) -> list[R]:
    """`[function(item) for item in items]`, up to `at_most` at a time, in the order of `items`.

    The calling thread works, too, so a single item costs no hand-over. `function` must not raise. Context
    variables are carried over.
    """
    if len(items) == 1:
        return [function(items[0])]
    left = deque(range(len(items)))
    results: dict[int, R] = {}

    def work() -> None:
        while True:
            try:
                index = left.popleft()
            except IndexError:
                return
            results[index] = function(items[index])

    others = min(at_most, len(items)) - 1
    waiting = [pool.submit(contextvars.copy_context().run, work) for _ in range(others)]
    work()
    for future in waiting:
        future.result()
    return [results[index] for index in range(len(items))]
