"""What a SQL data source has from its base: with SQLite behind it, and as little of its own as can be."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater import CallContext, FrameStream, Headwater
from headwater.errors import PluginRequestFailedError, QueryCanceledError, QueryError, ValidationError
from headwater.models import DataQuery, DataSourceInstanceSettings
from headwater.sdk import DataSourcePlugin
from headwater.sdk.sql import (
    Cutter,
    Dialect,
    MacroScope,
    SqlConnection,
    SqlDataSource,
    SqlQuery,
    SqlSettings,
    StandardMacros,
)

MakeHost = Callable[..., Headwater]
CATALOG = {"schemas": "SELECT name FROM pragma_database_list"}


class Connection:
    """A column has the type of its values, whole numbers without any; texts in a column `time` are times."""

    reusable = True
    used = False

    def __init__(self, path: str) -> None:
        self.opened_at = time.monotonic()
        self._database = sqlite3.connect(path, check_same_thread=False)

    def begin(self, seconds: float | None) -> None: ...

    def execute(self, sql: str, values: tuple[Any, ...], verb: str) -> Result:
        self.used = True
        return Result(self._database.execute(sql, values))

    def interrupt(self) -> None:
        self._database.interrupt()

    def renew(self) -> None:
        self._database.rollback()

    def quiet(self) -> bool:
        return True

    def ping(self, seconds: float) -> None: ...

    def close(self) -> None:
        self._database.close()


class Result:
    notices = ()

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        described, rows = cursor.description, cursor.fetchall()
        self._table = pa.table(
            {name: _column(name, [row[index] for row in rows]) for index, (name, *_) in enumerate(described)}
        )
        self.schema = self._table.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        yield from self._table.to_batches(max_chunksize=10)

    def close(self) -> None:
        self._cursor.close()


def _column(name: str, values: list[Any]) -> pa.Array:
    array = pa.array(values) if values else pa.array([], pa.int64())
    return array.cast(pa.timestamp("us")) if name == "time" and pa.types.is_string(array.type) else array


class Macros(StandardMacros):
    """A time is its own group."""

    def time_group(self, column: str, step: timedelta, scope: MacroScope) -> str:
        del step, scope
        return column


class Source(SqlDataSource[SqlSettings]):
    macros = Macros(Dialect())

    def connect(self, seconds: float, context: CallContext) -> SqlConnection:
        return Connection(self.instance.database)


class Divided(Source):
    catalog = CATALOG
    cutter = Cutter(Dialect(), lambda name: f'"{name}"')


class Plugin(DataSourcePlugin):
    id = "sqlite"
    settings_type = SqlSettings
    query_type = SqlQuery
    query_text_key = "rawSql"
    data_source = Source


class DividedPlugin(Plugin):
    data_source = Divided


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A hundred rows. What is in the column `mixed` are numbers first and then texts."""
    path = str(tmp_path / "db")
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE t (k INTEGER, mixed)")
        rows = [(k, k if k < 50 else f"w{k}") for k in range(100)]
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    connection.close()
    return path


@pytest.fixture
def host(make_host: MakeHost, database: str) -> Headwater:
    """Data sources `plain`, and `divided`, which divides results and lists its schemas."""
    host = make_host(plain=Plugin(), divided=DividedPlugin())
    for uid in ("plain", "divided"):
        host.update_data_source(uid, database=database)
    return host


def test_an_empty_statement_has_no_answer(host: Headwater) -> None:
    assert host.query_frames("plain", " \n") == []


def test_an_error_of_the_driver_that_nobody_explains_is_the_plugins_and_has_no_place(host: Headwater) -> None:
    with pytest.raises(PluginRequestFailedError) as failed:
        host.query("plain", "SELECT nothing FROM t")
    assert isinstance(failed.value.__cause__, sqlite3.OperationalError)
    assert failed.value.position is None


@pytest.mark.parametrize("uid", ["plain", "divided"])
def test_a_result_is_read_over_several_connections_where_it_can_be_divided(host: Headwater, uid: str) -> None:
    frame = host.query(uid, {"rawSql": "SELECT k FROM t", "partitions": 4, "partitionColumn": "k"})
    assert sorted(frame.table["k"].to_pylist()) == list(range(100))
    told = [notice.text for notice in frame.notices]
    assert any("over several connections" in text for text in told) is (uid == "divided")


def test_without_a_cutter_there_are_no_parts(host: Headwater) -> None:
    assert len(host.read_tasks("plain", "SELECT k FROM t", target=4)) == 1


def test_parts_that_come_with_other_columns_than_the_first_fail_the_query(host: Headwater) -> None:
    query = {"rawSql": "SELECT k, mixed FROM t", "partitions": 2, "partitionColumn": "k"}
    with pytest.raises(QueryError, match="the partitions have different columns"):
        host.query("divided", query)


def test_cancelling_a_stream_of_several_connections_gives_all_of_them_back(database: str) -> None:
    instance = DataSourceInstanceSettings(uid="u", name="n", type="sqlite", database=database)
    source = Divided(SqlSettings(), instance)
    query = SqlQuery(raw_sql="SELECT k FROM t", partitions=4, partition_column="k", data_query=DataQuery("A"))
    stream = source.query(query, CallContext())
    assert isinstance(stream, FrameStream)
    assert next(stream).num_rows == 10
    stream.cancel()
    with pytest.raises(QueryCanceledError):
        next(stream)
    stream.close()
    state = source.pool.state
    assert state.open == state.idle
    source.close()


def test_a_series_that_cannot_be_filled_says_why(host: Headwater) -> None:
    rows = "(SELECT '1600-01-01 00:00:00' AS t, 1.0 AS v)"
    sql = f"SELECT $__timeGroupAlias(t, '1h', NULL), v FROM {rows}"
    with pytest.raises(QueryError, match="failed to resample dataframe: times before 1677"):
        host.query("plain", {"rawSql": sql, "format": "time_series"})


def test_numbers_of_a_series_are_drawn_as_they_are(host: Headwater) -> None:
    sql = "SELECT '2024-01-01 00:00:00' AS time, 1.5 AS v"
    frame = host.query("plain", {"rawSql": sql, "format": "time_series"})
    assert frame.table["v"].to_pylist() == [1.5]


def test_lists_of_which_the_catalog_says_nothing_are_empty(host: Headwater) -> None:
    for path in ("schemas", "tables", "functions"):
        assert host.call_resource("plain", path).body == b"[]"


def test_schemas_are_listed_as_databases_too(host: Headwater) -> None:
    for path in ("schemas", "databases"):
        assert host.call_resource("divided", path).body == b'[{"name":"main"}]'


def test_columns_are_those_of_a_table(host: Headwater) -> None:
    with pytest.raises(ValidationError, match=r"^table: is required$"):
        host.call_resource("divided", "columns")


def test_the_shortest_interval_is_refused_by_its_key(host: Headwater) -> None:
    host.update_data_source("plain", json_data={"timeInterval": "soon"})
    with pytest.raises(ValidationError, match=r"^jsonData\.timeInterval: expected an interval such as 10s$"):
        host.query("plain", "SELECT 1")
