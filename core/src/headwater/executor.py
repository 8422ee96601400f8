"""`WorkerPool`: daemon threads that are reused, and that can be abandoned when a driver hangs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

__all__ = ["WorkerPool"]

P = ParamSpec("P")
R = TypeVar("R")
_IDLE_SECONDS = 30.0


class WorkerPool:
    """Runs each task at once in an idle thread, or in a new one.

    Tasks never queue behind others: bounds belong to whoever submits (per data source, per request).
    Threads are daemons, so that a driver that never returns cannot keep the process alive, and end
    after half a minute without work.
    """

    def __init__(self, name: str = "headwater-worker") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._idle: list[queue.SimpleQueue[Callable[[], None] | None]] = []
        self._closed = False
        self._count = 0

    def submit(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run `function` in a worker. Raises RuntimeError after `close`."""
        future: Future[R] = Future()

        def task() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._start(task)
        return future

    @property
    def threads(self) -> int:
        """How many threads live, busy ones and idle ones."""
        return self._count

    def close(self) -> None:
        """Take no more tasks and let idle threads end. Busy ones end after their task."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for inbox in idle:
            inbox.put(None)

    def _start(self, task: Callable[[], None]) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError("the worker pool is closed")
            if self._idle:
                self._idle.pop().put(task)
                return
            self._count += 1
        threading.Thread(target=self._work, args=(task,), name=self._name, daemon=True).start()

    def _work(self, task: Callable[[], None] | None) -> None:
        inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        while task is not None:
            task()
            task = None
            task = self._next(inbox)
        with self._lock:
            self._count -= 1

    def _next(self, inbox: queue.SimpleQueue[Callable[[], None] | None]) -> Callable[[], None] | None:
        with self._lock:
            if self._closed:
                return None
            self._idle.append(inbox)
        try:
            return inbox.get(timeout=_IDLE_SECONDS)
        except queue.Empty:
            with self._lock:
                if inbox in self._idle:
                    self._idle.remove(inbox)
                    return None
            return inbox.get()
