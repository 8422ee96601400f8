"""One task per query, each outcome isolated; and a bound on what runs in one data source at a time."""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from headwater.calls.worker_pool import WorkerPool

if TYPE_CHECKING:
    from headwater.calls.context import CallContext

__all__ = ["Places", "run_side_by_side"]

T = TypeVar("T")
R = TypeVar("R")


def run_side_by_side(
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


class Places:
    """Bounds how many queries run in one data source, to `context.limits.max_concurrent_queries`."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._taken = 0

    @contextmanager
    def take(self, context: CallContext) -> Iterator[None]:
        """Wait for a place and hold it. Raises as `context.check` if the call ends before one is free."""
        limit = max(1, context.limits.max_concurrent_queries)
        with self._condition:
            if self._taken >= limit:
                self._wait(limit, context)
            self._taken += 1
        try:
            yield
        finally:
            with self._condition:
                self._taken -= 1
                self._condition.notify()

    def _wait(self, limit: int, context: CallContext) -> None:
        with context.on_cancel(self._wake):
            self._condition.wait_for(lambda: self._taken < limit or context.cancelled)
        context.check()

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify_all()
