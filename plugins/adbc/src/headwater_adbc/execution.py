"""One statement on a pooled connection: cancellable while it runs, its connection given back at its end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator
from typing import Any

import adbc_driver_manager as adbc
import pyarrow as pa
from adbc_driver_manager._reader import AdbcRecordBatchReader  # the reader that keeps a driver's own errors

from headwater.calls import CallContext
from headwater.errors import HeadwaterError
from headwater.frames.stream import DEFAULT_BATCH_ROWS
from headwater_adbc.connection import Connections
from headwater_adbc.driver import bind_row
from headwater_adbc.preset import Columns, Preset

_CANCEL_AGAIN_SECONDS = 0.1


class Execution:
    """Holds a connection until `close`. Whether a statement was cancelled is decided by our own flag."""

    def __init__(self, connections: Connections, preset: Preset[Any], context: CallContext) -> None:
        self._pool = connections.pool
        self._preset = preset
        self._context = context
        self._lock = threading.Lock()  # guards _ended and _interrupted
        self._ended = self._interrupted = self._exhausted = False
        self._over = threading.Event()
        self._statement: adbc.AdbcStatement | None = None
        self._reader: AdbcRecordBatchReader | None = None
        self._connection = connections.acquire(context)
        self._registration = context.on_cancel(self._insist)

    def start(self, sql: str, values: tuple[Any, ...] = (), verb: str = "SELECT") -> Columns:
        """Run the statement up to its columns. On any error the connection has been given back."""
        try:
            schema = self._execute(sql, values, verb)
            self._context.check()  # what a cancelled statement returns may look like success
            if (readable := self._preset.readable(sql, schema)) != sql:
                self._start_anew()
                schema = self._execute(readable, values, verb)
        except BaseException as error:
            raise self._failed(error) from error
        self.columns = self._preset.columns(schema)
        return self.columns

    def batches(self) -> Generator[pa.RecordBatch, None, None]:
        """The rows. Closing the generator early ends the statement at the server."""
        assert self._reader is not None
        try:
            for batch in self._reader:
                for start in range(0, batch.num_rows, DEFAULT_BATCH_ROWS):
                    self._context.check()
                    yield self.columns.convert(batch.slice(start, DEFAULT_BATCH_ROWS))
            self._exhausted = True
            self._context.check()
        except GeneratorExit:
            raise
        except BaseException as error:
            raise self._failed(error) from error
        finally:
            self.close()

    def cancel(self) -> None:
        """Have the server end the statement, which frees whoever waits for it. From any thread."""
        with self._lock:
            if self._ended or self._interrupted:
                return
            self._interrupted = True
            self._connection.reusable = False
        self._connection.interrupt()

    def _insist(self) -> None:
        """Cancel again and again: the statement may have been on its way to the server."""
        self.cancel()
        while not self._over.wait(_CANCEL_AGAIN_SECONDS):
            self._connection.interrupt()

    def close(self) -> None:
        """Give the connection back; a statement that is still running is ended first. Any number of times."""
        if self._reader is not None and not self._exhausted:
            self.cancel()
        with self._lock:
            if self._ended:
                return
            self._ended = True
        self._over.set()
        self._registration.remove()
        self._free()
        self._pool.release(self._connection)

    def _execute(self, sql: str, values: tuple[Any, ...], verb: str) -> pa.Schema:
        self._statement = adbc.AdbcStatement(self._connection.adbc)
        if options := self._preset.statement_options(verb):
            self._statement.set_options(**options)
        self._statement.set_sql_query(sql)
        if values:
            bind_row(self._statement, values)
        handle, _ = self._statement.execute_query()
        self._reader = AdbcRecordBatchReader._import_from_c(handle.address)
        return self._reader.schema

    def _start_anew(self) -> None:
        """End the statement, and begin again on the same connection."""
        self._connection.interrupt()
        self._free()
        self._connection.run(self._preset.end())
        self._connection.run(self._preset.begin(self._context.remaining()))

    def _free(self) -> None:
        for opened in (self._reader, self._statement):
            if opened is not None:
                with contextlib.suppress(adbc.Error, OSError, RuntimeError):
                    opened.close()
        self._reader = self._statement = None

    def _failed(self, error: BaseException) -> BaseException:
        """Give the connection back. Returns what ended the call, if that is why it failed, else `error`."""
        explained = self._preset.explain(error) if isinstance(error, Exception) else error
        if not isinstance(explained, HeadwaterError) or explained.retryable:
            self._connection.reusable = False
        self._exhausted = True  # there is nothing to cancel
        self.close()
        try:
            self._context.check()
        except HeadwaterError as reason:
            return reason
        return explained
