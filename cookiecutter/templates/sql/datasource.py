"""The data source. It answers from SQLite in memory; your database goes to the places marked REPLACE."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, TypeAlias

import pyarrow as pa
from headwater.errors import QueryError
from headwater.frames import FrameMeta, FrameStream
from headwater.sdk import CallContext, CheckHealthResult, DataSource, ResourceRequest, resource

from .macros import expand
from .query import SqlQuery
from .settings import Settings

Rows: TypeAlias = list[tuple[Any, ...]]

# REPLACE: your database has tables of its own. `time` is unix seconds.
_SAMPLE = """
    CREATE TABLE readings (time INTEGER, station TEXT, level REAL);
    INSERT INTO readings VALUES
        (1767225600, 'north', 4.1), (1767225600, 'south', 2.4),
        (1767227400, 'north', 4.3), (1767227400, 'south', 2.2);
"""


class {{ cookiecutter.__class }}Source(DataSource[Settings, SqlQuery]):
    """Several threads use one object. Building it opens nothing: connect on first use."""

    def query(self, query: SqlQuery, context: CallContext) -> FrameStream:
        """A stream: rows become Arrow while the database still works, in bounded memory."""
        sql = expand(query.raw_sql, query.time_range)
        with ExitStack() as ending:
            connection = ending.enter_context(closing(_connect()))
            # The callback runs in another thread, when the caller cancels and at the deadline.
            ending.enter_context(context.on_cancel(connection.interrupt))
            context.check()
            with _explained(context):
                cursor = connection.execute(sql, query.params)
                first = cursor.fetchmany(self.settings.fetch_rows)
            schema = _schema(cursor, first)
            batches = self._batches(cursor, schema, first, context)
            # Explore and Grafana show the SQL that was executed, macros written out.
            meta = FrameMeta(executed_query_string=sql)
            return FrameStream(schema, batches, meta=meta, on_close=ending.pop_all().close)

    def check_health(self, context: CallContext) -> CheckHealthResult:
        """REPLACE: connect with your driver. That the database is down is a result, not an exception."""
        with closing(_connect()) as connection:
            [(version,)] = connection.execute("SELECT sqlite_version()")
        password = "set" if self.settings.password else "not set"
        return CheckHealthResult.ok("Answers from memory.", sqlite=version, password=password)

    @resource("tables")
    def tables(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """What schema browsers list and editors complete: `headwater schema`, the Explore page."""
        with closing(_connect()) as connection:
            return [{"name": name} for (name,) in connection.execute("SELECT name FROM sqlite_schema")]

    @resource("columns")
    def columns(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """The columns of `table`; the name is bound, like everything that comes from outside."""
        table = request.query.get("table", "")
        with closing(_connect()) as connection:
            columns = connection.execute("SELECT name, type FROM pragma_table_info(?)", [table])
            return [{"name": name, "type": kind} for name, kind in columns]

    def close(self) -> None:
        """REPLACE: close your pool. Called once, when no query uses the object any more."""

    def _batches(
        self, cursor: sqlite3.Cursor, schema: pa.Schema, rows: Rows, context: CallContext
    ) -> Iterator[pa.RecordBatch]:
        while rows:
            yield _batch(schema, rows)
            with _explained(context):
                rows = cursor.fetchmany(self.settings.fetch_rows)


def _connect() -> sqlite3.Connection:
    """REPLACE with a pool of your driver's connections, which `self.instance` and `self.settings` describe.

    Each query has a connection to itself, so that interrupting it stops no other.
    """
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.executescript(_SAMPLE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)  # ATTACH would open the host's files
    return connection


@contextmanager
def _explained(context: CallContext) -> Iterator[None]:
    """REPLACE: say of your driver's errors whose fault they are; see `headwater.errors`.

    A server that is down is a DownstreamConnectionError, wrong SQL a QueryError.
    """
    try:
        yield
    except sqlite3.Error as error:
        context.check()  # an interrupted query: the caller cancelled, or the time is up
        raise QueryError(str(error)) from error


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
