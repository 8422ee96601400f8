"""A statement on a connection: what cancelling does to it. With a connection that is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pytest

from headwater.errors import DownstreamConnectionError, QueryCanceledError, describe
from headwater.sdk import CallContext
from headwater.sdk.sql import Pool, PoolLimits
from headwater.sdk.sql.execution import Execution

CancelWhen = Callable[..., None]


class Deaf:
    """Misses being cancelled while its statement begins, and has rows for ever: to close them waits for the
    next time, as DuckDB's driver does."""

    opened_at = time.monotonic()
    reusable = True
    used = False
    schema = pa.schema([("n", pa.int64())])
    notices = ()

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.missed = threading.Event()
        self.heard = threading.Event()
        self.closed = False

    def begin(self, seconds: float | None) -> None: ...

    def execute(self, sql: str, values: tuple[Any, ...], verb: str) -> Result:
        self.begun.set()
        assert self.missed.wait(10)
        return Result(self)

    def interrupt(self) -> None:
        (self.heard if self.missed.is_set() else self.missed).set()

    def renew(self) -> None: ...

    def quiet(self) -> bool:
        return True

    def ping(self, seconds: float) -> None: ...

    def close(self) -> None:
        self.closed = True


class Result:
    schema = Deaf.schema
    notices = ()

    def __init__(self, connection: Deaf) -> None:
        self._connection = connection

    def batches(self) -> Iterable[pa.RecordBatch]:
        return ()

    def close(self) -> None:
        assert self._connection.heard.wait(10), "nobody interrupts what is waited for"


def test_a_statement_that_missed_being_cancelled_is_cancelled_again_while_its_end_is_waited_for(
    cancel_when: CancelWhen,
) -> None:
    connection = Deaf()
    pool = Pool(lambda _seconds, _context: connection, PoolLimits(), 10)
    context = CallContext(timeout=60)
    execution = Execution(pool, context, describe)
    cancel_when(connection.begun, context)
    with pytest.raises(QueryCanceledError):
        execution.start("SELECT 1")
    assert connection.closed


class Endless(Deaf):
    """Has rows for ever, and would read them all before it serves another statement."""

    def __init__(self) -> None:
        super().__init__()
        self.missed.set()

    def execute(self, sql: str, values: tuple[Any, ...], verb: str) -> Result:
        return EndlessResult(self)

    def renew(self) -> None:
        assert self.heard.is_set(), "all rows are read before the connection is good for another statement"


class EndlessResult(Result):
    def batches(self) -> Iterable[pa.RecordBatch]:
        while not self._connection.heard.is_set():
            yield pa.record_batch([pa.array([1])], Deaf.schema)


def test_a_statement_is_ended_by_whoever_notices_first_that_its_call_is_over() -> None:
    """The flag is up before what is to happen then: its reader may see it before anybody has interrupted."""
    connection = Endless()
    pool = Pool(lambda _seconds, _context: connection, PoolLimits(), 10)
    context = CallContext(timeout=60)
    execution = Execution(pool, context, describe)
    execution.start("SELECT 1")
    rows = execution.batches()
    next(rows)
    callbacks: list[Callable[[], None]] = []
    context.cancel_in(callbacks.append)
    with pytest.raises(QueryCanceledError):
        next(rows)
    assert connection.heard.is_set()
    assert connection.closed
    for callback in callbacks:
        callback()


class Failing(Deaf):
    """Fails as its first statement begins."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__()
        self.error = error

    def begin(self, seconds: float | None) -> None:
        if self.error is not None:
            raise self.error


def test_a_new_connection_on_which_nothing_can_begin_is_told_and_closed() -> None:
    connection = Failing(DownstreamConnectionError("the server is starting"))
    pool = Pool(lambda _seconds, _context: connection, PoolLimits(), 10)
    with pytest.raises(DownstreamConnectionError, match="the server is starting"):
        Execution(pool, CallContext(), describe)
    assert connection.closed


def test_a_connection_that_has_died_at_rest_is_replaced() -> None:
    dead, good = Failing(ConnectionResetError()), Failing(None)
    dead.used = True
    made = iter([dead, good])
    pool = Pool(lambda _seconds, _context: next(made), PoolLimits(), 10)
    Execution(pool, CallContext(), describe).close()
    assert (dead.closed, good.closed) == (True, False)


def test_an_interrupt_as_a_statement_begins_stays_one() -> None:
    connection = Failing(KeyboardInterrupt())
    connection.used = True
    pool = Pool(lambda _seconds, _context: connection, PoolLimits(), 10)
    with pytest.raises(KeyboardInterrupt):
        Execution(pool, CallContext(), describe)
    assert connection.closed
