"""One connection of a driver, as the pool lends it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from typing import Any

import adbc_driver_manager as adbc

from headwater.calls import CallContext
from headwater.sdk.sql import Pool, PoolLimits
from headwater_adbc.driver import open_database
from headwater_adbc.preset import Preset


class Connection:
    """Runs statements that return no rows; its user runs the others on `adbc`."""

    def __init__(self, connection: adbc.AdbcConnection, preset: Preset[Any]) -> None:
        self.adbc = connection
        self.opened_at = time.monotonic()
        self.reusable = True
        self.used = False
        self._preset = preset
        self._lock = threading.Lock()  # guards _closed: no driver is told to cancel on what it has freed
        self._closed = False

    def run(self, sql: str) -> None:
        """Raises errors of `headwater.errors`."""
        if sql:
            try:
                with adbc.AdbcStatement(self.adbc) as statement:
                    statement.set_sql_query(sql)
                    statement.execute_update()
            except adbc.Error as error:
                raise self._preset.explain(error) from error

    def renew(self) -> None:
        self.used = True
        self.run(self._preset.end())

    def interrupt(self) -> None:
        with self._lock, contextlib.suppress(adbc.Error):
            if not self._closed:
                self.adbc.cancel()

    def quiet(self) -> bool:
        return self.reusable

    def ping(self, seconds: float) -> None:
        """Not needed: what begins a statement tells whether the connection is alive."""

    def close(self) -> None:
        with self._lock, contextlib.suppress(adbc.Error, RuntimeError):
            self._closed = True
            self.adbc.close()


class Connections:
    """The database, opened at the first use, and the pool of its connections. Thread-safe."""

    def __init__(self, preset: Preset[Any]) -> None:
        settings = preset.settings
        limits = PoolLimits(settings.max_open_conns, settings.max_idle_conns, settings.conn_max_lifetime)
        self.pool: Pool[Connection] = Pool(self._connect, limits, settings.connect_seconds)
        self._preset = preset
        self._lock = threading.Lock()  # guards _database and _closed
        self._database: adbc.AdbcDatabase | None = None
        self._closed = False

    def acquire(self, context: CallContext) -> Connection:
        """A connection on which a statement may begin. One that has died is replaced.

        Raises what connecting raises, and what `Pool.acquire` does.
        """
        while True:
            connection = self.pool.acquire(context)
            try:
                with context.on_cancel(connection.interrupt):
                    connection.run(self._preset.begin(context.remaining()))
                context.check()
                return connection
            except BaseException as error:
                connection.reusable = False
                self.pool.release(connection)
                context.check()
                if not (connection.used and isinstance(error, Exception)):
                    raise

    def close(self) -> None:
        """Close what is idle now, and the rest as it comes back."""
        self.pool.close()
        with self._lock:
            database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(adbc.Error, RuntimeError):  # connections that are lent keep it open
                database.close()
        self._preset.close()

    def _connect(self, seconds: float, context: CallContext) -> Connection:
        del context  # no driver can be woken while it connects: the time limit is what ends it
        try:
            connection = adbc.AdbcConnection(self._opened(seconds), **self._options())
        except Exception as error:
            raise self._preset.explain(error, connecting=True) from error
        return Connection(connection, self._preset)

    def _opened(self, seconds: float) -> adbc.AdbcDatabase:
        with self._lock:
            if self._database is None:
                self._database = open_database(self._preset.options(seconds))
            return self._database

    def _options(self) -> Mapping[str, str]:
        return {}
