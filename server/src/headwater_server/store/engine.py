"""Connects to the database, and tells what went wrong with it in our own words."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError, TimeoutError as PoolTimeoutError

from headwater.errors import HeadwaterError, StoreError, StoreLockedError

_DISK_FULL = "The disk of the store is full; nothing was changed."
_WRITE = "headwater_write"
_WAIT_SECONDS = 120.0
_REST_SECONDS = 0.5
_LONGEST_PAUSE = 10.0
_NONE_FREE = (
    "too many clients", "too many connections", "connection slots are reserved",
    "closed the connection unexpectedly", "Connection reset by peer", "could not fork",
)  # fmt: skip
_DRIVERS = {
    "sqlite": ("sqlite", "sqlite3", ""),
    "postgresql": ("postgresql+psycopg", "psycopg", "pip install 'headwater-server[postgresql]'"),
    "mysql": ("mysql+pymysql", "pymysql", "pip install 'headwater-server[mysql]'"),
    "mariadb": ("mariadb+pymysql", "pymysql", "pip install 'headwater-server[mysql]'"),
}


def open_engine(url: str, *, lock_timeout: float, keep_connections: bool = True) -> Engine:
    """An engine for `url`; nothing is connected yet. `lock_timeout` in seconds bounds the wait for another
    writer.

    Without `keep_connections` there is one connection at most: closed when it has rested for half a second,
    and waited for, up to two minutes, while the database has none free. Of a thousand processes few need one
    at a time.

    Raises StoreError if the URL is wrong or its driver is not installed.
    """
    parsed = _parse(url)
    options: dict[str, Any] = {"hide_parameters": True}
    if not keep_connections:
        options |= {"pool_size": 1, "max_overflow": 0}
    elif parsed.get_backend_name() != "sqlite":
        options |= {"pool_pre_ping": True, "pool_recycle": 1800}
    if parsed.password is not None and parsed.get_driver_name() == "pymysql":
        options["connect_args"] = {"password": parsed.password.encode()}  # PyMySQL sends a str as Latin-1
    engine = create_engine(parsed, **options)
    prepare = {"sqlite": _prepare_sqlite, "postgresql": _prepare_postgresql}.get(
        engine.dialect.name, _prepare_mysql
    )
    prepare(engine, lock_timeout)
    if not keep_connections:
        _wait_for_a_free_connection(engine)
        _close_what_rests(engine)
    return engine


def reader_of(engine: Engine) -> Engine:
    """The same pool, with transactions that see one state of the database from beginning to end."""
    if engine.dialect.name == "sqlite":
        return engine  # a transaction in WAL mode is a snapshot
    return engine.execution_options(isolation_level="REPEATABLE READ")


def writer_of(engine: Engine) -> Engine:
    """The same pool, with transactions that lock at once instead of failing half-way."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_WRITE: True})
    return engine.execution_options(isolation_level="READ COMMITTED")


@contextmanager
def store_errors() -> Iterator[None]:
    """Turns the database's errors into StoreError and StoreLockedError, the original as their cause."""
    try:
        yield
    except HeadwaterError:
        raise
    except PoolTimeoutError as error:
        raise StoreLockedError("The store has no free database connection; try again.") from error
    except DBAPIError as error:
        raise _translate(error) from error
    except SQLAlchemyError as error:
        raise StoreError(f"The store failed ({type(error).__name__}).") from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        drivername, module, install = _DRIVERS[parsed.get_backend_name()]
    except (ArgumentError, KeyError):
        known = ", ".join(f"{name}://" for name in _DRIVERS)
        raise StoreError(f"The URL of the store is not understood. It begins with one of {known}.") from None
    if find_spec(module) is None:
        raise StoreError(f"A {parsed.get_backend_name()} store needs {module}: {install}")
    if parsed.get_backend_name() in ("mysql", "mariadb"):
        parsed = parsed.update_query_dict({"charset": "utf8mb4"})
    return parsed.set(drivername=drivername)


def _wait_for_a_free_connection(engine: Engine) -> None:
    """Pauses are random, or those who were refused together would come back together."""

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Dialect, _record: object, arguments: Any, named: Any) -> Any:
        end, pause = time.monotonic() + _WAIT_SECONDS, 0.1
        while True:
            try:
                return dialect.connect(*arguments, **named)
            except dialect.loaded_dbapi.OperationalError as error:
                if time.monotonic() > end or not _has_none_free(error):
                    raise
            time.sleep(random.uniform(0, pause))  # noqa: S311 - not for secrets
            pause = min(2 * pause, _LONGEST_PAUSE)


def _close_what_rests(engine: Engine) -> None:
    timer = threading.Timer(0, engine.dispose)

    @event.listens_for(engine, "checkout")
    def use(*_: object) -> None:
        timer.cancel()

    @event.listens_for(engine, "checkin")
    def rest(*_: object) -> None:
        nonlocal timer
        timer.cancel()
        timer = threading.Timer(_REST_SECONDS, engine.dispose)
        timer.daemon = True
        timer.start()


def _has_none_free(error: Exception) -> bool:
    """libpq gives no code for a connection that is refused, only the server's sentence."""
    text = str(error)
    return (error.args[:1] in ((1040,), (1203,))) or any(each in text for each in _NONE_FREE)


def _prepare_sqlite(engine: Engine, lock_timeout: float) -> None:
    path = Path(engine.url.database) if engine.url.database else None

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
        connection.execute(f"PRAGMA busy_timeout = {int(lock_timeout * 1000)}")
        _use_wal(connection, lock_timeout)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    if path is not None:
        _create_private(path)


def _use_wal(connection: Any, lock_timeout: float) -> None:
    """SQLite refuses the change at once where another connection makes it, whatever its timeout."""
    deadline = time.monotonic() + lock_timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _create_private(path: Path) -> None:
    """The file holds the names and addresses of every data source; nobody else needs to read it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"The store {path} cannot be opened: {error.strerror}.") from error


def _prepare_postgresql(engine: Engine, lock_timeout: float) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.execute(f"SET lock_timeout = {int(lock_timeout * 1000)}")
        connection.commit()


def _prepare_mysql(engine: Engine, lock_timeout: float) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {max(1, int(lock_timeout))}")


def _translate(error: DBAPIError) -> StoreError:
    original = error.orig
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return _sqlite_error(code)
    state = getattr(original, "sqlstate", None)
    number = original.args[0] if original is not None and original.args else None
    if state in ("55P03", "40P01", "40001") or number in (1205, 1213):
        return StoreLockedError("The store is locked by another process; try again.")
    if state == "53100" or number in (1021, 1114):
        return StoreError(_DISK_FULL)
    # libpq gives no code for a login that is refused, only the server's sentence.
    if state in ("28000", "28P01") or "authentication failed" in str(original):
        return StoreError("The store's database refused the user name or password.")
    if error.connection_invalidated or state is None or state.startswith("08"):
        return StoreError("The store's database cannot be reached.", status=503, retryable=True)
    return StoreError(f"The store's database refused a statement ({type(original).__name__}, {state}).")


def _sqlite_error(code: int) -> StoreError:
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:  # no room for the index of the write-ahead log
        return StoreError(_DISK_FULL)
    code &= 0xFF
    if code in (5, 6):
        return StoreLockedError("The store is locked by another process; try again.")
    reasons = {
        8: "The store's file is read-only.",
        10: "The store's file cannot be read or written (I/O error).",
        11: "The store's file is damaged; restore it from a backup.",
        13: _DISK_FULL,
        14: "The store's file cannot be opened.",
        26: "The store's file is not a database.",
    }
    return StoreError(reasons.get(code, f"The store failed (SQLite error {code})."))
