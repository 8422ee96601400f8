from __future__ import annotations

import gc
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import wait

import pytest

from headwater.calls import WorkerPool

PATIENCE = 10.0


def eventually(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < until:
        time.sleep(0.005)
    return holds()


def test_a_task_gives_its_result_or_its_exception() -> None:
    pool = WorkerPool()
    assert pool.submit(divmod, 7, 2).result(PATIENCE) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result(PATIENCE)
    assert pool.submit(int, "ff", base=16).result(PATIENCE) == 255


def test_even_system_exit_ends_only_the_task() -> None:
    pool = WorkerPool()

    def leave() -> None:
        raise SystemExit(3)

    assert isinstance(pool.submit(leave).exception(PATIENCE), SystemExit)
    assert pool.submit(int).result(PATIENCE) == 0


def test_tasks_never_wait_for_each_other() -> None:
    pool = WorkerPool()
    barrier = threading.Barrier(20)
    futures = [pool.submit(barrier.wait, PATIENCE) for _ in range(20)]
    assert not wait(futures, PATIENCE).not_done


def test_idle_threads_are_used_again() -> None:
    pool = WorkerPool()
    for _ in range(50):
        pool.submit(int).result(PATIENCE)
        assert eventually(lambda: len(pool._idle) == 1)
    assert pool.threads == 1


def test_idle_threads_end_after_a_while() -> None:
    pool = WorkerPool(idle_seconds=0.01)
    pool.submit(int).result(PATIENCE)
    assert eventually(lambda: pool.threads == 0)
    assert pool.submit(int).result(PATIENCE) == 0


def test_a_task_that_comes_as_its_thread_gives_up_is_not_lost() -> None:
    pool = WorkerPool()
    task = print

    class Racing(queue.SimpleQueue[Callable[[], None] | None]):
        """Gets its task in the moment between the end of the wait and the thread's leaving."""

        def get(self, block: bool = True, timeout: float | None = None) -> Callable[[], None] | None:
            if timeout is None:
                return super().get(block)
            pool._start(task)
            raise queue.Empty

    assert pool._next(Racing()) is task


def test_an_idle_thread_keeps_nothing_of_its_last_task() -> None:
    class Result:
        pass

    pool = WorkerPool()
    future = pool.submit(Result)
    result = weakref.ref(future.result(PATIENCE))
    del future
    assert eventually(lambda: len(pool._idle) == 1)
    gc.collect()
    assert result() is None


def test_a_closed_pool_refuses_tasks_and_ends_its_threads(release: threading.Event) -> None:
    pool = WorkerPool()
    busy = pool.submit(release.wait)
    pool.submit(int).result(PATIENCE)
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(int)
    assert eventually(lambda: pool.threads == 1)
    release.set()
    assert busy.result(PATIENCE)
    assert eventually(lambda: pool.threads == 0)


def test_a_thread_that_cannot_start_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = WorkerPool()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="start"):
        pool.submit(int)
    assert pool.threads == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_does_not_wait_for_its_parents_threads() -> None:
    pool = WorkerPool()
    pool.submit(int).result(PATIENCE)
    assert eventually(lambda: len(pool._idle) == 1)
    child = os.fork()
    if child == 0:
        try:
            os._exit(pool.submit(int, 0).result(PATIENCE))
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
