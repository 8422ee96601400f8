"""`CallLimiter`: bounds how many calls do something at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .context import CallContext

__all__ = ["CallLimiter"]


class CallLimiter:
    """A semaphore whose waiters leave when their call ends. Thread-safe.

    The limit comes with each call, because the calls' own limits may differ.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._taken = 0  # guarded by the condition

    @contextmanager
    def slot(self, context: CallContext, limit: int) -> Iterator[None]:
        """Hold one of `limit` slots (at least one) within the block; waits until one is free.

        Raises as `context.check` if the call is over by then, also where a slot is free.
        """
        limit = max(1, limit)
        with self._condition:
            if self._taken >= limit:
                self._wait(limit, context)
            self._taken += 1
        try:
            context.check()
            yield
        finally:
            with self._condition:
                self._taken -= 1
                self._condition.notify_all()  # the first to wait may have a lower limit than the next

    def _wait(self, limit: int, context: CallContext) -> None:
        with context.on_cancel(self._wake):
            self._condition.wait_for(lambda: self._taken < limit or context.cancelled)
        context.check()

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify_all()
