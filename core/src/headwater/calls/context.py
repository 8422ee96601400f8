"""`CallContext`: what travels beside every call: deadline, cancellation, limits, request id, logger.

Hooks are synchronous and drivers block, so cancellation is out of band: a plugin registers a callback
with `on_cancel` (send KILL QUERY, close a socket) and another thread runs it.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Any, Self

from attrs import evolve, frozen

from headwater.errors import DeadlineExceededError, HeadwaterError, QueryCanceledError, describe
from headwater.logs import get_logger, hears_debug

from .deadlines import Alarm, shared_watchdog

__all__ = ["CallContext", "CancelRegistration", "Progress", "QueryLimits"]

_CANCELLED = "The query was cancelled by its caller."


@frozen
class QueryLimits:
    """Bounds of one query. Streams are bounded by back-pressure; rows and bytes bound collected frames.

    `timeout` is in seconds; None means no bound.
    """

    max_rows: int | None = 1_000_000
    max_bytes: int | None = 256 * 1024 * 1024
    timeout: float | None = 60.0
    max_concurrent_queries: int = 8


DEFAULT_LIMITS = QueryLimits()


@frozen
class Progress:
    """How far a query has come, as its data source reports it. `total_rows` is 0 while unknown."""

    rows: int = 0
    bytes: int = 0
    total_rows: int = 0


class CancelRegistration:
    """Handle of one `on_cancel` callback. Leave the `with` block, or call `remove`, to take it back.

    Taking it back does not wait for a callback that already runs in another thread.
    """

    __slots__ = ("_context", "callback")

    def __init__(self, context: CallContext, callback: Callable[[], object]) -> None:
        self._context = context
        self.callback: Callable[[], object] = callback

    def remove(self) -> None:
        """Forget the callback; nothing if it has run."""
        self._context._remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


class CallContext:
    """Deadline, cancellation, limits and identity of one call. Thread-safe.

    `deadline` is a `time.monotonic()` value in seconds, or None. Passing the deadline cancels the context,
    which runs the callbacks exactly as a cancellation by the caller does. `logger`, of `logging` or
    structlog, takes what is logged about the call.

    `max_age` and `max_stale` are in seconds: an answer from memory is no older than the first, or, while a
    new one is fetched, than both together. Neither makes it older than its rule allows.
    """

    def __init__(
        self,
        *,
        timeout: float | None = None,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        limits: QueryLimits | None = None,
        logger: Any = None,
        on_progress: Callable[[Progress], object] | None = None,
        skip_cache: bool = False,
        max_age: float | None = None,
        max_stale: float = 0.0,
    ) -> None:
        self.request_id: str = request_id or os.urandom(16).hex()
        self.headers: Mapping[str, str] = MappingProxyType(dict(headers or {}))
        self.limits: QueryLimits = limits or DEFAULT_LIMITS
        unbounded = timeout is None or timeout == math.inf
        self.deadline: float | None = None if unbounded else time.monotonic() + max(0.0, timeout or 0.0)
        self.skip_cache = skip_cache
        self.max_age = max_age
        self.max_stale = max_stale
        self._logger = logger
        self._bound_logger: Any = None
        self._on_progress = on_progress
        self._lock = threading.Lock()  # guards the four below; no callback runs while it is held
        self._registrations: dict[CancelRegistration, None] = {}
        self._reason: HeadwaterError | None = None
        self._alarm: Alarm | None = None
        self._parent_registration: CancelRegistration | None = None

    @property
    def hears_debug(self) -> bool:
        """Whether `logger` writes lines at debug level, as far as can be told."""
        return hears_debug(self._logger)

    @property
    def hears_progress(self) -> bool:
        """Whether anybody watches what `report_progress` tells."""
        return self._on_progress is not None

    @property
    def logger(self) -> Any:
        """A structlog logger that carries the request id."""
        if self._bound_logger is None:
            self._bound_logger = get_logger(over=self._logger, request_id=self.request_id)
        return self._bound_logger

    def remaining(self) -> float | None:
        """Seconds left until the deadline, never negative; None without a deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    @property
    def cancelled(self) -> bool:
        """Whether the call was cancelled or its deadline has passed."""
        if self._reason is not None:
            return True
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self._end_in(run_in_thread, _deadline_passed())
            return True
        return False

    @property
    def cancel_reason(self) -> HeadwaterError | None:
        """Why the call is over: QueryCanceledError or DeadlineExceededError; None while it is alive."""
        return self._reason if self.cancelled else None

    def check(self) -> None:
        """Raise QueryCanceledError or DeadlineExceededError if the call is over.

        Each call raises a fresh exception, so that tracebacks of several threads do not mix.
        """
        if self.cancelled and self._reason is not None:
            raise self._reason.fresh()

    def explain(self, error: BaseException, **logged: Any) -> HeadwaterError:
        """What to say of `error`: that the call is over, if it is, whatever a driver made of that.

        Otherwise as `headwater.errors.describe`; what that keeps to itself is logged here, with `logged`.
        """
        reason = self.cancel_reason
        if reason is not None:
            ended = reason.fresh()
            ended.__cause__ = error
            return ended
        if not isinstance(error, HeadwaterError):
            self.logger.error("A plugin raised an unexpected error.", exc_info=error, **logged)
        return describe(error)

    def wait(self, seconds: float) -> None:
        """Sleep up to `seconds`; raises as `check` does as soon as the call is over."""
        ended = threading.Event()
        with self.on_cancel(ended.set):
            ended.wait(seconds)
        self.check()

    def cancel(self, reason: str = _CANCELLED) -> None:
        """Cancel the call; returns when the callbacks have run. Only the first cancellation counts."""
        self._finish(QueryCanceledError(reason))

    def cancel_in(self, submit: Callable[[Callable[[], None]], object], reason: str = _CANCELLED) -> None:
        """Cancel the call, but leave the callbacks, which may block, to `submit`."""
        self._end_in(submit, QueryCanceledError(reason))

    def on_cancel(self, callback: Callable[[], object]) -> CancelRegistration:
        """Run `callback` on cancellation or at the deadline; at once if the call is over already.

        Callbacks run side by side, in other threads than the query's, so that one that blocks delays
        no other. What they raise is logged, not propagated.
        """
        registration = CancelRegistration(self, callback)
        if self.cancelled or not self._add(registration, alarm=True):
            self._run(registration)
        return registration

    def child(
        self,
        *,
        timeout: float | None = None,
        limits: QueryLimits | None = None,
        headers: Mapping[str, str] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        logger: Any = None,
    ) -> CallContext:
        """A context that ends with this one, and no later than `timeout` seconds from now.

        `logger` is for a context that was given none of its own.
        """
        left = self.remaining()
        bounds = [bound for bound in (timeout, left) if bound is not None]
        child = CallContext(
            timeout=min(bounds) if bounds else None,
            request_id=self.request_id,
            headers=self.headers if headers is None else headers,
            limits=limits or self.limits,
            logger=logger if self._logger is None else self._logger,
            on_progress=on_progress or self._on_progress,
            skip_cache=self.skip_cache,
            max_age=self.max_age,
            max_stale=self.max_stale,
        )
        if child._logger is self._logger:
            child._bound_logger = self._bound_logger
        registration = CancelRegistration(self, lambda: child._inherit_end(self))
        # The child has this deadline itself, or an earlier one: no need for two alarms.
        if self.cancelled or not self._add(registration, alarm=False):
            child._inherit_end(self)
        else:
            child._parent_registration = registration
        return child

    def children(self, count: int) -> list[CallContext]:
        """Contexts of `count` calls that together are this one, which reports the sum of their progress."""
        if self._on_progress is None:
            return [self.child() for _ in range(count)]
        total = _TotalProgress(self.report_progress)
        return [self.child(on_progress=total.of(index)) for index in range(count)]

    def detached(
        self, *, timeout: float | None, on_progress: Callable[[Progress], object] | None = None
    ) -> CallContext:
        """A context like this one that does not end with it: for what others wait for, too."""
        return CallContext(
            timeout=timeout,
            request_id=self.request_id,
            headers=self.headers,
            limits=self.limits,
            logger=self._logger,
            on_progress=on_progress,
            max_age=self.max_age,
        )

    def with_limits(self, **changes: Any) -> CallContext:
        """A child whose limits differ from this context's in the given fields of QueryLimits."""
        return self.child(limits=evolve(self.limits, **changes))

    def report_progress(self, *, rows: int = 0, bytes: int = 0, total_rows: int = 0) -> None:  # noqa: A002
        """Tell whoever watches (a progress bar, an event stream) how far the query has come so far."""
        if self._on_progress is not None:
            self._on_progress(Progress(rows=rows, bytes=bytes, total_rows=total_rows))

    def close(self) -> None:
        """Forget deadline and callbacks: the call has ended by itself."""
        with self._lock:
            self._registrations.clear()
            alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()
        registration, self._parent_registration = self._parent_registration, None
        if registration is not None:
            registration.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "cancelled" if self._reason is not None else "active"
        return f"<CallContext {self.request_id} {state}>"

    def _expire(self) -> None:
        self._finish(_deadline_passed())

    def _inherit_end(self, parent: CallContext) -> None:
        self._finish(parent._reason or QueryCanceledError(_CANCELLED))

    def _finish(self, reason: HeadwaterError) -> None:
        self._run_side_by_side(self._end(reason))

    def _end_in(self, submit: Callable[[Callable[[], None]], object], reason: HeadwaterError) -> None:
        registrations = self._end(reason)
        if registrations:
            submit(lambda: self._run_side_by_side(registrations))

    def _end(self, reason: HeadwaterError) -> list[CancelRegistration]:
        """Mark the call as over; the callbacks that are to run, none if it was over before."""
        with self._lock:
            if self._reason is not None:
                return []
            self._reason = reason
            registrations, self._registrations = list(self._registrations), {}
            alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()
        return registrations

    def _run_side_by_side(self, registrations: list[CancelRegistration]) -> None:
        if not registrations:
            return
        *others, last = registrations
        threads = [run_in_thread(partial(self._run, each)) for each in others]
        self._run(last)
        for thread in threads:
            if thread.is_alive():  # one that could not start has run already
                thread.join()

    def _run(self, registration: CancelRegistration) -> None:
        try:
            registration.callback()
        except Exception:
            self.logger.warning("A cancellation callback failed.", exc_info=True)

    def _add(self, registration: CancelRegistration, *, alarm: bool) -> bool:
        """False if the call is over already. `alarm` has the watchdog end the call at its deadline."""
        with self._lock:
            if self._reason is not None:
                return False  # pragma: no cover - it ended after the caller had looked
            self._registrations[registration] = None
            if alarm and self._alarm is None and self.deadline is not None:
                self._alarm = shared_watchdog().schedule(self.deadline, self._expire)
            return True

    def _remove(self, registration: CancelRegistration) -> None:
        alarm = None
        with self._lock:
            self._registrations.pop(registration, None)
            if not self._registrations:
                alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()


class _TotalProgress:
    """The sum of the latest progress of several calls, whose total is known once all of theirs are."""

    def __init__(self, report: Callable[..., None]) -> None:
        self._report = report
        self._latest: dict[int, Progress] = {}

    def of(self, index: int) -> Callable[[Progress], None]:
        def report(progress: Progress) -> None:
            self._latest[index] = progress
            latest = list(self._latest.values())
            known = all(each.total_rows for each in latest)
            self._report(
                rows=sum(each.rows for each in latest),
                bytes=sum(each.bytes for each in latest),
                total_rows=sum(each.total_rows for each in latest) if known else 0,
            )

        return report


def _deadline_passed() -> DeadlineExceededError:
    return DeadlineExceededError("The query did not finish before its deadline.")


def run_in_thread(run: Callable[[], None]) -> threading.Thread:
    """Start `run` in a daemon thread. Cancellations never wait in the queue of what they are to end.

    Where none can start, `run` is run here, and the thread is not alive: a late cancellation is better than
    none.
    """
    thread = threading.Thread(target=run, name="headwater-cancel", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the limit of threads, or from Python 3.12 on the end of the program
        run()
    return thread
