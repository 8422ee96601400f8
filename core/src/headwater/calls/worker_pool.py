"""`WorkerPool`: daemon threads that are reused, and that can be abandoned when a driver hangs.

`Workers` is what a host needs of it, or of an executor of your own; `CallerThread` is none at all.
"""

from __future__ import annotations

import os
import queue
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, Protocol, TypeAlias, TypeVar

__all__ = ["CallerThread", "WorkerPool", "Workers"]

P = ParamSpec("P")
R = TypeVar("R")
_Inbox: TypeAlias = "queue.SimpleQueue[Callable[[], None] | None]"
_IDLE_SECONDS = 30.0


class Workers(Protocol):
    """Where a host runs calls into plugins: a WorkerPool, or a `ThreadPoolExecutor`.

    Calls that find all its threads busy wait for one until their deadline.
    """

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """As `concurrent.futures.Executor.submit`."""
        ...


class CallerThread:
    """Runs each task in the thread that submits it: `Headwater(workers=CallerThread())`.

    A query costs no hand-over between threads. In return a plugin that hangs holds its caller, past its
    deadline too, and the data sources of one request are asked one after the other.
    """

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run `function` at once. The future has ended, with what it raised if it failed."""
        future: Future[R] = Future()
        future.set_running_or_notify_cancel()
        _run_into(future, function, *args, **kwargs)
        return future


class WorkerPool:
    """Runs each task at once in an idle thread, or in a new one.

    Tasks never queue behind others: bounds belong to whoever submits (per data source, per request).
    Threads are daemons, so that a driver that never returns cannot keep the process alive, and end
    after `idle_seconds` without work.
    """

    def __init__(self, name: str = "headwater-worker", *, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._name = name
        self._idle_seconds = idle_seconds
        self._closed = False
        self._lock = threading.Lock()  # guards the three around it: closed, idle and count
        self._idle: list[_Inbox] = []
        self._count = 0
        _pools.add(self)

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run `function` in a worker. Raises RuntimeError after `close`."""
        future: Future[R] = Future()

        def task() -> None:
            if future.set_running_or_notify_cancel():  # pragma: no branch - cancelled as its thread begins
                _run_into(future, function, *args, **kwargs)

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

    def _forget_threads(self) -> None:
        """For a forked child, which has none of its parent's threads, and perhaps a lock that one held."""
        self._lock = threading.Lock()
        self._idle = []
        self._count = 0

    def _start(self, task: Callable[[], None]) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError("the worker pool is closed")
            if self._idle:
                self._idle.pop().put(task)
                return
            # The first task goes through the inbox, too: as an argument of the thread it would be kept, and
            # with it its result, until the thread ends.
            inbox: _Inbox = queue.SimpleQueue()
            inbox.put(task)
            threading.Thread(target=self._work, args=(inbox,), name=self._name, daemon=True).start()
            self._count += 1

    def _work(self, inbox: _Inbox) -> None:
        try:
            task = inbox.get()
            while task is not None:
                task()
                task = None  # or an idle thread would keep the last task's result alive
                task = self._next(inbox)
        finally:
            with self._lock:
                self._count -= 1

    def _next(self, inbox: _Inbox) -> Callable[[], None] | None:
        with self._lock:
            if self._closed:
                return None
            self._idle.append(inbox)
        try:
            return inbox.get(timeout=self._idle_seconds)
        except queue.Empty:
            with self._lock:
                if inbox in self._idle:
                    self._idle.remove(inbox)
                    return None
            return inbox.get()  # a task was put in just before the time ran out


def _run_into(future: Future[R], function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> None:
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


_pools: weakref.WeakSet[WorkerPool] = weakref.WeakSet()


def _forget_threads_after_fork() -> None:
    for pool in _pools:
        pool._forget_threads()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_forget_threads_after_fork)
