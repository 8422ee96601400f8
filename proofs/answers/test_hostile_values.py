"""Values that would do harm as text come back as they are from every language that binds them."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from headwater import Headwater
from options import chosen
from servers.clickhouse import start_clickhouse
from servers.mariadb import start_mariadb
from servers.postgresql import PASSWORD, USER, start_postgresql
from servers.prometheus import start_prometheus

AT_ONCE = 50
FRAGMENTS = [
    "'", '"', "`", "\\", "\\'", '\\"', "''", "--", "-- ", "#", "/*", "*/", "/*!50000 ", ";", "\n", "\r", "\t",
    "\0", "%", "%s", "?", ":p0", "$1", "$p0", "${p0}", "{p0:String}", "{{p0}}", "@p0", "$$", "$tag$", "E'",
    "x'", "N'", " OR 1=1", " UNION SELECT 1", "DROP TABLE canary", "); DELETE FROM canary", "} or vector(1)",
    '"}', "=~", ".*", "$__timeFilter(a)", "$__interval", "\\u0027", "\u2028", "\ufeff", "ß", "🦆", "\uff05",
    "\u02bc", "\uff07", "a", "0", " ", "\\0", "\x1a", "\x7f", "NULL", "\\N",
]  # fmt: skip

pytestmark = pytest.mark.timeout(0)


@pytest.fixture(params=["mariadb", "postgresql", "sqlite", "duckdb", "clickhouse", "prometheus"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Headwater]]:
    with ExitStack() as stack, Headwater() as headwater:
        headwater.add_data_source("db", uid="db", **_started(request.param, stack, tmp_path))
        yield request.param, headwater


def _started(kind: str, stack: ExitStack, folder: Path) -> dict[str, Any]:
    if kind == "mariadb":
        server = stack.enter_context(start_mariadb())
        server.execute("CREATE TABLE canary (a INT)", "INSERT INTO canary VALUES (1)")
        return {
            "type": "mysql", "url": server.address, "user": server.user, "database": server.database,
            "secure_json_data": {"password": server.password},
        }  # fmt: skip
    if kind == "postgresql":
        postgres = stack.enter_context(start_postgresql())
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE canary (a INT)")
            connection.execute("INSERT INTO canary VALUES (1)")
        return {
            "type": "postgresql", "url": f"127.0.0.1:{postgres.port}", "user": USER, "database": "postgres",
            "json_data": {"sslmode": "disable"}, "secure_json_data": {"password": PASSWORD},
        }  # fmt: skip
    if kind == "sqlite":
        with closing(sqlite3.connect(folder / "canary.db")) as file, file:
            file.execute("CREATE TABLE canary AS SELECT 1 AS a")
        return {"type": "sqlite", "url": str(folder / "canary.db")}
    if kind == "duckdb":
        import duckdb

        with duckdb.connect(str(folder / "canary.duckdb")) as engine:
            engine.execute("CREATE TABLE canary AS SELECT 1 AS a")
        return {"type": "duckdb", "url": str(folder / "canary.duckdb")}
    if kind == "clickhouse":
        clickhouse = stack.enter_context(start_clickhouse())
        clickhouse.command("CREATE TABLE canary (a UInt8) ENGINE = MergeTree ORDER BY a")
        clickhouse.command("INSERT INTO canary VALUES (1)")
        return {"type": "clickhouse", "url": f"http://127.0.0.1:{clickhouse.port}"}
    return {"type": "prometheus", "url": stack.enter_context(start_prometheus()).url}


def test_hostile_values_are_values(
    source: tuple[str, Headwater], pytestconfig: pytest.Config, report: list[str]
) -> None:
    kind, headwater = source
    count = int(chosen(pytestconfig, "values", usual=10_000, quick=500))
    pick = random.Random(kind)
    harmless = 0
    while harmless < count:
        values = [_hostile(pick, kind) for _ in range(AT_ONCE)]
        assert _returned(headwater, kind, values) == values
        harmless += AT_ONCE
    if kind != "prometheus":
        assert headwater.query("db", "SELECT count(*) AS n FROM canary").to_pylist() == [{"n": 1}]
    report.append(f"{kind}: {harmless:,} of {count:,} hostile values came back as they are.")


def _hostile(pick: random.Random, kind: str) -> str:
    text = "".join(pick.choices(FRAGMENTS, k=pick.randint(0, 8)))
    # PostgreSQL has no text with a NUL in it, and says so.
    return text.replace("\0", "") if kind == "postgresql" else text


def _returned(headwater: Headwater, kind: str, values: list[str]) -> list[str]:
    """What the source makes of the values, bound by name."""
    placeholder = headwater.plugin_info(_PLUGINS.get(kind, kind)).parameter_placeholders["text"]
    names = [f"p{number}" for number in range(len(values))]
    placed = [placeholder.replace("name", name) for name in names]
    query: dict[str, Any] = {"params": dict(zip(names, values, strict=True))}
    if kind == "prometheus":
        expr = "vector(1)"
        for name, text in zip(names, placed, strict=True):
            expr = f'label_join({expr}, "{name}", {text}, "x", "y")'
        (frame,) = headwater.query_frames("db", {**query, "expr": expr, "instant": True})
        labels = {key: value for field in frame.fields for key, value in (field.labels or {}).items()}
        (row,) = frame.to_pylist()
        found = {**labels, **row}
        return [found.get(name) or "" for name in names]  # the empty text is no label
    columns = ", ".join(f"{text} AS {name}" for text, name in zip(placed, names, strict=True))
    (row,) = headwater.query("db", {**query, "rawSql": f"SELECT {columns}"}).to_pylist()
    return [row[name] for name in names]


_PLUGINS = {"mariadb": "mysql"}
