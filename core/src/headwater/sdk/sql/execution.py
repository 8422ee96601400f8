"""One statement on a pooled connection: cancellable while it runs, its connection given back at its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from typing import Any, Final, Protocol

import pyarrow as pa

from headwater.calls.context import CallContext
from headwater.errors import ErrorSource, HeadwaterError
from headwater.frames import Notice
from headwater.frames.stream import DEFAULT_BATCH_ROWS

from .pool import Pool, Poolable

__all__ = ["Execution", "SqlConnection", "SqlResult"]

_CANCEL_AGAIN_SECONDS: Final = 0.1


class SqlResult(Protocol):
    """A running statement's rows."""

    schema: pa.Schema

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What to say about the rows so far."""

    def batches(self) -> Iterable[pa.RecordBatch]:
        """The rows, as the database sends them."""

    def close(self) -> None:
        """Free what the statement holds. Any number of times."""


class SqlConnection(Poolable, Protocol):
    """A connection to a database. Only `interrupt` is called from another thread."""

    used: bool
    """Whether it served a statement before: if so and it has died since, another one is tried."""

    def begin(self, seconds: float | None) -> None:
        """Begin what a statement runs in, which may take `seconds`."""

    def execute(self, sql: str, values: tuple[Any, ...], verb: str) -> SqlResult:
        """Run a statement, whose first word is `verb`, up to its columns."""


class Execution:
    """Holds a connection until `close`. Whether the statement was cancelled is decided by our own flag:
    servers answer a cancelled one in several ways, some of which look like success.

    `explain` says what a driver's error means.
    """

    def __init__(
        self, pool: Pool[Any], context: CallContext, explain: Callable[[Exception], HeadwaterError]
    ) -> None:
        self._pool = pool
        self._context = context
        self._explain = explain
        self._lock = threading.Lock()  # guards _ended and _interrupted
        self._ended = self._interrupted = self._exhausted = False
        self._over = threading.Event()
        self.result: SqlResult | None = None
        self._connection: SqlConnection = self._begun()
        self._registration = context.on_cancel(self._insist)

    def start(self, sql: str, values: tuple[Any, ...] = (), verb: str = "SELECT") -> SqlResult:
        """Run the statement up to its columns. On any error the connection has been given back."""
        try:
            self._context.check()
            self.result = self._connection.execute(sql, values, verb)
            self._context.check()
        except BaseException as error:
            raise self._failed(error) from error
        return self.result

    def batches(self) -> Generator[pa.RecordBatch, None, None]:
        """The rows. Closing the generator early ends the statement at the server."""
        assert self.result is not None
        try:
            for batch in self.result.batches():
                for start in range(0, batch.num_rows, DEFAULT_BATCH_ROWS):
                    self._context.check()
                    yield batch.slice(start, DEFAULT_BATCH_ROWS)
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

    def close(self) -> None:
        """Give the connection back; a statement that is still running is ended first. Any number of times."""
        if self.result is not None and not self._exhausted:
            self.cancel()
        with self._lock:
            if self._ended:
                return
            self._ended = True
        try:
            if self.result is not None:
                self.result.close()  # may wait for a statement that missed being cancelled as it began
        finally:
            self._over.set()
            self._registration.remove()
            self._pool.release(self._connection)

    def _begun(self) -> SqlConnection:
        """A connection on which a statement may start. One that has died while it rested is replaced."""
        while True:
            connection: SqlConnection = self._pool.acquire(self._context)
            try:
                with self._context.on_cancel(connection.interrupt):
                    connection.begin(self._context.remaining())
                self._context.check()
                return connection
            except BaseException as error:
                connection.reusable = False
                self._pool.release(connection)
                self._context.check()
                if not isinstance(error, Exception):
                    raise
                if not connection.used:
                    raise self._explain(error) from error

    def _insist(self) -> None:
        """Cancel again and again: the statement may have been on its way to the server."""
        self.cancel()
        while not self._over.wait(_CANCEL_AGAIN_SECONDS):
            self._connection.interrupt()

    def _failed(self, error: BaseException) -> BaseException:
        """Give the connection back. Returns what ended the call, if that is why it failed, else `error`."""
        explained = self._explain(error) if isinstance(error, Exception) else error
        if not isinstance(explained, HeadwaterError) or explained.source is not ErrorSource.CALLER:
            self._connection.reusable = False  # its trouble may be with this connection
        if isinstance(error, Exception) and not isinstance(error, HeadwaterError):
            self._exhausted = True  # the driver's own: there is nothing to cancel
        self.close()
        try:
            self._context.check()
        except HeadwaterError as reason:
            return reason
        return explained
