from __future__ import annotations

import contextvars
import threading
import time

import pytest

from headwater import CallContext, QueryLimits
from headwater.calls import WorkerPool
from headwater.errors import DeadlineExceededError, QueryCanceledError
from headwater.sdk.concurrency import Places, run_side_by_side

PATIENCE = 10.0
TWO = QueryLimits(max_concurrent_queries=2)


@pytest.mark.parametrize("at_most", [1, 2, 5, 100])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_results_come_in_the_order_of_the_items(count: int, at_most: int) -> None:
    pool = WorkerPool()
    assert run_side_by_side(str, range(count), pool, at_most=at_most) == [str(each) for each in range(count)]
    pool.close()


def test_items_run_side_by_side() -> None:
    barrier = threading.Barrier(5)
    run_side_by_side(lambda _: barrier.wait(PATIENCE), range(5), WorkerPool(), at_most=5)


def test_no_more_run_than_allowed() -> None:
    running, most, lock = [0], [0], threading.Lock()

    def work(_: int) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.002)
        with lock:
            running[0] -= 1

    run_side_by_side(work, range(20), WorkerPool(), at_most=3)
    assert 1 <= most[0] <= 3


def test_a_slow_item_holds_up_only_itself(release: threading.Event) -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == 0:
            release.wait(PATIENCE)
        done.append(item)
        if len(done) == 9:
            release.set()

    run_side_by_side(work, range(10), WorkerPool(), at_most=2)
    assert done[-1] == 0


def test_a_single_item_needs_no_thread() -> None:
    pool = WorkerPool()
    assert run_side_by_side(lambda _: threading.current_thread(), [1], pool, at_most=9) == [
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

    assert run_side_by_side(read, range(3), WorkerPool(), at_most=3) == [7, 7, 7]


def test_places_bound_what_runs_at_a_time() -> None:
    places, running, most, lock = Places(), [0], [0], threading.Lock()

    def work() -> None:
        with places.take(CallContext(limits=TWO)):
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.002)
            with lock:
                running[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert 1 <= most[0] <= 2


def test_a_place_is_free_again_after_an_error() -> None:
    places = Places()
    for _ in range(5):
        with pytest.raises(KeyError), places.take(CallContext(limits=TWO)):
            raise KeyError
    with places.take(CallContext(limits=TWO)):
        pass


def test_who_waits_leaves_at_the_deadline_or_when_cancelled() -> None:
    places, cancelled = Places(), CallContext(limits=TWO)
    holder = CallContext(limits=TWO)
    with places.take(holder), places.take(holder):
        with pytest.raises(DeadlineExceededError), places.take(CallContext(timeout=0.01, limits=TWO)):
            raise AssertionError("there was no place")
        threading.Timer(0.01, cancelled.cancel).start()
        with pytest.raises(QueryCanceledError), places.take(cancelled):
            raise AssertionError("there was no place")
    with places.take(holder), places.take(holder):
        pass


def test_a_call_that_is_over_does_not_wait() -> None:
    places, over = Places(), CallContext(limits=TWO)
    over.cancel()
    holder = CallContext(limits=TWO)
    with places.take(holder), places.take(holder), pytest.raises(QueryCanceledError), places.take(over):
        raise AssertionError("there was no place")
