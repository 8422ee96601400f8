"""One daemon thread that fires callbacks at deadlines. Starts on first use, ends when idle."""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable

_IDLE_SECONDS = 5.0
_LONGEST_WAIT = 3600.0  # far below `threading.TIMEOUT_MAX`, which a wait must not exceed


def _nothing() -> None:
    """The callback of a cancelled alarm, in case it fires in the same moment."""


class Alarm:
    """One scheduled callback. `cancel` is cheap and may come after it fired; what the callback holds, such as
    a result of many megabytes, is free from then on, though the alarm itself waits for the next sweep."""

    __slots__ = ("callback", "cancelled")

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] = callback
        self.cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True
        self.callback = _nothing


class Watchdog:
    """Fires alarms at `time.monotonic()` moments.

    Each callback runs in a thread of its own: one that blocks (KILL QUERY on a dead network) must not
    delay the deadlines of others. Cancelled alarms are swept when they make up half of the heap.
    """

    def __init__(self, *, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._condition = threading.Condition()  # guards all below; notified when an earlier alarm is set
        self._heap: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._wakes_at = 0.0
        self._sweep_at = 64

    def schedule(self, moment: float, callback: Callable[[], object]) -> Alarm:
        alarm = Alarm(callback)
        with self._condition:
            self._sweep()
            heapq.heappush(self._heap, (moment, next(self._order), alarm))
            if self._thread is None:
                thread = threading.Thread(target=self._watch, name="headwater-watchdog", daemon=True)
                thread.start()
                self._thread = thread
            elif moment < self._wakes_at:  # most deadlines are far off: waking the thread would cost more
                self._condition.notify()
        return alarm

    @property
    def running(self) -> bool:
        return self._thread is not None

    def __len__(self) -> int:
        """How many alarms are kept, cancelled ones that have not been swept included."""
        return len(self._heap)

    def _sweep(self) -> None:
        if len(self._heap) < self._sweep_at:
            return
        self._heap = [entry for entry in self._heap if not entry[2].cancelled]
        heapq.heapify(self._heap)
        self._sweep_at = max(64, 2 * len(self._heap))

    def _watch(self) -> None:
        while (due := self._next_due()) is not None:
            try:
                threading.Thread(target=due.callback, name="headwater-deadline", daemon=True).start()
            except RuntimeError:  # no more threads: late deadlines are better than none
                due.callback()

    def _next_due(self) -> Alarm | None:
        """Wait for the next live alarm. None, and the thread ends, after an idle while."""
        with self._condition:
            while True:
                while self._heap and self._heap[0][2].cancelled:
                    heapq.heappop(self._heap)
                if not self._heap:
                    if not self._wait(self._idle_seconds) and not self._heap:
                        self._thread = None
                        return None
                    continue
                moment, _, alarm = self._heap[0]
                left = moment - time.monotonic()
                if left <= 0:
                    heapq.heappop(self._heap)
                    return alarm
                self._wait(min(left, _LONGEST_WAIT))

    def _wait(self, seconds: float) -> bool:
        self._wakes_at = time.monotonic() + seconds
        return self._condition.wait(seconds)


_shared = Watchdog()


def shared_watchdog() -> Watchdog:
    """The process's watchdog. It holds no state of any host: only moments and callbacks."""
    return _shared


def _reset_after_fork() -> None:
    """A forked child has neither the thread nor the queries it watched."""
    global _shared  # noqa: PLW0603
    _shared = Watchdog()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_reset_after_fork)
