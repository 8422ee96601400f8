from __future__ import annotations

import contextvars
import threading
import time

import pytest

from headwater import QueryLimits
from headwater.calls import WorkerPool
from headwater.sdk.concurrency import run_concurrently

PATIENCE = 10.0
TWO = QueryLimits(max_concurrent_queries=2)


@pytest.mark.parametrize("at_most", [1, 2, 5, 100])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_results_come_in_the_order_of_the_items(count: int, at_most: int) -> None:
    pool = WorkerPool()
    assert run_concurrently(str, range(count), pool, at_most=at_most) == [str(each) for each in range(count)]
    pool.close()


def test_items_run_concurrently() -> None:
    barrier = threading.Barrier(5)
    run_concurrently(lambda _: barrier.wait(PATIENCE), range(5), WorkerPool(), at_most=5)


def test_no_more_run_than_allowed() -> None:
    running, most, lock = [0], [0], threading.Lock()

    def work(_: int) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.002)
        with lock:
            running[0] -= 1

    run_concurrently(work, range(20), WorkerPool(), at_most=3)
    assert 1 <= most[0] <= 3


def test_a_slow_item_holds_up_only_itself(release: threading.Event) -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == 0:
            release.wait(PATIENCE)
        done.append(item)
        if len(done) == 9:
            release.set()

    run_concurrently(work, range(10), WorkerPool(), at_most=2)
    assert done[-1] == 0


def test_a_single_item_needs_no_thread() -> None:
    pool = WorkerPool()
    assert run_concurrently(lambda _: threading.current_thread(), [1], pool, at_most=9) == [
        threading.current_thread()
    ]
    assert pool.threads == 0


def test_context_variables_are_carried_over() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")
    variable.set(7)
    barrier = threading.Barrier(3)

    def read(_: int) -> int:
        barrier.wait(PATIENCE)
        return variable.get()

    assert run_concurrently(read, range(3), WorkerPool(), at_most=3) == [7, 7, 7]
