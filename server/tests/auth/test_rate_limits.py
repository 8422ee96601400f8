"""What one caller may ask for: a rate with a burst, requests at once, and wrong passwords."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from headwater.errors import ErrorSource
from headwater_server.auth.rate_limits import CallerLimits, RequestLimiter, TooManyRequestsError

QUICK = CallerLimits(requests_per_second=2.0, burst=3, concurrent_requests=2, failures_per_minute=6)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ask(limiter: RequestLimiter, caller: str = "a", times: int = 1) -> None:
    for _ in range(times):
        with limiter.slot(caller):
            pass


def refusal(limiter: RequestLimiter, caller: str = "a") -> TooManyRequestsError:
    with pytest.raises(TooManyRequestsError) as caught, limiter.slot(caller):
        raise AssertionError("it was let in")
    return caught.value


def test_a_caller_has_its_burst_and_then_its_rate(clock: Clock) -> None:
    limiter = RequestLimiter(QUICK, clock)

    ask(limiter, times=3)
    refusal(limiter)
    clock.now += 0.5
    ask(limiter)
    refusal(limiter)
    clock.now += 0.49
    refusal(limiter)
    clock.now += 0.01
    ask(limiter)


def test_a_caller_that_waits_saves_up_no_more_than_its_burst(clock: Clock) -> None:
    limiter = RequestLimiter(QUICK, clock)
    ask(limiter)

    clock.now += 1000
    ask(limiter, times=3)
    refusal(limiter)


def test_what_one_caller_takes_no_other_lacks(clock: Clock) -> None:
    limiter = RequestLimiter(QUICK, clock)
    ask(limiter, "a", times=3)
    refusal(limiter, "a")
    ask(limiter, "b", times=3)


@pytest.mark.parametrize(
    ("per_second", "waited", "seconds"),
    [(2.0, 0, 1), (0.5, 0, 2), (0.1, 0, 10), (1 / 60, 0, 60), (0.1, 5, 5), (0.7, 0, 2), (0.4, 0, 3)],
)
def test_a_refused_caller_reads_when_to_come_back(
    clock: Clock, per_second: float, waited: int, seconds: int
) -> None:
    limiter = RequestLimiter(CallerLimits(requests_per_second=per_second, burst=1), clock)
    ask(limiter)
    clock.now += waited

    refused = refusal(limiter)

    assert str(refused) == "This caller sends too many requests."
    assert (refused.status, refused.retry_after, refused.retryable) == (429, seconds, True)
    assert (refused.source, refused.message_id) == (ErrorSource.CALLER, "request.tooMany")
    clock.now += seconds
    ask(limiter)


def test_so_many_requests_run_at_once_and_others_after_them(clock: Clock) -> None:
    limiter = RequestLimiter(CallerLimits(concurrent_requests=2), clock)
    with ExitStack() as running:
        running.enter_context(limiter.slot("a"))
        running.enter_context(limiter.slot("a"))
        refused = refusal(limiter)
        ask(limiter, "b")

    assert str(refused) == "This caller already runs 2 requests."
    assert refused.retry_after == 1
    ask(limiter, times=5)


def test_a_request_that_fails_runs_no_longer(clock: Clock) -> None:
    limiter = RequestLimiter(CallerLimits(concurrent_requests=1), clock)
    for _ in range(3):
        with pytest.raises(KeyError), limiter.slot("a"):
            raise KeyError


def test_a_request_refused_as_one_too_many_costs_nothing_of_the_rate(clock: Clock) -> None:
    limiter = RequestLimiter(CallerLimits(requests_per_second=1.0, burst=2, concurrent_requests=1), clock)
    with limiter.slot("a"):
        refusal(limiter)
    ask(limiter)


def test_without_bounds_everything_is_let_in(clock: Clock) -> None:
    limits = CallerLimits(requests_per_second=None, concurrent_requests=None, failures_per_minute=None)
    limiter = RequestLimiter(limits, clock)
    with ExitStack() as running:
        for _ in range(2000):
            running.enter_context(limiter.slot("a"))
            limiter.record_failure("10.0.0.1")
    limiter.check_failures("10.0.0.1")


def test_an_address_may_fail_so_often_and_then_waits(clock: Clock) -> None:
    limiter = RequestLimiter(QUICK, clock)
    limiter.check_failures("10.0.0.1")
    for _ in range(6):
        limiter.check_failures("10.0.0.1")
        limiter.record_failure("10.0.0.1")

    with pytest.raises(TooManyRequestsError, match=r"^Too many failed logins from this address\.$") as caught:
        limiter.check_failures("10.0.0.1")

    assert caught.value.retry_after == 60
    limiter.check_failures("10.0.0.2")
    clock.now += 9.9
    with pytest.raises(TooManyRequestsError):
        limiter.check_failures("10.0.0.1")
    clock.now += 0.2  # six a minute: one each ten seconds
    limiter.check_failures("10.0.0.1")
    limiter.record_failure("10.0.0.1")
    with pytest.raises(TooManyRequestsError):
        limiter.check_failures("10.0.0.1")


def test_an_address_that_waits_saves_up_no_more_than_its_minute(clock: Clock) -> None:
    limiter = RequestLimiter(QUICK, clock)
    limiter.record_failure("10.0.0.1")
    clock.now += 1000
    limiter.check_failures("10.0.0.1")
    for _ in range(6):
        limiter.record_failure("10.0.0.1")
    with pytest.raises(TooManyRequestsError):
        limiter.check_failures("10.0.0.1")


def test_of_too_many_callers_the_one_that_is_idle_for_longest_is_forgotten(clock: Clock) -> None:
    limiter = RequestLimiter(CallerLimits(requests_per_second=1.0, burst=1), clock)
    ask(limiter, "first")
    ask(limiter, "second")
    for number in range(9_998):
        ask(limiter, f"caller {number}")
    refusal(limiter, "first")  # ten thousand are known, and this one has asked again

    ask(limiter, "one more")

    refusal(limiter, "first")
    ask(limiter, "second")


def test_a_caller_with_a_running_request_is_not_forgotten(clock: Clock) -> None:
    limiter = RequestLimiter(CallerLimits(requests_per_second=None, concurrent_requests=1), clock)
    with limiter.slot("first"):
        for number in range(10_050):
            ask(limiter, f"caller {number}")
        refusal(limiter, "first")


def test_a_caller_is_let_in_even_while_ten_thousand_others_have_a_running_request(clock: Clock) -> None:
    limiter = RequestLimiter(CallerLimits(concurrent_requests=1), clock)
    with ExitStack() as running:
        for number in range(10_000):
            running.enter_context(limiter.slot(f"caller {number}"))
        ask(limiter, "one more")
        refusal(limiter, "caller 0")


def test_a_request_that_runs_for_long_keeps_no_others_known(clock: Clock) -> None:
    limiter = RequestLimiter(CallerLimits(requests_per_second=1.0, burst=1), clock)
    with limiter.slot("first"):
        ask(limiter, "second")
        for number in range(9_998):
            ask(limiter, f"caller {number}")
        refusal(limiter, "second")
        for number in range(10_000):
            ask(limiter, f"later caller {number}")
        ask(limiter, "second")
        refusal(limiter, "first")
