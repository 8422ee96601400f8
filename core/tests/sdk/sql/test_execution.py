"""A statement on a connection: what cancelling does to it. With a connection that is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pytest

from headwater.errors import QueryCanceledError, describe
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
