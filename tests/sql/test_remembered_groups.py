"""What is joined of remembered time groups and new ones is the answer of the database to the whole range."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings, strategies as st

from headwater import Frame, Headwater
from headwater.frames import CacheStatus
from headwater.models import DataResponse
from headwater.queries import AnswerCache, CacheRule
from headwater.queries.named import NamedQuery
from servers.mariadb import start_mariadb
from servers.postgresql import PASSWORD, USER, start_postgresql

START = 1_700_000_000
GROUP = "$__timeGroupAlias(noted, '$__interval')"
SERIES = {
    "rawSql": f"SELECT {GROUP}, sensor AS metric, sum(reading) AS reading FROM readings "
    "WHERE $__timeFilter(noted) GROUP BY 1, 2 ORDER BY 1",
    "format": "time_series",
}
QUERIES: list[dict[str, Any]] = [
    SERIES,
    {
        "rawSql": f"SELECT {GROUP}, sensor, room, sum(reading) AS total, count(*) AS n FROM readings "
        "WHERE $__timeFilter(noted) GROUP BY 1, 2, 3 ORDER BY 1, 2",
        "format": "time_series",
    },
    {
        "rawSql": f"SELECT {GROUP}, max(reading) AS high, min(reading) AS low FROM readings "
        "WHERE $__timeFilter(noted) GROUP BY 1 ORDER BY 1",
        "format": "time_series",
    },
    {
        "rawSql": f"SELECT {GROUP}, sensor, count(*) AS n, max(reading) AS high FROM readings "
        "WHERE $__timeFilter(noted) GROUP BY 1, 2 ORDER BY 1, 2",
    },
    {
        "rawSql": f"SELECT {GROUP}, room, count(*) AS n FROM readings "
        "WHERE $__timeFilter(noted) AND sensor = :sensor GROUP BY 1, 2 ORDER BY 1, 2",
        "params": {"sensor": "a"},
    },
]
Reading = tuple[int, str, str, int | None]
"""Milliseconds after `START`, sensor, room, value."""


@frozen
class Database:
    """A table `readings`, and how a data source reads it."""

    source: dict[str, Any]
    run: Callable[[str, Sequence[tuple[Any, ...]]], None]
    placeholder: str

    def fill(self, readings: Sequence[Reading]) -> None:
        self.run("DELETE FROM readings", [()])
        self.add(readings)

    def add(self, readings: Sequence[Reading]) -> None:
        places = ", ".join([self.placeholder] * 4)
        rows = [(_text(START * 1000 + after), *rest) for after, *rest in readings]
        if rows:
            self.run(f"INSERT INTO readings (noted, sensor, room, reading) VALUES ({places})", rows)


def _text(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


TABLE = "CREATE TABLE readings (noted {time}, sensor VARCHAR(9), room VARCHAR(9), reading {whole})"


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Database]:
    with start_mariadb() as server, server.admin() as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(TABLE.format(time="TIMESTAMP(3) NULL", whole="BIGINT"))
        source = {
            "type": "mysql",
            "url": server.address,
            "user": server.user,
            "database": server.database,
            "secure_json_data": {"password": server.password},
        }
        yield Database(source, lambda sql, rows: cursor.executemany(sql, rows), "%s")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Database]:
    with start_postgresql() as server, psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute(TABLE.format(time="TIMESTAMPTZ", whole="BIGINT"))
        source = {
            "type": "postgresql",
            "url": f"127.0.0.1:{server.port}",
            "user": USER,
            "database": "postgres",
            "json_data": {"sslmode": "disable"},
            "secure_json_data": {"password": PASSWORD},
        }
        with connection.cursor() as cursor:
            yield Database(source, lambda sql, rows: cursor.executemany(sql, rows), "%s")


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path: Path = tmp_path_factory.mktemp("sqlite") / "readings.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(TABLE.format(time="TEXT", whole="INTEGER"))
        yield Database({"type": "sqlite", "url": str(path)}, lambda s, r: _many(connection, s, r), "?")


def _many(connection: sqlite3.Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    connection.executemany(sql, rows)


@pytest.fixture(params=["mariadb", "postgresql", "sqlite"])
def database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found


class Clock:
    now = float(START)

    def __call__(self) -> float:
        return self.now


class Pair:
    """One database, asked with and without memory."""

    def __init__(self, database: Database, **rule: float) -> None:
        self.database = database
        self.clock = Clock()
        cache = AnswerCache(CacheRule(**{"ttl": 0.001, **rule}), clock=self.clock)
        self.hosts = [Headwater(answer_cache=cache), Headwater()]
        for host in self.hosts:
            host.add_data_source("db", uid="db", **database.source)

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *_: object) -> None:
        for host in self.hosts:
            host.close()

    def ask(
        self, query: dict[str, Any], start: float, end: float, step_ms: int
    ) -> tuple[DataResponse, DataResponse]:
        asked = {"refId": "A", "datasource": {"uid": "db"}, "intervalMs": step_ms, "queryCachingRanges": True}
        body = {
            "from": str(int((START + start) * 1000)),
            "to": str(int((START + end) * 1000)),
            "queries": [{**asked, **query}],
        }
        remembered, fresh = (host.query_data(body).responses["A"] for host in self.hosts)
        return remembered, fresh


def described(response: DataResponse) -> list[Any]:
    """All that a client sees but the text that ran, which tells of the part that was asked last."""
    assert response.error is None, response.error
    return [_described(frame) for frame in response.frames]


def _described(frame: Frame) -> tuple[Any, ...]:
    meta = frame.meta and (frame.meta.type, frame.meta.custom, frame.notices)
    fields = [(field.name, str(field.type), field.labels, field.config) for field in frame.fields]
    return frame.name, meta, fields, [column.to_pylist() for column in frame.table.columns]


READINGS = st.lists(
    st.tuples(
        st.integers(0, 3_600_000),
        st.sampled_from("abc"),
        st.sampled_from(["x", "y"]),
        st.none() | st.integers(-5, 99),
    ),
    max_size=40,
)
MOVES = st.lists(
    st.tuples(
        st.integers(0, 3600),  # the window's end
        st.sampled_from([60.0, 299.9, 1800.0]),
        st.sampled_from([1000, 60_000, 60_000, 420_000]),
        st.integers(0, len(QUERIES) - 1),
        READINGS,  # that come late
    ),
    min_size=2,
    max_size=8,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(readings=READINGS, moves=MOVES, overlap=st.sampled_from([0, 45, 120]))
def test_any_windows_are_answered_as_without_memory(
    database: Database, readings: list[Reading], moves: list[tuple[Any, ...]], overlap: int
) -> None:
    database.fill(readings)
    with Pair(database, overlap=overlap) as pair:
        for end, length, step, query, late in moves:
            pair.clock.now = max(pair.clock.now + 1, START + end)
            settled = 1000 * (pair.clock.now - START - overlap)
            database.add([reading for reading in late if reading[0] >= settled])
            remembered, fresh = pair.ask(QUERIES[query], end - length, end, step)
            assert described(remembered) == described(fresh)


def test_a_window_that_moves_asks_for_the_groups_that_are_new(database: Database) -> None:
    every_10_s = range(0, 3_600_000, 10_000)
    database.fill([(after, "abc"[after % 3], "x", after) for after in every_10_s])
    with Pair(database, overlap=120) as pair:
        for end in range(1800, 2400, 60):
            pair.clock.now = START + end
            remembered, fresh = pair.ask(SERIES, end - 1800, end, 60_000)
            assert described(remembered) == described(fresh)
            assert remembered.cache is (CacheStatus.MISS if end == 1800 else CacheStatus.PARTIAL)
        asked, whole = (response.frames[0].meta for response in (remembered, fresh))
        assert asked is not None
        assert whole is not None
        assert asked.executed_query_string != whole.executed_query_string


def test_a_series_that_ended_before_the_window_is_not_in_it(database: Database) -> None:
    database.fill([(0, "gone", "x", 1), *((after, "stays", "x", 2) for after in range(0, 900_000, 30_000))])
    with Pair(database, overlap=0) as pair:
        for end in (300, 600, 900):
            pair.clock.now = START + end
            remembered, fresh = pair.ask(SERIES, end - 290, end, 60_000)
            assert described(remembered) == described(fresh)
        assert remembered.cache is CacheStatus.PARTIAL


def test_the_groups_at_both_ends_are_whole(database: Database) -> None:
    """So that the same group says the same in every window."""
    database.fill([(after, "a", "x", 1) for after in range(0, 600_000, 1000)])
    with Pair(database) as pair:
        _, fresh = pair.ask(SERIES, 95.5, 245.5, 60_000)
        (frame,) = fresh.frames
        assert set(frame.table.column(1).to_pylist()) == {60.0}


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"rawSql": f"{SERIES['rawSql']} LIMIT 5"}, "LIMIT looks at several groups"),
        ({"rawSql": SERIES["rawSql"].replace("$__interval'", "1m', NULL")}, "third argument"),
        ({"rawSql": SERIES["rawSql"].replace("ORDER BY 1", "ORDER BY 1 DESC")}, "ends with ORDER BY 1"),
    ],
)
def test_what_contradicts_is_refused_by_name_with_memory_and_without(
    database: Database, query: dict[str, Any], reason: str
) -> None:
    with Pair(database) as pair:
        for response in pair.ask(query, 0, 60, 1000):
            assert response.status == 400
            assert "queryCachingRanges: " in str(response.error)
            assert reason in str(response.error)


def test_the_author_of_a_named_query_says_it_in_its_cache_rule(sqlite: Database) -> None:
    sqlite.fill([(after, "a", "x", 1) for after in range(0, 600_000, 10_000)])
    clock = Clock()
    with Headwater(answer_cache=AnswerCache(clock=clock)) as headwater:
        headwater.add_data_source("db", uid="db", **sqlite.source)
        rule = {"ttl": "1s", "ranges": True, "overlap": "0s"}
        headwater.named_queries.add(NamedQuery(id="sums", data_source="db", query=SERIES, cache=rule))
        for end in (300, 360, 420):
            clock.now = START + end
            window = {"from_": (START + end - 300) * 1000, "to": (START + end) * 1000}
            headwater.run("sums", interval_ms=60_000, **window)
        assert headwater.answer_cache is not None
        counts = headwater.answer_cache.counts
    assert (counts[CacheStatus.MISS], counts[CacheStatus.PARTIAL]) == (1, 2)
