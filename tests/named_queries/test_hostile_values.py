"""10,000 hostile values of parameters come back from real servers as they were, and nothing else happens."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from headwater import Headwater
from headwater.queries.named import named_query_from
from servers.clickhouse import start_clickhouse
from servers.mariadb import start_mariadb
from servers.prometheus import V3, start_prometheus

COUNT = 10_000
AT_ONCE = 100
PIECES = (
    "'", '"', "`", "\\", ";", "--", "/*", "*/", "#", "%", "_", "?", ":p0", "$1", "${p0}", "{p0:String}",
    "{{p0}}", "@@version", "$__timeFilter(t)", "$__interval", "\n", "\r", "\t", "\x08", "\x1a", "\x7f",
    "\u2028", "\u02bc", "\uff07", "\xbf'", "\xe5\\'", "ß", "🦆", "\U0010ffff", "\u202e", " OR 1=1",
    " UNION SELECT ", "DROP TABLE kept", "SLEEP(9)", "NULL", "0x27", "CHAR(39)", "}", "{", "]", "[", "(",
    ")", "=~", ".*", "or vector(1)", "|", "\\x27", "\\u0027", "a", "1", " ",
)  # fmt: skip
WORDS = (
    "' OR '1'='1", "'; DROP TABLE kept; --", '"; DROP TABLE kept; --', "\\'; DROP TABLE kept; -- ",
    "') OR ('1'='1", "' UNION SELECT user() -- ", "admin'/*", "%27%20OR%201=1", "1; SELECT pg_sleep(9)",
    '"} or vector(1) #', '"}) or label_replace(vector(1),"v","x","","") #', "\\", "\\\\", "\\\"", "",
    "\n", "''", "$1", ":p1",
)  # fmt: skip


def hostile() -> list[str]:
    """The same each time; all differ."""
    generator = random.Random(21)
    found = dict.fromkeys(WORDS)
    while len(found) < COUNT:
        found["".join(generator.choices(PIECES, k=generator.randint(1, 6)))] = None
    return list(found)


def add(headwater: Headwater, source: str, query: dict[str, Any], *parameters: dict[str, Any]) -> None:
    body = {"id": "echo", "datasource": source, "query": query, "parameters": list(parameters)}
    headwater.named_queries.add(named_query_from(body))


def texts(prefix: str = "p") -> list[dict[str, Any]]:
    return [{"name": f"{prefix}{number}", "type": "text"} for number in range(AT_ONCE)]


def come_back(headwater: Headwater, column: str) -> int:
    """How many of the values come back as they were, `AT_ONCE` in each run."""
    values, right = hostile(), 0
    for start in range(0, COUNT, AT_ONCE):
        asked = values[start : start + AT_ONCE]
        given = {f"p{number}": value for number, value in enumerate(asked)}
        right += len(set(answered(headwater, given, column)) & set(asked))
    return right


def answered(headwater: Headwater, given: dict[str, Any], column: str) -> Sequence[str]:
    found: list[str] = headwater.run("echo", given).table.column(column).to_pylist()
    assert len(found) == AT_ONCE
    return found


@pytest.fixture
def headwater() -> Iterator[Headwater]:
    with Headwater() as headwater:
        yield headwater


def test_mariadb_binds_them(headwater: Headwater) -> None:
    with start_mariadb() as server:
        server.execute("CREATE TABLE kept (word TEXT)", "INSERT INTO kept VALUES ('here')")
        headwater.add_data_source(
            "shop", type="mysql", url=server.address, user=server.user, database=server.database,
            secure_json_data={"password": server.password},
        )  # fmt: skip
        rows = " UNION ALL ".join(f"SELECT CAST(:p{number} AS CHAR) AS v" for number in range(AT_ONCE))
        add(headwater, "shop", {"rawSql": rows}, *texts())
        assert come_back(headwater, "v") == COUNT
        assert headwater.query("shop", "SELECT word FROM kept").table.to_pydict() == {"word": ["here"]}
        listed = {"name": "words", "type": "text", "list": True, "maxItems": COUNT}
        query = {"rawSql": "SELECT word FROM kept WHERE word IN (:words)"}
        body = {"id": "among", "datasource": "shop", "query": query, "parameters": [listed]}
        headwater.named_queries.add(named_query_from(body))
        assert headwater.run("among", words=hostile()).num_rows == 0
        assert headwater.run("among", words=["here", *hostile()[:10]]).num_rows == 1


def test_clickhouse_binds_them(headwater: Headwater) -> None:
    with start_clickhouse() as server:
        headwater.add_data_source("events", type="clickhouse", url=server.url)
        parameter = {"name": "words", "type": "text", "list": True, "maxItems": AT_ONCE}
        add(headwater, "events", {"rawSql": "SELECT arrayJoin({words:Array(String)}) AS v"}, parameter)
        values = hostile()
        found: list[str] = []
        for start in range(0, COUNT, AT_ONCE):
            found += answered(headwater, {"words": values[start : start + AT_ONCE]}, "v")
        assert found == values


def test_prometheus_quotes_them(headwater: Headwater) -> None:
    with start_prometheus(V3) as server:
        headwater.add_data_source("metrics", type="prometheus", url=server.url)
        series = [
            f'label_replace(label_join(vector(1), "v", ${{p{number}}}, "x", "y"), "n", "{number}", "", "")'
            for number in range(AT_ONCE)
        ]
        add(headwater, "metrics", {"expr": " or ".join(series), "instant": True}, *texts())
        assert come_back(headwater, "v") == COUNT - 1  # a label without text is none
        nothing = {
            "id": "nothing",
            "datasource": "metrics",
            "query": {"expr": "up{job=~${p0}}", "instant": True},
        }
        headwater.named_queries.add(named_query_from({**nothing, "parameters": texts()[:1]}))
        for value in hostile()[:200]:
            assert headwater.run("nothing", p0=value).num_rows == 0
