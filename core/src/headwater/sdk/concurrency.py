"""One task per query, each outcome isolated."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from headwater.executor import WorkerPool

__all__ = ["run_side_by_side"]

T = TypeVar("T")
R = TypeVar("R")


def run_side_by_side(
    function: Callable[[T], R], items: Sequence[T], pool: WorkerPool, *, at_most: int
) -> list[R]:
    """`[function(item) for item in items]`, up to `at_most` at a time, in the order of `items`.

    The calling thread takes the first share itself, so a single item costs no hand-over. `function`
    must not raise. Context variables are carried over.
    """
    shares = max(1, min(at_most, len(items)))
    results: dict[int, R] = {}

    def run_share(first: int) -> None:
        for index in range(first, len(items), shares):
            results[index] = function(items[index])

    waiting: list[Future[None]] = [
        pool.submit(contextvars.copy_context().run, run_share, first) for first in range(1, shares)
    ]
    run_share(0)
    for future in waiting:
        future.result()
    return [results[index] for index in range(len(items))]
