"""`CallContext`: what travels beside every call: deadline, cancellation, limits, request id, logger.

Hooks are synchronous and drivers block, so cancellation is out of band: a plugin registers a callback
with `on_cancel` (send KILL QUERY, close a socket) and another thread runs it.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self

from attrs import evolve, frozen

from .errors import DeadlineExceededError, QueryCanceledError
from .watchdog import Alarm, shared_watchdog

__all__ = ["CallContext", "CancelRegistration", "Progress", "QueryLimits"]


@frozen
class QueryLimits:
    """Bounds of one query. Streams are bounded by back-pressure; rows and bytes bound collected frames.

    `timeout` is in seconds; None means no bound.
    """

    max_rows: int | None = 1_000_000
    max_bytes: int | None = 256 * 1024 * 1024
    timeout: float | None = 60.0
    max_concurrent_queries: int = 8


@frozen
class Progress:
    """How far a query has come, as its data source reports it. `total_rows` is 0 while unknown."""

    rows: int = 0
    bytes: int = 0
    total_rows: int = 0


class CancelRegistration:
    """Handle of one `on_cancel` callback. Leave the `with` block, or call `remove`, to take it back."""

    __slots__ = ("_callback", "_context")

    def __init__(self, context: CallContext, callback: Callable[[], object]) -> None:
        self._context = context
        self._callback = callback

    def remove(self) -> None:
        self._context._remove(self._callback)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


class CallContext:
    """Deadline, cancellation, limits and identity of one call. Thread-safe.

    `deadline` is a `time.monotonic()` value in seconds, or None. Passing the deadline cancels the context,
    which runs the callbacks exactly as a cancellation by the caller does.
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
    ) -> None:
        self.request_id = request_id or uuid.uuid4().hex
        self.headers: Mapping[str, str] = MappingProxyType(dict(headers or {}))
        self.limits = limits or QueryLimits()
        self.deadline = None if timeout is None else time.monotonic() + max(0.0, timeout)
        self.skip_cache = skip_cache
        self._logger = logger
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []
        self._canceled = threading.Event()
        self._reason: BaseException | None = None
        self._alarm: Alarm | None = None
        self._parent_registration: CancelRegistration | None = None

    @property
    def logger(self) -> Any:
        """A structlog logger that carries the request id."""
        if self._logger is None:
            import structlog

            self._logger = structlog.get_logger("headwater").bind(request_id=self.request_id)
        return self._logger

    def remaining(self) -> float | None:
        """Seconds left until the deadline, never negative; None without a deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    @property
    def cancelled(self) -> bool:
        """Whether the call was cancelled or its deadline has passed."""
        if self._canceled.is_set():
            return True
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self._expire()
            return True
        return False

    @property
    def cancel_reason(self) -> BaseException | None:
        """The error that `check` raises, None while the call is alive."""
        return self._reason if self.cancelled else None

    def check(self) -> None:
        """Raise QueryCanceledError or DeadlineExceededError if the call is over.

        Each call raises a fresh exception, so that tracebacks of several threads do not mix.
        """
        if not self.cancelled:
            return
        reason = self._reason
        if isinstance(reason, DeadlineExceededError):
            raise DeadlineExceededError(str(reason)) from reason
        raise QueryCanceledError(str(reason)) from reason

    def wait(self, seconds: float) -> None:
        """Sleep up to `seconds`; raises as `check` does as soon as the call is over."""
        left = self.remaining()
        self._canceled.wait(seconds if left is None else min(seconds, left))
        self.check()

    def cancel(self, reason: str = "The query was cancelled by its caller.") -> None:
        """Cancel the call and run the callbacks in this thread. Only the first cancellation counts."""
        self._finish(QueryCanceledError(reason))

    def on_cancel(self, callback: Callable[[], object]) -> CancelRegistration:
        """Run `callback` on cancellation or at the deadline; at once if the call is over already.

        The callback runs in another thread than the query. What it raises is logged, not propagated.
        """
        with self._lock:
            waiting = not self._canceled.is_set()
            if waiting:
                self._callbacks.append(callback)
                if self._alarm is None and self.deadline is not None:
                    self._alarm = shared_watchdog().schedule(self.deadline, self._expire)
        if not waiting:
            self._run(callback)
        return CancelRegistration(self, callback)

    def child(
        self,
        *,
        timeout: float | None = None,
        limits: QueryLimits | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> CallContext:
        """A context that ends with this one, and no later than `timeout` seconds from now."""
        left = self.remaining()
        bounds = [bound for bound in (timeout, left) if bound is not None]
        child = CallContext(
            timeout=min(bounds) if bounds else None,
            request_id=self.request_id,
            headers=self.headers if headers is None else headers,
            limits=limits or self.limits,
            logger=self._logger,
            on_progress=self._on_progress,
            skip_cache=self.skip_cache,
        )
        child._parent_registration = self.on_cancel(
            lambda: child._finish(self._reason or QueryCanceledError(""))
        )
        return child

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
            self._callbacks.clear()
            alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()
        if self._parent_registration is not None:
            self._parent_registration.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "cancelled" if self._canceled.is_set() else "active"
        return f"<CallContext {self.request_id} {state}>"

    def _expire(self) -> None:
        self._finish(DeadlineExceededError("The query did not finish before its deadline."))

    def _finish(self, reason: BaseException) -> None:
        with self._lock:
            if self._canceled.is_set():
                return
            self._reason = reason
            self._canceled.set()
            callbacks, self._callbacks = self._callbacks, []
            alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()
        for callback in callbacks:
            self._run(callback)

    def _inherit_end(self, parent: CallContext) -> None:
        if parent._reason is not None:
            self._finish(parent._reason)

    def _run(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except Exception:
            self.logger.warning("A cancellation callback failed.", exc_info=True)

    def _remove(self, callback: Callable[[], object]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)
            alarm = None
            if not self._callbacks:
                alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()
