"""What each preset tells its driver, and which files and drivers are allowed. No server is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from headwater import Filter, Headwater
from headwater.errors import (
    DownstreamServerError,
    ErrorSource,
    HeadwaterError,
    PluginUnavailableError,
    QueryError,
    TextPosition,
    ValidationError,
)
from headwater.models import DataSourceInstanceSettings
from headwater.sdk import Secret
from headwater_adbc import driver as driver_module
from headwater_adbc.preset import Preset
from headwater_adbc.presets import bigquery, snowflake
from headwater_adbc.presets.bigquery import BigQuery
from headwater_adbc.presets.duckdb import DuckDB
from headwater_adbc.presets.file_settings import DuckDBSettings
from headwater_adbc.presets.flightsql import FlightSQL
from headwater_adbc.presets.other import Other
from headwater_adbc.presets.postgresql import PostgreSQL
from headwater_adbc.presets.postgresql_settings import PostgreSQLSettings
from headwater_adbc.presets.remote_settings import (
    BigQuerySettings,
    FlightSQLSettings,
    OtherSettings,
    SnowflakeSettings,
)
from headwater_adbc.presets.snowflake import Snowflake
from servers.database_files import duckdb_file, sqlite_file


def instance(**fields: Any) -> DataSourceInstanceSettings:
    return DataSourceInstanceSettings(uid="u", name="n", type="t", **fields)


def options(preset: Preset[Any]) -> dict[str, str]:
    """Without the driver's path."""
    return {key: value for key, value in preset.options(10).items() if key != "driver"}


@pytest.fixture
def any_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the drivers of the two clouds were installed."""
    for module in (bigquery, snowflake):
        monkeypatch.setattr(module, "bundled", lambda name, extra: f"{name}[{extra}]")


# --- PostgreSQL ---------------------------------------------------------------------------------------


def postgresql(url: str = "db:5432", **settings: Any) -> PostgreSQL:
    where = instance(url=url, user="app", database="shop")
    return PostgreSQL(PostgreSQLSettings(password=Secret("it's \\ 1"), **settings), where)


def test_postgresql_is_encrypted_and_verified_by_default() -> None:
    told = options(postgresql("127.0.0.1"))["uri"]
    assert "sslmode='verify-full'" in told
    assert "sslrootcert='" in told
    assert r"password='it\'s \\ 1'" in told


def test_certificates_are_files_for_their_owner_only_and_are_removed() -> None:
    preset = postgresql(
        "127.0.0.1", tls_ca_cert=Secret("CA"), tls_client_cert=Secret("CERT"), tls_client_key=Secret("KEY")
    )
    told = options(preset)["uri"]
    path = Path(told.partition("sslkey='")[2].partition("'")[0])
    assert path.read_text() == "KEY"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    preset.close()
    assert not path.exists()


@pytest.mark.parametrize("url", ["", "host:0", "host:99999", "user@host", "host/path?sslmode=disable", "a b"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        postgresql(url)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("127.0.0.1", "127.0.0.1", 5432),
        ("[::1]:5433", "::1", 5433),
        ("/run/postgresql", "/run/postgresql", 5432),
    ],
)
def test_addresses_are_read_as_grafana_does(url: str, host: str, port: int) -> None:
    told = options(postgresql(url, sslmode="disable"))["uri"]
    assert f"host='{host}' port='{port}'" in told


# --- files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_file_has_to_exist_and_to_be_absolute(kind: str, tmp_path: Path) -> None:
    with Headwater(allow_plugins={kind}) as host:
        for name, url in (("relative", "shop.db"), ("missing", str(tmp_path / "none.db"))):
            host.add_data_source(type=kind, name=name, url=url)
            with pytest.raises(ValidationError, match="url"):
                host.query(name, "SELECT 1")
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_path_may_have_any_letters(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "my data, 100% #1"
    folder.mkdir()
    make = {"sqlite": sqlite_file, "duckdb": duckdb_file}[kind]
    path = make(folder, "CREATE TABLE t AS SELECT 7 AS a")
    with Headwater(allow_plugins={kind}) as host:
        host.add_data_source(type=kind, name="shop", url=str(path))
        assert host.query("shop", "SELECT a FROM t").to_pylist() == [{"a": 7}]


def test_files_lie_where_the_operator_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    monkeypatch.setenv("HEADWATER_DATABASE_FOLDERS", str(inside))
    path = sqlite_file(outside, "CREATE TABLE t (a INTEGER)")
    (inside / "link.sqlite").symlink_to(path)
    with Headwater(allow_plugins={"sqlite"}) as host:
        host.add_data_source(type="sqlite", name="inside", url=str(sqlite_file(inside, "CREATE TABLE t (a)")))
        host.add_data_source(type="sqlite", name="outside", url=str(path))
        host.add_data_source(type="sqlite", name="link", url=str(inside / "link.sqlite"))
        assert host.query("inside", "SELECT count(*) AS n FROM t").to_pylist() == [{"n": 0}]
        for name in ("outside", "link"):
            with pytest.raises(ValidationError, match="HEADWATER_DATABASE_FOLDERS"):
                host.query(name, "SELECT 1")


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_path_that_leads_nowhere_is_the_settings_fault(kind: str, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with Headwater(allow_plugins={kind}) as host:
        for name, url in (("circle", str(tmp_path / "circle")), ("long", "/" + 200 * "é")):
            host.add_data_source(type=kind, name=name, url=url)
            with pytest.raises(ValidationError, match="url: the path cannot be followed"):
                host.query(name, "SELECT 1")


@pytest.mark.parametrize(("kind", "make"), [("sqlite", duckdb_file), ("duckdb", sqlite_file)])
def test_a_file_of_another_kind_is_told_as_such(kind: str, make: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database at all, but long enough to look like one\n" * 100)
    with Headwater(allow_plugins={kind}) as host:
        for path in (tmp_path / "notes.txt", make(tmp_path, "CREATE TABLE t AS SELECT 7 AS a")):
            host.add_data_source(type=kind, name=path.name, url=str(path))
            with pytest.raises(DownstreamServerError, match="file is no database of its kind") as caught:
                host.query(path.name, "SELECT 1")
            assert caught.value.source is ErrorSource.DOWNSTREAM
            assert "download" not in str(caught.value.__cause__), "the engine fetches nothing for it"


@pytest.mark.parametrize(
    "sql", ["ATTACH '{file}' AS other", "/* */ attach DATABASE '{file}' AS other", "VACUUM INTO '{file}'",
            "VACUUM main INTO '{file}'"],
)  # fmt: skip
def test_a_sqlite_that_may_write_does_so_to_its_own_file_alone(tmp_path: Path, sql: str) -> None:
    path = sqlite_file(tmp_path, "CREATE TABLE t (a INTEGER)")
    with Headwater(allow_plugins={"sqlite"}) as host:
        host.add_data_source(type="sqlite", name="shop", url=str(path), json_data={"readOnly": False})
        host.query("shop", "INSERT INTO t VALUES (7)")
        host.query("shop", "VACUUM")
        with pytest.raises(QueryError, match="names no file"):
            host.query("shop", sql.format(file=tmp_path / "other.db"))
        assert host.query("shop", "SELECT a FROM t").to_pylist() == [{"a": 7}]
    assert list(tmp_path.iterdir()) == [path]


def test_duckdb_reads_no_other_file_unless_it_may(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "a.csv").write_text("n\n1\n2\n")
    (tmp_path / "secret.csv").write_text("n\n3\n")
    path = duckdb_file(tmp_path, "CREATE TABLE t AS SELECT 1 AS a")
    with Headwater(allow_plugins={"duckdb"}) as host:
        host.add_data_source(type="duckdb", name="file", url=str(path))
        host.add_data_source(
            type="duckdb", name="folder", url=":memory:", json_data={"folders": [str(allowed)]}
        )
        assert host.query("folder", f"SELECT * FROM '{allowed}/a.csv'").to_pylist() == [{"n": 1}, {"n": 2}]
        for name, sql in (
            ("file", f"SELECT * FROM read_csv('{tmp_path}/secret.csv')"),
            ("folder", f"SELECT * FROM read_csv('{tmp_path}/secret.csv')"),
            ("folder", f"SELECT * FROM read_csv('{allowed}/../secret.csv')"),
            ("file", "ATTACH '/tmp/other.db'"),
            ("file", "COPY t TO '/tmp/copied.csv'"),
            ("file", "SET enable_external_access = true"),
            ("file", "INSTALL httpfs"),
            ("file", "INSERT INTO t VALUES (2)"),
        ):
            with pytest.raises(HeadwaterError) as caught:
                host.query(name, sql)
            assert caught.value.status == 400, sql


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; COPY (SELECT 1) TO '{file}'",
        r"SELECT E'\'' ; COPY (SELECT 1) TO '{file}' --'",
        "SELECT 1 AS a$t$ ; COPY (SELECT 1) TO '{file}'; SELECT 2 AS b$t$",
        "--\rCOPY (\nSELECT 1) TO '{file}'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}'",
    ],
)
def test_duckdb_writes_nothing_where_it_may_read(tmp_path: Path, sql: str) -> None:
    statement = sql.format(file=tmp_path / "written.csv")
    with Headwater(allow_plugins={"duckdb"}) as host:
        host.add_data_source(
            type="duckdb", name="files", url=":memory:", json_data={"folders": [str(tmp_path)]}
        )
        with pytest.raises(HeadwaterError) as caught:
            host.query("files", statement)
    assert caught.value.status == 400
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "COPY (SELECT 1) TO 'written.csv'"])
def test_duckdbs_own_parser_has_the_last_word(sql: str) -> None:
    with pytest.raises(QueryError, match="Only one statement, which reads"):
        DuckDB(DuckDBSettings(), instance(url=":memory:")).check(sql)
    DuckDB(DuckDBSettings(read_only=False), instance(url=":memory:")).check(sql)


@pytest.mark.parametrize("sql", ["SHOW TABLES", "DESCRIBE example_weather", "FROM example_weather LIMIT 1",
                                 "SUMMARIZE example_weather", "EXPLAIN SELECT 1", "VALUES (1)"])  # fmt: skip
def test_duckdbs_statements_that_read_are_told_from_others(sql: str) -> None:
    with Headwater(allow_plugins={"duckdb"}) as host:
        host.add_data_source(type="duckdb", name="memory", url=":memory:")
        assert host.query("memory", sql).num_rows > 0


def test_duckdb_takes_a_size_for_its_memory_and_nothing_else() -> None:
    with Headwater(allow_plugins={"duckdb"}) as host:
        host.add_data_source(type="duckdb", name="some", url=":memory:", json_data={"memoryLimit": "1GB"})
        assert host.query("some", "SELECT 7 AS a").to_pylist() == [{"a": 7}]
        with pytest.raises(ValidationError, match="memoryLimit"):
            host.add_data_source(type="duckdb", name="no", url=":memory:", json_data={"memoryLimit": "much"})


def test_duckdb_tells_which_tables_need_their_schema(tmp_path: Path) -> None:
    path = duckdb_file(
        tmp_path, "CREATE TABLE t AS SELECT 1 AS a", "CREATE SCHEMA old; CREATE TABLE old.t AS SELECT 2 AS b"
    )
    with Headwater(allow_plugins={"duckdb"}) as host:
        host.add_data_source(type="duckdb", name="shop", url=str(path))
        tables = json.loads(host.call_resource("shop", "tables").body)
        columns = json.loads(host.call_resource("shop", "columns", query_string="table=t&schema=old").body)
    assert {each["schema"]: each["needsSchema"] for each in tables} == {"main": False, "old": True}
    assert [each["name"] for each in columns] == ["b"]


def test_a_sqlite_that_somebody_writes_can_be_asked_again(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path, "CREATE TABLE t (a)")
    writing = "db = sqlite3.connect(sys.argv[1]); db.execute('BEGIN EXCLUSIVE'); print('now', flush=True)"
    command = [sys.executable, "-c", f"import sqlite3, sys; {writing}; sys.stdin.read()", str(path)]
    writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with Headwater(allow_plugins={"sqlite"}) as host:
        host.add_data_source(type="sqlite", name="shop", url=str(path))
        with writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            with pytest.raises(DownstreamServerError, match="database is locked") as caught:
                host.query("shop", "SELECT a FROM t")
        assert (caught.value.retryable, caught.value.source) == (True, ErrorSource.DOWNSTREAM)
        assert host.query("shop", "SELECT a FROM t").num_rows == 0


def test_sqlite_says_which_values_do_not_fit_their_column(tmp_path: Path) -> None:
    rows = "INSERT INTO t SELECT value FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 "
    path = sqlite_file(
        tmp_path, "CREATE TABLE t (a)", f"{rows} FROM n WHERE value < 9000) SELECT value FROM n)",
        "INSERT INTO t VALUES ('text')",
    )  # fmt: skip
    with Headwater(allow_plugins={"sqlite"}) as host:
        host.add_data_source(type="sqlite", name="shop", url=str(path))
        with pytest.raises(QueryError, match="cast it"):
            host.query("shop", "SELECT a FROM t")
        assert host.query("shop", "SELECT CAST(a AS TEXT) AS a FROM t").num_rows == 9001


def test_sqlite_lists_its_tables_columns_and_functions(tmp_path: Path) -> None:
    path = sqlite_file(
        tmp_path, "CREATE TABLE orders (id INTEGER PRIMARY KEY, day TEXT NOT NULL DEFAULT 'x')"
    )
    with Headwater(allow_plugins={"sqlite"}) as host:
        host.add_data_source(type="sqlite", name="shop", url=str(path))

        def listed(what: str, **where: str) -> list[dict[str, Any]]:
            response = host.call_resource("shop", what, query_string=urlencode(where))
            found: list[dict[str, Any]] = json.loads(response.body)
            return found

        assert [(each["name"], each["kind"]) for each in listed("tables")] == [("orders", "table")]
        for schema in ("", "main"):
            columns = listed("columns", table="orders", schema=schema)
            assert [(each["name"], each["type"]) for each in columns] == [("id", "INTEGER"), ("day", "TEXT")]
        assert listed("columns", table="orders", schema="other") == []
        assert {"name": "count"} in [{"name": each["name"]} for each in listed("functions")]


def test_sqlite_compares_a_time_that_is_bound_as_one_of_its_own(tmp_path: Path) -> None:
    path = sqlite_file(
        tmp_path,
        "CREATE TABLE t (at TEXT)",
        "INSERT INTO t VALUES ('2026-01-01 09:59:59'), ('2026-01-01 10:00:00'), ('2026-01-01 11:30:00.5')",
    )
    with Headwater(allow_plugins={"sqlite"}) as host:
        host.add_data_source(type="sqlite", name="shop", url=str(path))
        for zone in (UTC, timezone(timedelta(hours=2))):
            since = datetime(2026, 1, 1, 10, tzinfo=UTC).astimezone(zone)
            later = host.query(
                "shop", "SELECT at FROM t WHERE at >= :since ORDER BY 1", params={"since": since}
            )
            assert later.table["at"].to_pylist() == ["2026-01-01 10:00:00", "2026-01-01 11:30:00.5"]


def test_sqlite_gives_no_text_that_is_none(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path, "CREATE TABLE t (a TEXT)", "INSERT INTO t VALUES (CAST(x'ff41' AS TEXT))")
    with Headwater(allow_plugins={"sqlite"}) as host:
        host.add_data_source(type="sqlite", name="shop", url=str(path))
        with pytest.raises(QueryError, match=r'not UTF-8 text; select CAST\("a" AS BLOB\)'):
            host.query("shop", "SELECT a FROM t")
        assert host.query("shop", 'SELECT CAST("a" AS BLOB) AS a FROM t').to_pylist() == [{"a": b"\xffA"}]


def test_sqlite_tells_of_numbers_that_are_rounded_among_text(tmp_path: Path) -> None:
    path = sqlite_file(
        tmp_path, "CREATE TABLE t (a, b)", "INSERT INTO t VALUES ('x', 'e+00'), (0.123456789, '')"
    )
    with Headwater(allow_plugins={"sqlite"}) as host:
        host.add_data_source(type="sqlite", name="shop", url=str(path))
        (notice,) = host.query("shop", "SELECT a, b FROM t").notices
        exact = host.query("shop", 'SELECT CAST("a" AS TEXT) AS a, b FROM t')
    assert notice.text.startswith("column 'a' holds numbers and text")
    assert (exact.table.column(0).to_pylist(), exact.notices) == (["x", "0.123456789"], ())


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT load_extension(?)", "db query error: not authorized"),
        ("SELECT ?, ?", "parameter count mismatch: expected 2 but found 1"),
    ],
)
def test_sqlite_tells_what_is_wrong_with_a_statement(tmp_path: Path, sql: str, said: str) -> None:
    with Headwater(allow_plugins={"sqlite"}) as host:
        host.add_data_source(type="sqlite", name="shop", url=str(sqlite_file(tmp_path, "CREATE TABLE t (a)")))
        with pytest.raises(HeadwaterError, match=said):
            host.query("shop", sql, params=["nothing"])


@pytest.mark.parametrize(
    "expression",
    ["'infinity'::TIMESTAMP", "'-infinity'::TIMESTAMPTZ", "'infinity'::TIMESTAMP_NS", "'-infinity'::DATE",
     "'infinity'::DATE", "TIME '24:00:00'"],
)  # fmt: skip
def test_duckdbs_times_without_end_become_null_with_a_notice(expression: str) -> None:
    with Headwater(allow_plugins={"duckdb"}) as host:
        host.add_data_source(type="duckdb", name="memory", url=":memory:")
        frame = host.query("memory", f"SELECT {expression} AS v, [{expression}] AS l")
        latest = host.query("memory", "SELECT DATE '9999-12-31' AS d, TIME '23:59:59.999999' AS t")
    assert frame.to_pylist() == [{"v": None, "l": [None]}]
    assert [notice.text for notice in frame.notices] == [
        "2 infinite or impossible time(s) became null; cast the column to text to see them"
    ]
    assert latest.to_pylist() == [{"d": date(9999, 12, 31), "t": time(23, 59, 59, 999999)}]


def test_duckdb_groups_the_seconds_that_an_expression_gives() -> None:
    with Headwater(allow_plugins={"duckdb"}) as host:
        host.add_data_source(type="duckdb", name="memory", url=":memory:")
        found = host.query("memory", "SELECT $__unixEpochGroup(1704067200 + 61, '1m') AS v").to_pylist()
    assert found == [{"v": 1704067260.0}]


# --- drivers ------------------------------------------------------------------------------------------


def test_a_missing_driver_names_the_extra() -> None:
    with pytest.raises(PluginUnavailableError, match=r"pip install 'headwater-adbc\[oracle\]'"):
        driver_module.bundled("adbc_driver_oracle", "oracle")


def test_a_driver_by_path_is_loaded_only_if_the_operator_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sqlite_file(tmp_path, "CREATE TABLE t AS SELECT 7 AS a")
    sqlite = driver_module.bundled("adbc_driver_sqlite", "sqlite")
    broken = str(tmp_path / "libnothing.so")
    monkeypatch.delenv("HEADWATER_ADBC_DRIVERS", raising=False)
    with Headwater(allow_plugins={"adbc"}) as host:
        host.add_data_source(type="adbc", name="db", url=str(path), json_data={"driver": sqlite})
        host.add_data_source(type="adbc", name="broken", json_data={"driver": broken})
        with pytest.raises(ValidationError, match="HEADWATER_ADBC_DRIVERS"):
            host.query("db", "SELECT a FROM t")
        monkeypatch.setenv("HEADWATER_ADBC_DRIVERS", os.pathsep.join([sqlite, broken]))
        assert host.query("db", "SELECT a FROM t WHERE a = ?", params=[7]).to_pylist() == [{"a": 7}]
        with pytest.raises(PluginUnavailableError, match="cannot be loaded"):
            host.query("broken", "SELECT 1")


@pytest.mark.parametrize(
    "key",
    ["driver", "driver\0", "entrypoint", "additional_manifest_search_path_list", "init_func", "load_flags"],
)
@pytest.mark.parametrize("place", ["options", "secret_options"])
def test_options_load_no_other_driver(monkeypatch: pytest.MonkeyPatch, key: str, place: str) -> None:
    monkeypatch.setenv("HEADWATER_ADBC_DRIVERS", "acme")
    given: Any = {place: {key: Secret("/tmp/other.so") if place == "secret_options" else "/tmp/other.so"}}
    settings = OtherSettings(driver="acme", **given)
    with pytest.raises(ValidationError, match="settings driver and entrypoint"):
        options(Other(settings, instance()))


def test_only_a_drivers_function_is_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver manager calls whatever symbol it is told, `exit` too."""
    sqlite = driver_module.bundled("adbc_driver_sqlite", "sqlite")
    monkeypatch.setenv("HEADWATER_ADBC_DRIVERS", sqlite)
    with Headwater(allow_plugins={"adbc"}) as host:
        host.add_data_source(
            type="adbc", name="db", json_data={"driver": sqlite, "entrypoint": "AdbcDriverSqliteInit"}
        )
        assert host.query("db", "SELECT 7 AS a").to_pylist() == [{"a": 7}]
        with pytest.raises(ValidationError, match="entrypoint"):
            host.add_data_source(type="adbc", name="exit", json_data={"driver": sqlite, "entrypoint": "exit"})


def test_a_driver_goes_by_the_name_of_its_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = driver_module.bundled("adbc_driver_sqlite", "sqlite")
    (tmp_path / "acme.toml").write_text(f"manifest_version = 1\n[Driver]\nshared = '{shared}'\n")
    monkeypatch.setenv("ADBC_DRIVER_PATH", str(tmp_path))
    monkeypatch.setenv("HEADWATER_ADBC_DRIVERS", "acme:gone")
    with Headwater(allow_plugins={"adbc"}) as host:
        for name in ("acme", "gone"):
            host.add_data_source(type="adbc", name=name, json_data={"driver": name})
        assert host.query("acme", "SELECT 7 AS a").to_pylist() == [{"a": 7}]
        with pytest.raises(PluginUnavailableError, match="'gone' cannot be loaded"):
            host.query("gone", "SELECT 1")


def test_secret_options_reach_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_ADBC_DRIVERS", "acme")
    settings = OtherSettings(
        driver="acme", options={"acme.region": "eu"}, secret_options={"acme.token": Secret("t0ken")}
    )
    told = options(Other(settings, instance(url="acme://host")))
    assert told == {"uri": "acme://host", "acme.region": "eu", "acme.token": "t0ken"}


# --- remote databases ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["", "http://host:1", "grpc://host", "grpc://user@host:1", "grpc://host:1/path", "grpc://host:1?x=1"],
)
def test_flight_sql_takes_an_address_and_nothing_else(url: str) -> None:
    with pytest.raises(ValidationError, match="grpc"):
        options(FlightSQL(FlightSQLSettings(), instance(url=url)))


def test_flight_sql_is_told_headers_and_a_token() -> None:
    settings = FlightSQLSettings(token=Secret("t0ken"), metadata=({"name": "Database", "value": "shop"},))
    told = options(FlightSQL(settings, instance(url="grpc+tls://127.0.0.1:31337")))
    assert told["uri"] == "grpc+tls://127.0.0.1:31337"
    assert told["adbc.flight.sql.authorization_header"] == "Bearer t0ken"
    assert told["adbc.flight.sql.rpc.call_header.database"] == "shop"
    assert told["adbc.flight.sql.client_option.tls_override_hostname"] == "127.0.0.1"
    assert "adbc.flight.sql.client_option.tls_skip_verify" not in told


@pytest.mark.usefixtures("any_driver")
def test_snowflake_is_told_its_account_and_how_to_log_in() -> None:
    settings = SnowflakeSettings(warehouse="WH", role="READER", password=Secret("s3cret"))
    told = options(Snowflake(settings, instance(url="org-acc", user="app", database="SHOP")))
    prefix = "adbc.snowflake.sql."
    assert told == {
        "username": "app",
        "password": "s3cret",
        f"{prefix}account": "org-acc",
        f"{prefix}db": "SHOP",
        f"{prefix}warehouse": "WH",
        f"{prefix}role": "READER",
        f"{prefix}auth_type": "auth_snowflake",
        f"{prefix}client_option.login_timeout": "10s",
    }
    with pytest.raises(ValidationError, match="account"):
        options(Snowflake(settings, instance()))
    with pytest.raises(ValidationError, match="privateKey"):
        options(Snowflake(SnowflakeSettings(auth_type="keyPair"), instance(url="org-acc")))


@pytest.mark.usefixtures("any_driver")
def test_bigquery_is_told_its_project_and_key() -> None:
    settings = BigQuerySettings(default_project="shop", credentials=Secret("{}"), processing_location="EU")
    told = options(BigQuery(settings, instance(database="sales")))
    prefix = "adbc.bigquery.sql."
    assert told == {
        f"{prefix}project_id": "shop",
        f"{prefix}dataset_id": "sales",
        f"{prefix}location": "EU",
        f"{prefix}auth_type": f"{prefix}auth_type.json_credential_string",
        f"{prefix}auth_credentials": "{}",
    }
    with pytest.raises(ValidationError, match="defaultProject"):
        options(BigQuery(BigQuerySettings(), instance()))
    with pytest.raises(ValidationError, match="credentials"):
        options(BigQuery(BigQuerySettings(default_project="shop"), instance()))


@pytest.mark.parametrize(
    ("sql", "position"),
    [
        ("SELECT 1\n FORM x", TextPosition(2, 7)),
        ("SELECT nope\nFROM (SELECT 1 AS a)", TextPosition(1, 8)),
        ("SELECT $__timeFrom(),, 2", TextPosition(1, 22)),
        ("SELECT 1/0 AS a FROM nowhere", TextPosition(1, 22)),
    ],
)
def test_duckdb_tells_where_a_statement_is_wrong(sql: str, position: TextPosition) -> None:
    with Headwater(allow_plugins={"duckdb"}) as host:
        host.add_data_source(type="duckdb", name="memory", url=":memory:")
        with pytest.raises(HeadwaterError) as caught:
            host.query("memory", sql)
    assert caught.value.position == position


def test_files_of_duckdbs_folders_are_tables_with_their_columns(tmp_path: Path) -> None:
    (tmp_path / "it's a.file.csv").write_text("day,rain\n2026-03-01,1.5\n")
    (tmp_path / "notes.txt").write_text("no table")
    (tmp_path / "empty").mkdir()
    path = str(tmp_path.resolve() / "it's a.file.csv")
    with Headwater(allow_plugins={"duckdb"}) as host:
        folders = {"folders": [str(tmp_path), str(tmp_path / "empty")]}
        host.add_data_source(type="duckdb", name="files", url=":memory:", json_data=folders)

        def listed(what: str, **where: str) -> list[dict[str, Any]]:
            response = host.call_resource("files", what, query_string=urlencode(where))
            found: list[dict[str, Any]] = json.loads(response.body)
            return found

        assert [(each["name"], each["kind"]) for each in listed("tables")] == [(path, "file")]
        assert listed("tables", schema="main") == []
        columns = [(each["name"], each["type"]) for each in listed("columns", table=path)]
        assert columns == [("day", "DATE"), ("rain", "DOUBLE")]
        with pytest.raises(HeadwaterError, match="disabled"):
            listed("columns", table="/etc/passwd.csv")
        assert host.query("files", f'SELECT rain FROM "{path}"').to_pylist() == [{"rain": 1.5}]


def test_an_empty_duckdb_in_memory_has_an_example_to_look_at() -> None:
    with Headwater(allow_plugins={"duckdb"}) as host:
        host.add_data_source(type="duckdb", name="memory", url=":memory:")
        listed = json.loads(host.call_resource("memory", "tables").body)
        rows = host.query("memory", "SELECT DISTINCT station FROM example_weather ORDER BY ALL").to_pylist()
        latest = host.query("memory", "SELECT time FROM example_weather WHERE $__timeFilter(time)")

    assert [(each["name"], each["kind"]) for each in listed] == [("example_weather", "view")]
    assert [row["station"] for row in rows] == ["harbour", "ridge", "valley"]
    assert 3 * 59 <= latest.num_rows <= 3 * 61


def test_tasks_of_sqlite_have_the_types_that_their_rows_have(tmp_path: Path) -> None:
    rows = ", ".join(f"({n}, 'w{n}', {'NULL' if n < 50 else n / 4})" for n in range(100))
    path = sqlite_file(tmp_path, "CREATE TABLE t (k INTEGER, word, late)", f"INSERT INTO t VALUES {rows}")
    query = {"rawSql": "SELECT * FROM t", "partitionColumn": "k"}
    with Headwater(allow_plugins={"sqlite"}) as host:
        host.add_data_source("shop", type="sqlite", url=str(path))
        whole = host.query("shop", "SELECT * FROM t").table
        tasks = host.read_tasks(
            "shop", query, target=4, columns=["word", "late"], filters=[Filter("k", ">", 5)]
        )
        assert tasks.unhandled_filters == (Filter("k", ">", 5),)
        (task,) = tasks
        assert "types of the rows" in tasks.notices[0]
        assert task.read(host).read_all().table.to_pylist() == whole.select(["word", "late"]).to_pylist()
