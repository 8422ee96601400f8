"""Ranges hold each key once, and statements that must stay whole are told from others."""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import Any

import attrs
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from headwater import Filter
from headwater.models import Consistency, DataQuery
from headwater.sdk.sql import Cutter, Dialect, SqlQuery, even_cuts, quantile_cuts, range_conditions, why_whole

KEYS = st.lists(st.integers(-(2**40), 2**40), max_size=40)
DIALECT = Dialect()


def counts(keys: list[int | None], conditions: list[str]) -> list[int]:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE t (k INTEGER)")
        database.executemany("INSERT INTO t VALUES (?)", [(key,) for key in keys])
        ask = "SELECT COUNT(*) FROM t WHERE {}"
        found = [database.execute(ask.format(each or "TRUE")).fetchone()[0] for each in conditions]
    database.close()
    return found


@given(KEYS, st.integers(1, 12))
def test_even_ranges_hold_each_key_once(keys: list[int], count: int) -> None:
    low, high = min(keys, default=0), max(keys, default=0)
    conditions = range_conditions("k", even_cuts(low, high, count))
    assert len(conditions) <= count
    assert sum(counts([*keys, None], conditions)) == len(keys) + 1


@given(KEYS, KEYS, st.integers(1, 12))
def test_ranges_of_a_sample_hold_each_key_once(sample: list[int], keys: list[int], count: int) -> None:
    conditions = range_conditions("k", quantile_cuts(sample, count))
    assert len(conditions) <= count
    assert sum(counts([*keys, None], conditions)) == len(keys) + 1


def test_ranges_of_a_sample_hold_about_as_many_keys_each() -> None:
    keys: list[int | None] = [number**3 for number in range(1000)]
    conditions = range_conditions("k", quantile_cuts([key for key in keys[::10] if key is not None], 4))
    assert all(200 <= count <= 300 for count in counts(keys, conditions))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t",
        'SELECT a, "count" FROM t -- LIMIT 3',
        "SELECT count, 'ORDER BY' FROM t WHERE b IN (SELECT MAX(b) FROM u GROUP BY c)",
        "SELECT a FROM (SELECT a, COUNT(*) AS n FROM t GROUP BY a) AS x",
    ],
)
def test_a_statement_that_makes_each_row_of_its_own_may_be_divided(sql: str) -> None:
    assert why_whole(sql, DIALECT) == ""


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT a FROM t LIMIT 3", "LIMIT"),
        ("SELECT a FROM (SELECT a FROM t LIMIT 3) AS x", "LIMIT"),
        ("SELECT a FROM t FETCH FIRST 3 ROWS ONLY", "FETCH"),
        ("SELECT a FROM t ORDER BY a", "ORDER"),
        ("SELECT DISTINCT a FROM t", "DISTINCT"),
        ("SELECT count (*) FROM t", "COUNT"),
        ("SELECT a FROM t UNION ALL SELECT a FROM u", "UNION"),
        ("SELECT a, SUM(b) OVER (PARTITION BY c) FROM t", "SUM"),
        ("SELECT a, random() FROM t", "RANDOM"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "Only a SELECT"),
        ("", "Only a SELECT"),
    ],
)
def test_a_statement_that_depends_on_all_rows_or_on_chance_stays_whole(sql: str, word: str) -> None:
    assert word in why_whole(sql, DIALECT)


class Table:
    """A table of a hundred rows, asked through SQLite."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._database = sqlite3.connect(":memory:")
        self._database.execute("CREATE TABLE t (k INTEGER, word TEXT)")
        self._database.executemany("INSERT INTO t VALUES (?, ?)", [(k, f"w{k}") for k in range(100)])

    def ask(self, sql: str) -> pa.Table:
        self.asked.append(sql)
        cursor = self._database.execute(sql)
        names = [each[0] for each in cursor.description]
        types = [{"word": pa.string(), "day": pa.date32()}.get(name, pa.int64()) for name in names]
        columns = list(zip(*cursor.fetchall(), strict=True)) or [()] * len(names)
        return pa.table(
            [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)], names=names
        )

    def close(self) -> None:
        self._database.close()


def divide(cutter: Cutter, sql: str, **options: Any) -> tuple[Any, list[list[Any]]]:
    """The division, and the rows of each part."""
    table = Table()
    query = SqlQuery(raw_sql=sql, data_query=DataQuery("A", json={"rawSql": sql}))
    key = options.pop("key", "k")
    parts = cutter.divide(
        query, options.pop("target", 4), options.pop("columns", None), options.pop("filters", ()), table.ask,
        key=lambda: key, **options,
    )  # fmt: skip
    rows = [table.ask(part.query.json["rawSql"]).to_pylist() for part in parts.parts]
    table.close()
    return parts, rows


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


PLAIN = Cutter(DIALECT, quoted)
BYTES = Cutter(DIALECT, quoted, lambda text: "'" + text.replace("'", "''") + "'", None, exact_texts=True)


def test_parts_are_ranges_of_the_key() -> None:
    parts, rows = divide(PLAIN, "SELECT k, word FROM t")
    assert [len(each) for each in rows] == [25] * 4
    assert parts.consistency is Consistency.NONE
    assert parts.schema.names == ["k", "word"]


def test_the_key_need_not_be_among_the_columns_that_are_read() -> None:
    parts, rows = divide(PLAIN, "SELECT k, word FROM t", columns=("word",))
    assert rows[3][-1] == {"word": "w99"}
    assert parts.columns_handled


def test_texts_are_compared_only_by_a_database_that_compares_their_bytes() -> None:
    condition = Filter("word", "<", "w2")
    parts, rows = divide(PLAIN, "SELECT k, word FROM t", filters=(condition,))
    assert (parts.handled_filters, sum(map(len, rows))) == ((), 100)
    parts, rows = divide(BYTES, "SELECT k, word FROM t", filters=(condition,))
    assert (parts.handled_filters, sum(map(len, rows))) == ((condition,), 12)


def test_times_are_compared_only_by_a_database_whose_literals_are_known() -> None:
    condition, sql = Filter("day", "<", date(1970, 1, 11)), "SELECT k, k AS day FROM t"
    parts, rows = divide(PLAIN, sql, filters=(condition,))
    assert (parts.handled_filters, sum(map(len, rows))) == ((), 100)
    timed = attrs.evolve(PLAIN, time_literal=lambda day: str((day - date(1970, 1, 1)).days), exact_times=True)
    parts, rows = divide(timed, sql, filters=(condition,))
    assert (parts.handled_filters, sum(map(len, rows))) == ((condition,), 10)


def test_without_a_key_it_is_one_part_that_still_has_its_conditions() -> None:
    parts, rows = divide(PLAIN, "SELECT k, word FROM t", key="", filters=(Filter("k", "<", 10),))
    assert [len(each) for each in rows] == [10]
    assert "partitionColumn" in parts.notices[0]


def test_what_has_its_types_from_its_rows_is_one_part() -> None:
    typed_by_rows = Cutter(DIALECT, quoted, typed_by_rows=True)
    parts, rows = divide(typed_by_rows, "SELECT k, word FROM t", filters=(Filter("k", "<", 10),))
    assert [len(each) for each in rows] == [100]
    assert (parts.schema, parts.handled_filters) == (None, ())
    assert "types of the rows" in parts.notices[0]


def test_uneven_ranges_are_taken_from_a_sample() -> None:
    sample = Cutter(DIALECT, quoted, random="0")
    uneven = [90, 5, 3, 2]

    def estimate(statements: Any) -> list[int | None]:
        return [uneven[number] for number in range(len(statements))]

    _, rows = divide(sample, "SELECT k * k * k AS k FROM t", estimate=estimate)
    assert [len(each) for each in rows] == [25] * 4
