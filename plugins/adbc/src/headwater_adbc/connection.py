"""One connection of a driver, and the statement that runs on it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import adbc_driver_manager as adbc
import pyarrow as pa
from adbc_driver_manager._reader import AdbcRecordBatchReader  # the reader that keeps a driver's own errors

from headwater.frames import Notice
from headwater_adbc.driver import bind_row
from headwater_adbc.preset import Columns, Preset


class Connection:
    """What the pool lends."""

    def __init__(self, connection: adbc.AdbcConnection, preset: Preset[Any]) -> None:
        self.opened_at = time.monotonic()
        self.reusable = True
        self.used = False
        self._connection = connection
        self._preset = preset
        self._seconds: float | None = None
        self._lock = threading.Lock()  # guards _closed: no driver is told to cancel on what it has freed
        self._closed = False

    def begin(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._run(self._preset.begin(seconds))

    def execute(self, sql: str, values: tuple[Any, ...], verb: str) -> Result:
        result = self._execute(sql, values, verb)
        if (readable := self._preset.readable(sql, result.given)) == sql:
            return result
        self.interrupt()
        result.close()
        self._run(self._preset.end())
        self.begin(self._seconds)
        return self._execute(readable, values, verb)

    def renew(self) -> None:
        self.used = True
        try:
            self._run(self._preset.end())
        except adbc.Error as error:
            raise self._preset.explain(error) from error

    def interrupt(self) -> None:
        with self._lock, contextlib.suppress(adbc.Error):
            if not self._closed:
                self._connection.cancel()

    def quiet(self) -> bool:
        return self.reusable

    def ping(self, seconds: float) -> None:
        """Not needed: what begins a statement tells whether the connection is alive."""

    def close(self) -> None:
        with self._lock, contextlib.suppress(adbc.Error, RuntimeError):
            self._closed = True
            self._connection.close()

    def _run(self, sql: str) -> None:
        if sql:
            with adbc.AdbcStatement(self._connection) as statement:
                statement.set_sql_query(sql)
                statement.execute_update()

    def _execute(self, sql: str, values: tuple[Any, ...], verb: str) -> Result:
        statement = adbc.AdbcStatement(self._connection)
        try:
            if options := self._preset.statement_options(verb):
                statement.set_options(**options)
            statement.set_sql_query(sql)
            if values:
                bind_row(statement, values)
            handle, _ = statement.execute_query()
            reader = AdbcRecordBatchReader._import_from_c(handle.address)
            return Result(statement, reader, self._preset.columns)
        except BaseException:
            statement.close()
            raise


class Result:
    """A running statement's rows. `given`: the columns as the driver has them, `schema`: as delivered."""

    def __init__(
        self, statement: adbc.AdbcStatement, reader: AdbcRecordBatchReader, columns: type[Columns]
    ) -> None:
        self._statement = statement
        self._reader = reader
        self.given: pa.Schema = reader.schema
        self._columns = columns(self.given)
        self.schema = self._columns.schema

    @property
    def notices(self) -> tuple[Notice, ...]:
        return self._columns.notices

    def batches(self) -> Iterator[pa.RecordBatch]:
        return map(self._columns.convert, self._reader)

    def close(self) -> None:
        for opened in (self._reader, self._statement):
            with contextlib.suppress(adbc.Error, OSError, RuntimeError):
                opened.close()
