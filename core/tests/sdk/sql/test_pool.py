"""The pool: how many connections, for how long, and who waits. With connections that are none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import attrs
import pytest

from headwater.errors import (
    DeadlineExceededError,
    DownstreamConnectionError,
    LimitExceededError,
    QueryCanceledError,
)
from headwater.sdk import CallContext
from headwater.sdk.sql import Pool, PoolLimits, PoolState, pool as pool_module


@attrs.define(eq=False)
class Plug:
    """A connection as the pool sees it."""

    number: int
    opened_at: float = attrs.field(factory=time.monotonic)
    reusable: bool = True
    alive: bool = True
    answers: bool = True
    pings: int = 0
    closed: bool = False

    def renew(self) -> None:
        if not self.alive:
            raise OSError

    def interrupt(self) -> None:
        self.alive = False

    def quiet(self) -> bool:
        return self.alive

    def ping(self, seconds: float) -> None:
        self.pings += 1
        if not self.answers:
            raise DownstreamConnectionError("gone")

    def close(self) -> None:
        self.closed = True


class Plugs:
    def __init__(self) -> None:
        self.made: list[Plug] = []
        self.fail = False

    def connect(self, seconds: float, context: CallContext) -> Plug:
        if self.fail:
            raise DownstreamConnectionError("refused")
        self.made.append(Plug(len(self.made)))
        return self.made[-1]


@pytest.fixture
def plugs() -> Plugs:
    return Plugs()


def make(plugs: Plugs, **limits: float) -> Pool[Plug]:
    return Pool(plugs.connect, PoolLimits(**limits), 10)  # type: ignore[arg-type]


def call(timeout: float = 5) -> CallContext:
    return CallContext(timeout=timeout)


def test_a_connection_is_used_again(plugs: Plugs) -> None:
    pool = make(plugs)
    first = pool.acquire(call())
    pool.release(first)
    assert pool.acquire(call()) is first
    assert pool.state == PoolState(open=1, idle=0, waiting=0)


def test_the_last_one_used_is_the_first_one_lent(plugs: Plugs) -> None:
    pool = make(plugs)
    a, b = pool.acquire(call()), pool.acquire(call())
    pool.release(a)
    pool.release(b)
    assert pool.acquire(call()) is b


def test_no_more_than_max_open_are_open(plugs: Plugs) -> None:
    pool = make(plugs, max_open=2)
    held = [pool.acquire(call()), pool.acquire(call())]
    with pytest.raises(DeadlineExceededError):
        pool.acquire(call(timeout=0.05))
    pool.release(held[0])
    assert pool.acquire(call()) is held[0]
    assert len(plugs.made) == 2


def test_zero_means_any_number(plugs: Plugs) -> None:
    pool = make(plugs, max_open=0)
    assert len({pool.acquire(call()).number for _ in range(300)}) == 300


def test_no_more_than_max_idle_are_kept(plugs: Plugs) -> None:
    pool = make(plugs, max_idle=1)
    a, b = pool.acquire(call()), pool.acquire(call())
    pool.release(a)
    pool.release(b)
    assert (a.closed, b.closed) == (False, True)
    assert pool.state == PoolState(open=1, idle=1, waiting=0)


def test_an_old_connection_is_replaced(plugs: Plugs) -> None:
    pool = make(plugs, max_lifetime=60)
    first = pool.acquire(call())
    pool.release(first)
    first.opened_at -= 61
    second = pool.acquire(call())
    assert second is not first
    assert first.closed
    second.opened_at -= 61
    pool.release(second)
    assert second.closed
    assert pool.state.open == 0


def test_a_lifetime_of_zero_is_endless(plugs: Plugs) -> None:
    pool = make(plugs, max_lifetime=0)
    first = pool.acquire(call())
    first.opened_at -= 10**9
    pool.release(first)
    assert pool.acquire(call()) is first


def test_a_connection_that_died_at_rest_is_replaced(plugs: Plugs) -> None:
    pool = make(plugs)
    first = pool.acquire(call())
    pool.release(first)
    first.alive = False
    assert pool.acquire(call()) is not first
    assert first.closed
    assert pool.state.open == 1


@pytest.mark.parametrize("answers", [True, False])
def test_a_connection_that_rested_long_is_asked_first(
    plugs: Plugs, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    monkeypatch.setattr(pool_module, "PING_AFTER_SECONDS", 0.0)
    pool = make(plugs)
    first = pool.acquire(call())
    first.answers = answers
    pool.release(first)
    assert (pool.acquire(call()) is first) is answers
    assert (first.pings, first.closed) == (1, not answers)


def test_a_connection_that_is_no_good_any_more_is_closed(plugs: Plugs) -> None:
    pool = make(plugs)
    first = pool.acquire(call())
    first.reusable = False
    pool.release(first)
    assert first.closed
    assert pool.state.open == 0


def test_a_connection_that_cannot_be_renewed_is_closed(plugs: Plugs) -> None:
    pool = make(plugs)
    first = pool.acquire(call())
    first.alive = False
    pool.release(first)
    assert first.closed
    assert pool.state == PoolState(open=0, idle=0, waiting=0)


def test_a_failed_attempt_to_connect_gives_its_place_back(plugs: Plugs) -> None:
    pool = make(plugs, max_open=1)
    plugs.fail = True
    for _ in range(3):
        with pytest.raises(DownstreamConnectionError):
            pool.acquire(call())
    plugs.fail = False
    assert pool.acquire(call()).number == 0


def test_whoever_waits_gets_the_place_of_a_discarded_connection(plugs: Plugs) -> None:
    pool = make(plugs, max_open=1)
    first = pool.acquire(call())
    got = _in_thread(lambda: pool.acquire(call()))
    _until(lambda: pool.state.waiting == 1)
    first.reusable = False
    pool.release(first)
    assert got() is plugs.made[1]


def test_a_caller_that_is_late_leaves_its_connection_to_the_next(plugs: Plugs) -> None:
    class Late(CallContext):
        def check(self) -> None:
            raise DeadlineExceededError("woken too late")

    pool = make(plugs, max_open=1)
    first = pool.acquire(call())
    late = _in_thread(lambda: pool.acquire(Late()))
    _until(lambda: pool.state.waiting == 1)
    next_one = _in_thread(lambda: pool.acquire(call(timeout=60)))
    _until(lambda: pool.state.waiting == 2)
    pool.release(first)
    assert isinstance(late(), DeadlineExceededError)
    assert next_one() is first


def test_a_waiting_caller_can_be_cancelled(plugs: Plugs) -> None:
    pool = make(plugs, max_open=1)
    pool.acquire(call())
    context = call()
    got = _in_thread(lambda: pool.acquire(context))
    _until(lambda: pool.state.waiting == 1)
    context.cancel()
    assert isinstance(got(), QueryCanceledError)
    assert pool.state.waiting == 0


def test_closing_closes_idle_connections_now_and_lent_ones_later(plugs: Plugs) -> None:
    pool = make(plugs, max_open=2)
    idle, lent = pool.acquire(call()), pool.acquire(call())
    pool.release(idle)
    pool.close()
    assert (idle.closed, lent.closed) == (True, False)
    pool.release(lent)
    assert lent.closed
    assert pool.state == PoolState(open=0, idle=0, waiting=0)


def test_closing_sends_waiting_callers_away(plugs: Plugs) -> None:
    pool = make(plugs, max_open=1)
    pool.acquire(call())
    got = _in_thread(lambda: pool.acquire(call()))
    _until(lambda: pool.state.waiting == 1)
    pool.close()
    assert isinstance(got(), LimitExceededError)


def test_many_threads_share_a_few_connections(plugs: Plugs) -> None:
    pool = make(plugs, max_open=3, max_idle=2)
    used: list[int] = []

    def work() -> None:
        for _ in range(100):
            plug = pool.acquire(call(timeout=20))
            used.append(plug.number)
            pool.release(plug)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(used) == 800
    assert pool.state.open == pool.state.idle <= 2
    assert sum(not plug.closed for plug in plugs.made) == pool.state.open


def _in_thread(work: Callable[[], object]) -> Callable[[], object]:
    """Start `work`; the returned function waits for its result or its error."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def result() -> object:
        thread.join(5)
        return results[0]

    return result


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)
