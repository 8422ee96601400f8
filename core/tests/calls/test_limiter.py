"""`CallLimiter`: how many calls run at a time, and who waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from headwater.calls.context import CallContext, CancelRegistration
from headwater.calls.limiter import CallLimiter
from headwater.errors import DeadlineExceededError, QueryCanceledError

PATIENCE = 10.0


def test_slots_bound_what_runs_at_a_time() -> None:
    limiter, running, most, lock = CallLimiter(), [0], [0], threading.Lock()

    def work() -> None:
        with limiter.slot(CallContext(), 2):
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


def test_a_slot_is_free_again_after_an_error() -> None:
    limiter = CallLimiter()
    for _ in range(5):
        with pytest.raises(KeyError), limiter.slot(CallContext(), 2):
            raise KeyError
    with limiter.slot(CallContext(), 2):
        pass


def test_who_waits_leaves_at_the_deadline_or_when_cancelled() -> None:
    limiter, cancelled = CallLimiter(), CallContext()
    holder = CallContext()
    with limiter.slot(holder, 2), limiter.slot(holder, 2):
        with pytest.raises(DeadlineExceededError), limiter.slot(CallContext(timeout=0.01), 2):
            raise AssertionError("there was no free slot")
        threading.Timer(0.01, cancelled.cancel).start()
        with pytest.raises(QueryCanceledError), limiter.slot(cancelled, 2):
            raise AssertionError("there was no free slot")
    with limiter.slot(holder, 2), limiter.slot(holder, 2):
        pass


def test_a_call_that_is_over_does_not_wait() -> None:
    limiter, over = CallLimiter(), CallContext()
    over.cancel()
    holder = CallContext()
    with (
        limiter.slot(holder, 2),
        limiter.slot(holder, 2),
        pytest.raises(QueryCanceledError),
        limiter.slot(over, 2),
    ):
        raise AssertionError("there was no free slot")


def test_a_call_that_is_over_gets_no_slot_though_one_is_free() -> None:
    limiter, over = CallLimiter(), CallContext()
    over.cancel()
    with pytest.raises(QueryCanceledError), limiter.slot(over, 1):
        raise AssertionError("the call is over")
    with limiter.slot(CallContext(), 1):
        pass


class Waiter(CallContext):
    """Tells that it waits for a slot, which it does with the limiter locked: others come after it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Event()

    def on_cancel(self, callback: Callable[[], object]) -> CancelRegistration:
        self.waits.set()
        return super().on_cancel(callback)


def test_a_waiter_with_a_lower_limit_keeps_no_slot_from_the_next() -> None:
    limiter, ended, next_one, entered = CallLimiter(), Waiter(), Waiter(), threading.Event()
    first = limiter.slot(CallContext(), 2)
    first.__enter__()

    def low() -> None:
        with suppress(QueryCanceledError), limiter.slot(ended, 1):
            pass

    def high() -> None:
        with limiter.slot(next_one, 2):
            entered.set()

    with limiter.slot(CallContext(), 2):
        threads = [threading.Thread(target=run, daemon=True) for run in (low, high)]
        for thread, waiter in zip(threads, (ended, next_one), strict=True):
            thread.start()
            assert waiter.waits.wait(PATIENCE)
        first.__exit__(None, None, None)
        assert entered.wait(PATIENCE)
        ended.cancel()
    for thread in threads:
        thread.join(PATIENCE)
