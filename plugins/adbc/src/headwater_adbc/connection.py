"""One connection of a driver, and the statement that runs on it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import adbc_driver_manager as adbc
import pyarrow as pa
from adbc_driver_manager._reader import AdbcRecordBatchReader  # the reader that keeps a driver's own errors

from headwater.errors import QueryError
from headwater.frames import Notice
from headwater_adbc.driver import bind_row
from headwater_adbc.hang_up import Waits
from headwater_adbc.preset import Columns, Preset

_PATIENCE_SECONDS: Final = 3.0
"""With a server that says nothing after a statement has been cancelled."""


def run(connection: adbc.AdbcConnection, sql: str) -> None:
    """Run statements whose rows do not matter; nothing if empty."""
    if sql:
        with adbc.AdbcStatement(connection) as statement:
            statement.set_sql_query(sql)
            statement.execute_update()


class Connection:
    """What the pool lends."""

    def __init__(self, connection: adbc.AdbcConnection, preset: Preset[Any]) -> None:
        self.opened_at = time.monotonic()
        self.reusable = True
        self.used = False
        self._connection: adbc.AdbcConnection | None = connection
        self._statement: adbc.AdbcStatement | None = None
        self._preset = preset
        self._seconds: float | None = None
        self._lock = threading.Lock()  # guards both above: nothing is cancelled that is freed meanwhile
        self._waits = Waits()

    def begin(self, seconds: float | None) -> None:
        self._seconds = seconds
        with self._waits.wait():
            self._run(self._preset.begin(seconds))

    def execute(self, sql: str, values: tuple[Any, ...], verb: str) -> Result:
        _check_text(sql)
        with self._waits.wait():
            return self._readable(sql, values, verb)

    def _readable(self, sql: str, values: tuple[Any, ...], verb: str) -> Result:
        self._preset.check(sql)
        if self._preset.lasts(sql):
            self.reusable = False
        if self._preset.asks_columns_first:
            return self._execute(self._preset.readable(sql, self._columns(sql, values, verb)), values, verb)
        result = self._execute(sql, values, verb)
        if (readable := self._preset.readable(sql, result.given)) == sql:
            return result
        self._cancel()
        result.close()
        self._end()
        self.begin(self._seconds)
        return self._execute(readable, values, verb)

    def renew(self) -> None:
        self.used = True
        try:
            with self._waits.wait():
                self._end()
        except adbc.Error as error:
            raise self._preset.explain(error) from error

    def interrupt(self) -> None:
        """End the statement; the connection is not used again."""
        if self._preset.waits_for_ever:
            self._waits.end_after(_PATIENCE_SECONDS)
        self._cancel()

    def quiet(self) -> bool:
        return self.reusable

    def ping(self, seconds: float) -> None:
        """Not needed: what begins a statement tells whether the connection is alive."""

    def close(self) -> None:
        with self._lock, self._waits.wait(), contextlib.suppress(adbc.Error, RuntimeError):
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
        self._waits.over()

    def free(self, statement: adbc.AdbcStatement) -> None:
        """Close a statement; its reader is closed already."""
        with self._lock, self._waits.wait(), contextlib.suppress(adbc.Error, RuntimeError):
            self._statement = None
            if options := self._preset.closing_options():
                statement.set_options(**options)
            statement.close()

    def _cancel(self) -> None:
        """Drivers cancel by the statement, by the connection, or by both; some ignore the other one."""
        with self._lock, self._waits.wait():
            for handle in (self._statement, self._connection):
                if handle is not None:
                    with contextlib.suppress(adbc.Error):
                        handle.cancel()

    def _end(self) -> None:
        for sql in self._preset.end():
            self._run(sql)

    def _run(self, sql: str) -> None:
        assert self._connection is not None
        run(self._connection, sql)

    def _columns(self, sql: str, values: tuple[Any, ...], verb: str) -> pa.Schema:
        """What the statement will return; it is not run."""
        statement = self._prepared(sql, values, verb)
        try:
            handle = statement.execute_schema()  # owns what is imported until that is done
            return pa.Schema._import_from_c(handle.address)
        finally:
            self.free(statement)

    def _prepared(self, sql: str, values: tuple[Any, ...], verb: str) -> adbc.AdbcStatement:
        statement = self._statement = adbc.AdbcStatement(self._connection)
        try:
            if options := self._preset.statement_options(verb):
                statement.set_options(**options)
            statement.set_sql_query(f"{sql}\n")  # so that a comment at its end swallows nothing behind
            if values:
                statement.prepare()
                bind_row(statement, tuple(map(self._preset.bound, values)))
        except BaseException:
            self.free(statement)
            raise
        return statement

    def _execute(self, sql: str, values: tuple[Any, ...], verb: str) -> Result:
        statement = self._prepared(sql, values, verb)
        try:
            handle, _ = statement.execute_query()
            reader = AdbcRecordBatchReader._import_from_c(handle.address)
            return Result(reader, self._preset.columns, self._waits, partial(self.free, statement))
        except BaseException:
            self.free(statement)
            raise


def _check_text(sql: str) -> None:
    """Raises QueryError for a text that would not arrive as it is: drivers take it to end at a NUL."""
    if "\0" in sql:
        raise QueryError("the statement holds a NUL character; leave it out")
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise QueryError("the statement holds half a character (a lone surrogate); leave it out") from error


class Result:
    """A running statement's rows. `given`: the columns as the driver has them, `schema`: as delivered."""

    def __init__(
        self,
        reader: AdbcRecordBatchReader,
        columns: type[Columns],
        waits: Waits,
        on_close: Callable[[], object],
    ) -> None:
        self._reader = reader
        self._waits = waits
        self._on_close = on_close
        self.given: pa.Schema = reader.schema
        self._columns = columns(self.given)
        self.schema = self._columns.schema

    @property
    def notices(self) -> tuple[Notice, ...]:
        return self._columns.notices

    def batches(self) -> Iterator[pa.RecordBatch]:
        while (batch := self._next()) is not None:
            yield self._columns.convert(batch)

    def _next(self) -> pa.RecordBatch | None:
        with self._waits.wait():
            return next(self._reader, None)

    def close(self) -> None:
        with self._waits.wait(), contextlib.suppress(adbc.Error, OSError):
            self._reader.close()
        self._on_close()
