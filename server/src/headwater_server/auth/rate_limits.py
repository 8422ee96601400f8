"""How much one caller may ask for, so that one noisy client does not starve the others."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import define, frozen

from headwater.errors import ErrorSource, HeadwaterError

_CALLERS = 10_000


class TooManyRequestsError(HeadwaterError):
    """`retry_after` is in whole seconds."""

    message_id = "request.tooMany"
    status = 429
    source = ErrorSource.CALLER
    retryable = True

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@frozen
class CallerLimits:
    """Bounds for each caller; None for no bound.

    `requests_per_second` may be exceeded by a `burst`; `concurrent_requests` run at once.
    `failures_per_minute` bounds wrong passwords from one address.
    """

    requests_per_second: float | None = 500.0
    burst: int = 1000
    concurrent_requests: int | None = 64
    failures_per_minute: int | None = 60


@define
class _Caller:
    tokens: float
    refilled: float
    running: int = 0

    def end(self) -> None:
        """One of its requests is over."""
        self.running -= 1


class RequestLimiter:
    """Token buckets by caller. Used from one event loop; callers idle for longest are forgotten first."""

    def __init__(self, limits: CallerLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._failures: OrderedDict[str, _Caller] = OrderedDict()

    @contextmanager
    def slot(self, caller_id: str) -> Iterator[None]:
        """One request of a caller. Raises TooManyRequestsError."""
        caller = self.begin(caller_id)
        try:
            yield
        finally:
            caller.end()

    def begin(self, caller_id: str) -> _Caller:
        """As `slot`, whose `end` is to be called: for the shortest way through the host."""
        limits = self._limits
        caller = _find(self._callers, caller_id, limits.burst, self._clock())
        if limits.concurrent_requests is not None and caller.running >= limits.concurrent_requests:
            raise TooManyRequestsError(f"This caller already runs {caller.running} requests.")
        if limits.requests_per_second is not None:
            self._refill(caller, limits.requests_per_second, limits.burst)
            if caller.tokens < 1:
                wait = (1 - caller.tokens) / limits.requests_per_second
                raise TooManyRequestsError("This caller sends too many requests.", math.ceil(wait))
            caller.tokens -= 1
        caller.running += 1
        return caller

    def check_failures(self, address: str) -> None:
        """Raises TooManyRequestsError if `address` has sent too many wrong passwords."""
        per_minute = self._limits.failures_per_minute
        failing = self._failures.get(address)
        if per_minute is None or failing is None:
            return
        self._refill(failing, per_minute / 60, per_minute)
        if failing.tokens < 1:
            raise TooManyRequestsError("Too many failed logins from this address.", 60)

    def record_failure(self, address: str) -> None:
        per_minute = self._limits.failures_per_minute
        if per_minute is not None:
            _find(self._failures, address, per_minute, self._clock()).tokens -= 1

    def _refill(self, caller: _Caller, per_second: float, most: float) -> None:
        now = self._clock()
        caller.tokens = min(most, caller.tokens + (now - caller.refilled) * per_second)
        caller.refilled = now


def _find(callers: OrderedDict[str, _Caller], key: str, tokens: float, now: float) -> _Caller:
    caller = callers.get(key)
    if caller is None:
        if len(callers) >= _CALLERS:
            idle = next((each for each in callers if not callers[each].running), None)
            if idle is not None:
                del callers[idle]
        caller = callers[key] = _Caller(tokens, now)
    callers.move_to_end(key)
    return caller
