"""One statement on a pooled connection: cancellable while it runs, its connection given back at its end."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, TypeVar

import pyarrow as pa

from headwater.errors import DownstreamProtocolError, HeadwaterError
from headwater.frames import Notice
from headwater.sdk import CallContext
from headwater.sdk.sql import Dialect, Pool
from headwater_mysql.bounds import RECORDS_BYTES
from headwater_mysql.cancellation import QueryCanceller
from headwater_mysql.connection import Connection, Result
from headwater_mysql.dialect import Readings, readings_of
from headwater_mysql.handshake import Session
from headwater_mysql.protocol.columns import Column
from headwater_mysql.protocol.results import ResultColumns
from headwater_mysql.protocol.statements import Parameter

T = TypeVar("T")

_GRACE_SECONDS = 1.0
"""The server's own time limit comes this much later than ours, which knows better why a query ended."""


class Execution:
    """Holds a connection until `close`, and runs one statement on it. Whether that was cancelled is decided
    by our own flag: servers answer a killed statement in several ways, some of which look like success."""

    def __init__(self, pool: Pool[Connection], canceller: QueryCanceller, context: CallContext) -> None:
        self._canceller = canceller
        self._context = context
        self._pool = pool
        self._lock = threading.Lock()  # guards _ended and _interrupted
        self._ended = False
        self._interrupted = False
        self._result: Result | None = None
        self._connection = pool.acquire(context)
        self._registration = context.on_cancel(self.cancel)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The result's columns; none before `start`, or for a statement that returns no rows."""
        header = self._result and self._result.header
        return header.columns if header else ()

    @property
    def schema(self) -> pa.Schema:
        header = self._result and self._result.header
        return header.plan.schema if header else pa.schema([])

    @property
    def session(self) -> Session:
        return self._connection.session

    @property
    def sql_mode(self) -> str | None:
        return self._connection.sql_mode

    @property
    def server_version(self) -> str:
        return self._connection.session.server_version

    @property
    def readings(self) -> Readings:
        """How the session may read the text of statements."""
        return readings_of(self.sql_mode)

    @property
    def dialect(self) -> Dialect:
        """How it most likely does."""
        return self.readings[0]

    @property
    def zero_dates(self) -> int:
        """Dates of the latest result set that became null so far."""
        return self._result.zero_dates if self._result else 0

    @property
    def notices(self) -> tuple[Notice, ...]:
        return ()

    def start(
        self,
        sql: str,
        parameters: Sequence[Parameter] = (),
        *,
        binary: bool = True,
        sql_mode: str | None = None,
    ) -> Result:
        """Run the statement up to its columns. On any error the connection has been given back.

        `sql_mode`: of another session, for which the statement was written.
        """
        try:
            remaining = self._context.remaining()
            self._connection.limit_statements(None if remaining is None else remaining + _GRACE_SECONDS)
            self._connection.borrow_sql_mode(sql_mode)
            self._result = self._connection.execute(sql, parameters, binary=binary)
        except BaseException as error:
            self._fail(error)
            raise
        return self._result

    def batches(self) -> Generator[pa.RecordBatch, None, None]:
        """The rows. Closing the generator early ends the statement at the server."""
        assert self._result is not None
        return self._watched(self._result.batches())

    def steps(self) -> Generator[ResultColumns | pa.RecordBatch, None, None]:
        """Every result set's columns and rows; closing early does the same as for `batches`."""
        assert self._result is not None
        return self._watched(self._result.steps())

    def records(self) -> list[dict[str, Any]]:
        """All rows as Python values, for the answers to questions of our own.

        Raises errors of `headwater.errors`, DownstreamProtocolError for an answer beyond `RECORDS_BYTES`.
        """
        taken, size = [], 0
        with closing(self.batches()) as batches:
            for batch in batches:
                taken.append(batch)
                size += batch.nbytes
                if size > RECORDS_BYTES:
                    raise DownstreamProtocolError("the server's answer is larger than allowed")
        records: list[dict[str, Any]] = pa.Table.from_batches(taken, self.schema).to_pylist()
        return records

    def _watched(self, read: Generator[T, None, None]) -> Generator[T, None, None]:
        """What `read` yields. The connection is given back at the end, and after any error."""
        try:
            yield from read
            self._context.check()
        except Exception as error:
            self._fail(error)
            raise
        finally:
            self.close()

    def cancel(self) -> None:
        """Free whoever waits for the server, and have the server end the statement. From any thread."""
        with self._lock:
            if self._ended or self._interrupted:
                return
            self._interrupted = True
            self._connection.reusable = False
            self._connection.interrupt()
        self._canceller.kill(self._connection.thread_id)

    def close(self) -> None:
        """Give the connection back; a statement that is still running is ended first. Any number of times."""
        if self._result is not None and not self._result.done and self._connection.reusable:
            self.cancel()
        self._registration.remove()
        with self._lock:
            if self._ended:
                return
            self._ended = True
        self._pool.release(self._connection)

    def _fail(self, error: BaseException) -> None:
        """Give the connection back. Raises what ended the call, if that is why the connection failed."""
        self.close()
        try:
            self._context.check()
        except HeadwaterError as reason:
            raise reason from error
