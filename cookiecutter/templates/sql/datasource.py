"""The data source. It answers from SQLite in memory; your database goes to the places marked REPLACE.

Macros, parameters, time series, the pool, health, browsing and partitions are `SqlDataSource`'s.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import pyarrow as pa
from headwater.errors import HeadwaterError, QueryError
from headwater.frames import Notice
from headwater.sdk import CallContext
from headwater.sdk.sql import ReadStatements, SqlDataSource

from .macros import DIALECT, Macros
from .settings import Settings

Rows: TypeAlias = list[tuple[Any, ...]]

# REPLACE: your database has tables of its own. `time` is unix seconds.
_SAMPLE = """
    CREATE TABLE readings (time INTEGER, station TEXT, level REAL);
    INSERT INTO readings VALUES
        (1767225600, 'north', 4.1), (1767225600, 'south', 2.4),
        (1767227400, 'north', 4.3), (1767227400, 'south', 2.2);
"""


class {{ cookiecutter.__class }}Source(SqlDataSource[Settings]):
    """Several threads use one object. Building it opens nothing: the pool connects on first use."""

    title = "{{ cookiecutter.title }}"
    dialect = DIALECT
    macros = Macros(DIALECT)
    # REPLACE: the first words of statements that only read.
    reads = ReadStatements(first_words=frozenset({"SELECT", "VALUES"}))
    # REPLACE: what answers the health check, and the lists of schema browsers and editors.
    version_sql = "SELECT sqlite_version() AS version"
    catalog: Mapping[str, str] = {
        "tables": "SELECT name, type AS kind FROM sqlite_schema WHERE ? IN ('', 'main')",
        "columns": "SELECT name, type FROM (SELECT ? AS schema), pragma_table_info(?)",
    }

    def connect(self, seconds: float, context: CallContext) -> Connection:
        """REPLACE: connect with your driver within `seconds`, as `self.instance` and `self.settings` say."""
        return Connection(self.settings.fetch_rows)

    def explain(self, error: Exception) -> HeadwaterError:
        """REPLACE: say of your driver's errors whose fault they are; see `headwater.errors`.

        A server that is down is a DownstreamConnectionError, wrong SQL a QueryError.
        """
        if isinstance(error, sqlite3.Error):
            explained = QueryError(str(error))
            explained.__cause__ = error
            return explained
        return super().explain(error)


class Connection:
    """REPLACE: one connection of your driver. Each query has one to itself, which the pool lends."""

    def __init__(self, fetch_rows: int) -> None:
        self.opened_at = time.monotonic()
        self.reusable = True
        self.used = False
        self._fetch_rows = fetch_rows
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.executescript(_SAMPLE)
        # ATTACH would open the host's files, and readOnly may be turned off.
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)

    def begin(self, seconds: float | None) -> None:
        """Begin a read-only transaction, if your database has them, with `seconds` as its time limit."""

    def execute(self, sql: str, values: tuple[Any, ...], verb: str) -> Result:
        return Result(self._connection.execute(sql, values), self._fetch_rows)

    def renew(self) -> None:
        """Take back what the query left in the session: end its transaction."""
        self.used = True

    def interrupt(self) -> None:
        """End the running statement. Called from another thread: at the deadline, and on cancellation."""
        self._connection.interrupt()

    def quiet(self) -> bool:
        return self.reusable

    def ping(self, seconds: float) -> None:
        """Raise an error if the server does not answer any more."""

    def close(self) -> None:
        self._connection.close()


class Result:
    """REPLACE: rows become Arrow while the database still works, in bounded memory."""

    notices: tuple[Notice, ...] = ()

    def __init__(self, cursor: sqlite3.Cursor, fetch_rows: int) -> None:
        self._cursor = cursor
        self._fetch_rows = fetch_rows
        self._first: Rows = cursor.fetchmany(fetch_rows)
        self.schema = _schema(cursor, self._first)

    def batches(self) -> Iterator[pa.RecordBatch]:
        rows = self._first
        while rows:
            yield _batch(self.schema, rows)
            rows = self._cursor.fetchmany(self._fetch_rows)

    def close(self) -> None:
        self._cursor.close()


def _schema(cursor: sqlite3.Cursor, rows: Rows) -> pa.Schema:
    """REPLACE: take types from your driver's `cursor.description`. In SQLite only values have types."""
    if cursor.description is None:
        raise QueryError("The statement returns no rows.")
    names = [column[0] for column in cursor.description]
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.schema(
        [pa.field(name, _type(name, values)) for name, values in zip(names, columns, strict=True)]
    )


def _type(name: str, values: tuple[Any, ...]) -> pa.DataType:
    found = {type(value) for value in values if value is not None}
    if found == {int}:
        return pa.timestamp("s", tz="UTC") if name == "time" else pa.int64()
    if found and found <= {int, float}:
        return pa.float64()
    return pa.binary() if found == {bytes} else pa.string()


def _batch(schema: pa.Schema, rows: Rows) -> pa.RecordBatch:
    """Raises QueryError for a value that does not fit its column."""
    try:
        columns = zip(zip(*rows, strict=True), schema, strict=True)
        return pa.record_batch([pa.array(values, field.type) for values, field in columns], schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise QueryError(f"A column mixes types; CAST it: {error}") from error
