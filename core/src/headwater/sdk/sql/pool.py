"""A bounded pool of connections, in the manner of Go's `database/sql`, whose settings Grafana shows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

import attrs

from headwater.calls.context import CallContext
from headwater.errors import HeadwaterError, LimitExceededError

__all__ = ["Pool", "PoolLimits", "PoolState", "Poolable"]

PING_AFTER_SECONDS: Final = 30.0
"""A connection unused for so long is asked before it is used: something in between may have dropped it."""


class Poolable(Protocol):
    """What the pool needs to know of a connection."""

    opened_at: float
    """`time.monotonic()` when it was opened."""

    reusable: bool

    def renew(self) -> None:
        """Begin to take back what its user left in the session. Raises OSError, HeadwaterError."""

    def interrupt(self) -> None:
        """End whatever blocks on the connection, from any thread."""

    def quiet(self) -> bool:
        """Whether it was renewed and nothing else has arrived while the connection rested."""

    def ping(self, seconds: float) -> None:
        """Raises HeadwaterError if the server does not answer within `seconds`."""

    def close(self) -> None: ...


C = TypeVar("C", bound=Poolable)


@attrs.frozen
class PoolLimits:
    """`max_open`: 0 for any number. `max_lifetime`: in seconds, 0 for ever."""

    max_open: int = 100
    max_idle: int = 100
    max_lifetime: float = 14_400


@attrs.frozen
class PoolState:
    """How many connections there are, how many of them rest, and how many callers wait for one."""

    open: int
    idle: int
    waiting: int


class Pool(Generic[C]):
    """Lends connections; the most recently used first, so that the others grow old and are closed.

    `connect(seconds, context)` opens one within `seconds`, and ends what it blocks on when the call ends
    (`context.on_cancel`). Thread-safe.
    """

    def __init__(
        self, connect: Callable[[float, CallContext], C], limits: PoolLimits, connect_seconds: float
    ) -> None:
        self._connect = connect
        self._limits = limits
        self._connect_seconds = connect_seconds
        self._changed = threading.Condition()  # guards all below; notified when a connection is free
        self._idle: list[tuple[C, float]] = []
        self._open = 0
        self._waiting = 0
        self._closed = False

    @property
    def state(self) -> PoolState:
        """What the pool holds now."""
        with self._changed:
            return PoolState(self._open, len(self._idle), self._waiting)

    def acquire(self, context: CallContext) -> C:
        """A working connection, waited for until the call ends if all are lent.

        Raises what connecting raises, QueryCanceledError or DeadlineExceededError when the call ends first,
        LimitExceededError if the pool has been closed.
        """
        while True:
            found, rested_since = self._take(context)
            if found is None:
                return self._open_one(context)
            with context.on_cancel(found.interrupt):
                alive = self._is_alive(found, rested_since, context)
            if alive:
                return found
            self._discard(found)

    def release(self, connection: C) -> None:
        """Take a connection back: keep it if it is good for more and there is room, close it otherwise."""
        keep = connection.reusable and not self._expired(connection) and self._renewed(connection)
        with self._changed:
            keep = keep and not self._closed and len(self._idle) < self._limits.max_idle
            if keep:
                self._idle.append((connection, time.monotonic()))
                self._changed.notify()
        if not keep:
            self._discard(connection)

    def close(self) -> None:
        """Close idle connections now, lent ones as they come back, and send waiting callers away."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for connection, _ in idle:
            self._discard(connection)

    def _take(self, context: CallContext) -> tuple[C | None, float]:
        """An idle connection and since when it rests, or None and the right to open one."""
        with self._changed:
            try:
                if not self._ready():
                    self._wait(context)
                context.check()
            except BaseException:
                self._changed.notify()  # what woke this caller is for the next one
                raise
            if self._closed:
                raise LimitExceededError("the data source is being closed", retryable=True)
            if self._idle:
                return self._idle.pop()
            self._open += 1
            return None, 0.0

    def _wait(self, context: CallContext) -> None:
        self._waiting += 1
        try:
            with context.on_cancel(self._wake):
                self._changed.wait_for(lambda: self._ready() or context.cancelled, context.remaining())
        finally:
            self._waiting -= 1

    def _ready(self) -> bool:
        return self._closed or bool(self._idle) or not 0 < self._limits.max_open <= self._open

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _open_one(self, context: CallContext) -> C:
        left = context.remaining()
        seconds = self._connect_seconds if left is None else min(left, self._connect_seconds)
        try:
            return self._connect(seconds, context)
        except BaseException:
            self._forget()
            context.check()
            raise

    def _is_alive(self, connection: C, rested_since: float, context: CallContext) -> bool:
        if self._expired(connection) or not connection.quiet():
            return False
        if time.monotonic() - rested_since < PING_AFTER_SECONDS:
            return True
        left = context.remaining()
        try:
            connection.ping(self._connect_seconds if left is None else min(left, self._connect_seconds))
        except HeadwaterError:
            return False
        return True

    def _renewed(self, connection: C) -> bool:
        try:
            connection.renew()
        except (OSError, HeadwaterError):
            return False
        return True

    def _expired(self, connection: C) -> bool:
        lifetime = self._limits.max_lifetime
        return lifetime > 0 and time.monotonic() - connection.opened_at >= lifetime

    def _discard(self, connection: C) -> None:
        try:
            connection.close()
        finally:
            self._forget()

    def _forget(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify()
