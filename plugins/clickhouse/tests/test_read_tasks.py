"""Read tasks: the server's own plan says what may be divided, and each part reads its share of the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headwater import Filter, Headwater
from headwater.errors import HeadwaterError, QueryError
from headwater.models import Consistency
from headwater.queries import ReadTasks
from headwater_clickhouse import read_tasks
from servers.clickhouse import ClickHouseServer

ROWS = 100_000
TABLES = (
    """
    CREATE OR REPLACE TABLE orders (
      id UInt64, customer Nullable(Int32), city LowCardinality(String), name String,
      kind Enum('a' = 1, 'b' = 2), amount Float64, placed DateTime('UTC')
    ) ENGINE = MergeTree ORDER BY id
    """,
    f"""
    INSERT INTO orders SELECT
      pow(number, 3)::UInt64, if(number % 7 = 0, NULL, number % 50), ['Bern', 'Genève', ''][number % 3 + 1],
      'n' || toString(number % 10), 1 + number % 2, number / 4, toDateTime(1767225600 + number, 'UTC')
    FROM numbers({ROWS})
    """,
    "CREATE OR REPLACE TABLE days (day Date, value Int64) ENGINE = MergeTree PARTITION BY day ORDER BY value",
    "INSERT INTO days SELECT toDate('2026-01-01') + number % 12, number FROM numbers(12000)",
    "CREATE OR REPLACE TABLE words (word String, n UInt32) ENGINE = MergeTree ORDER BY word",
    "CREATE OR REPLACE TABLE hours (at DateTime('UTC'), n UInt32) ENGINE MergeTree ORDER BY (toHour(at), n)",
    "INSERT INTO hours SELECT toDateTime(number * 600, 'UTC'), number FROM numbers(10000)",
    "CREATE OR REPLACE TABLE heap (n UInt32) ENGINE = MergeTree ORDER BY tuple()",
    "INSERT INTO heap SELECT number FROM numbers(10000)",
    "CREATE OR REPLACE TABLE `a.b'c` (n UInt32) ENGINE = MergeTree ORDER BY n",
    "INSERT INTO `a.b'c` SELECT number FROM numbers(10000)",
    "CREATE OR REPLACE VIEW chosen AS SELECT n FROM words WHERE rand() % 2 = 0",
    "INSERT INTO words SELECT 'w' || toString(number), number FROM numbers(10000)",
)
ORDERS = "SELECT id, customer, city, name, kind, amount, placed FROM orders WHERE amount >= 0"


@pytest.fixture(scope="module")
def shop(server: ClickHouseServer) -> Iterator[Headwater]:
    """A host whose data source `ch` has the tables above."""
    with Headwater(allow_plugins=["clickhouse"]) as host:
        host.add_data_source("ch", type="clickhouse", url=server.url, json_data={"allowWrites": True})
        for statement in TABLES:
            host.query("ch", statement)
        yield host


def rows_of(tasks: ReadTasks, host: Headwater) -> list[dict[str, Any]]:
    return [row for task in tasks for row in task.read(host).read_all().table.to_pylist()]


def same(left: list[Any], right: list[Any]) -> bool:
    return sorted(map(repr, left)) == sorted(map(repr, right))


def sizes(tasks: ReadTasks, host: Headwater) -> list[int]:
    return [task.read(host).read_all().num_rows for task in tasks]


@pytest.mark.parametrize(
    "sql", [ORDERS, f"/* all */ {ORDERS} -- of them", f"{ORDERS};", "select * from orders"]
)
def test_the_parts_hold_each_row_once_and_have_the_types_of_the_whole(shop: Headwater, sql: str) -> None:
    tasks = shop.read_tasks("ch", sql, target=4)
    whole = shop.query("ch", sql).table
    assert len(tasks) == 4
    assert tasks.consistency is Consistency.NONE
    assert tasks.estimated_rows == ROWS
    assert tasks.schema.equals(whole.schema)
    assert same(rows_of(tasks, shop), whole.to_pylist())


def test_ranges_of_the_sorting_key_have_equally_many_rows_however_it_is_spread(shop: Headwater) -> None:
    found = sizes(shop.read_tasks("ch", "SELECT name FROM orders", target=4), shop)
    assert sum(found) == ROWS
    assert max(found) - min(found) <= 4


def test_ranges_of_a_long_table_are_taken_from_a_sample_of_its_keys(
    shop: Headwater, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.query("ch", "CREATE OR REPLACE TABLE large (k UInt64) ENGINE = MergeTree ORDER BY k")
    shop.query("ch", "INSERT INTO large SELECT 18446744073709551615 - pow(number, 3) FROM numbers(100000)")
    monkeypatch.setattr(read_tasks, "_MOST_EXACT", 1000)
    tasks = shop.read_tasks("ch", "SELECT k FROM large", target=4)
    found = sizes(tasks, shop)
    assert len(found) == 4
    assert sum(found) == ROWS
    assert min(found) > ROWS / 8
    by_column = {"rawSql": ORDERS, "partitionColumn": "id"}
    assert sum(sizes(shop.read_tasks("ch", by_column, target=4), shop)) == ROWS
    nothing = {"rawSql": "SELECT k FROM large WHERE k < 5", "partitionColumn": "k"}
    assert sum(sizes(shop.read_tasks("ch", nothing, target=4), shop)) == 0


def test_a_table_with_partitions_is_divided_by_them(shop: Headwater) -> None:
    tasks = shop.read_tasks("ch", "SELECT value FROM days", target=3)
    assert [task.estimated_rows for task in tasks] == [4000] * 3
    assert sizes(tasks, shop) == [4000] * 3
    assert same(rows_of(tasks, shop), [{"value": number} for number in range(12000)])
    plan = shop.query("ch", f"EXPLAIN json = 1, indexes = 1 {tasks[1].query.json['rawSql']}")
    assert '"Selected Parts": 4' in plan.table.column(0)[0].as_py()


def test_a_partition_that_comes_after_the_plan_is_read_too(shop: Headwater) -> None:
    tasks = shop.read_tasks("ch", "SELECT value FROM days", target=3)
    shop.query("ch", "INSERT INTO days VALUES ('2030-01-01', -1)")
    try:
        assert sum(sizes(tasks, shop)) == 12001
    finally:
        shop.query("ch", "ALTER TABLE days DROP PARTITION '2030-01-01'")


def test_a_key_of_texts_is_divided_by_its_hash(shop: Headwater) -> None:
    tasks = shop.read_tasks("ch", "SELECT n FROM words", target=3)
    assert len(tasks) == 3
    assert min(sizes(tasks, shop)) > 2000
    assert same(rows_of(tasks, shop), [{"n": number} for number in range(10000)])


@pytest.mark.parametrize("table", ["hours", "`a.b'c`"])
def test_a_key_of_expressions_and_a_table_of_any_name_are_divided(shop: Headwater, table: str) -> None:
    tasks = shop.read_tasks("ch", f"SELECT n FROM {table}", target=3)
    assert len(tasks) == 3
    assert min(sizes(tasks, shop)) > 2000
    assert same(rows_of(tasks, shop), [{"n": number} for number in range(10000)])


@pytest.mark.parametrize("column", ["customer", "city", "amount"])
def test_a_column_of_the_result_divides_where_it_is_named(shop: Headwater, column: str) -> None:
    query = {"rawSql": ORDERS, "partitionColumn": column}
    tasks = shop.read_tasks("ch", query, target=3)
    assert len(tasks) == 3
    assert same(rows_of(tasks, shop), shop.query("ch", ORDERS).table.to_pylist())


def test_a_part_is_read_with_its_parameters(shop: Headwater) -> None:
    sql = "SELECT id FROM orders WHERE name = {name:String}"
    tasks = shop.read_tasks("ch", sql, target=3, params={"name": "n7"})
    assert sum(sizes(tasks, shop)) == ROWS // 10


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT count() FROM orders", "which needs all rows"),
        ("SELECT city, uniq(id) FROM orders GROUP BY city", "'Aggregating'"),
        ("SELECT id FROM orders ORDER BY id", "'Sorting'"),
        ("SELECT id FROM orders LIMIT 3", "'Limit'"),
        ("SELECT DISTINCT city FROM orders", "Only a SELECT"),
        ("SELECT a.id FROM orders AS a JOIN words AS w ON a.id = w.n", "which needs all rows"),
        ("WITH 1 AS x SELECT x, id FROM orders", "Only a SELECT"),
        ("SHOW TABLES", "Only a SELECT"),
        ("SELECT n FROM heap", "no sorting key"),
        ("SELECT name FROM (SELECT name FROM orders)", "Unknown expression identifier `id`"),
        ("SELECT name AS id FROM orders", "a column of the statement hides it"),
        ("SELECT id FROM orders WHERE rand() % 2 = 0", "rand may choose other rows"),
        ("SELECT id, generateUUIDv4() AS uuid FROM orders", "generateUUIDv4 may choose"),
        ("SELECT n FROM chosen", "rand may choose other rows"),
    ],
)
def test_what_the_plan_does_not_make_row_by_row_is_one_part_and_says_why(
    shop: Headwater, sql: str, words: str
) -> None:
    tasks = shop.read_tasks("ch", sql, target=4)
    assert len(tasks) == 1
    assert words in tasks.notices[0]
    assert tasks.consistency is Consistency.STATEMENT
    tasks[0].read(shop).read_all()


def test_a_final_read_is_one_part(shop: Headwater) -> None:
    shop.query("ch", "CREATE OR REPLACE TABLE latest (k Int64) ENGINE = ReplacingMergeTree ORDER BY k")
    tasks = shop.read_tasks("ch", "SELECT k FROM latest FINAL", target=4)
    assert len(tasks) == 1
    assert "FINAL" in tasks.notices[0]


def test_parts_of_a_table_that_a_setting_has_read_as_final_are_no_partitions(
    shop: Headwater, server: ClickHouseServer
) -> None:
    shop.query(
        "ch",
        "CREATE OR REPLACE TABLE kept (k Int64, p UInt8, at UInt32) ENGINE = ReplacingMergeTree(at) "
        "PARTITION BY p ORDER BY k",
    )
    shop.query("ch", "INSERT INTO kept SELECT number % 500, number % 3, number FROM numbers(3000)")
    settings = {"customSettings": [{"setting": "final", "value": "1"}]}
    shop.add_data_source("final", type="clickhouse", url=server.url, json_data=settings)
    tasks = shop.read_tasks("final", "SELECT * FROM kept", target=3)
    assert len(tasks) == 3
    whole = shop.query("final", "SELECT * FROM kept").table
    assert whole.num_rows == 500
    assert same(rows_of(tasks, shop), whole.to_pylist())
    assert len(shop.read_tasks("ch", "SELECT * FROM kept", target=3)) == 3


def test_a_logs_view_is_one_part(shop: Headwater) -> None:
    query = {"rawSql": "SELECT placed AS timestamp, name AS body FROM orders", "format": "logs"}
    assert len(shop.read_tasks("ch", query, target=4)) == 1


def test_a_partition_column_that_is_not_there_is_refused(shop: Headwater) -> None:
    with pytest.raises(QueryError, match="no column 'nothing'"):
        shop.read_tasks("ch", {"rawSql": ORDERS, "partitionColumn": "nothing"}, target=4)


def test_a_wrong_statement_fails_where_it_is_planned(shop: Headwater) -> None:
    with pytest.raises(HeadwaterError, match="no_such_table"):
        shop.read_tasks("ch", "SELECT id FROM no_such_table", target=4)


@pytest.mark.parametrize(
    ("condition", "handled", "rows"),
    [
        (Filter("id", ">=", 1000), True, ROWS - 10),
        (Filter("id", "in", (0, 1, 8)), True, 3),
        (Filter("customer", "is null"), True, 14286),
        (Filter("customer", "=", 3), True, 1714),
        (Filter("customer", "!=", 3), True, 84000),
        (Filter("city", "=", "Genève"), True, 33333),
        (Filter("city", "=", "' OR 1 --\\"), True, 0),
        (Filter("name", "<", "n3"), True, 30_000),
        (Filter("kind", "=", "c"), False, ROWS),
        (Filter("amount", ">", 1.5), False, ROWS),
        (Filter("id", "=", 1.5), False, ROWS),
    ],
)
def test_a_condition_is_handled_where_the_server_compares_as_arrow_does(
    shop: Headwater, condition: Filter, handled: bool, rows: int
) -> None:
    tasks = shop.read_tasks("ch", ORDERS, target=3, filters=[condition], columns=["name"])
    assert tasks.unhandled_filters == (() if handled else (condition,))
    assert sum(sizes(tasks, shop)) == rows


def test_columns_are_left_out_at_the_server(shop: Headwater) -> None:
    tasks = shop.read_tasks("ch", ORDERS, target=2, columns=["amount", "city"])
    assert tasks.schema.equals(shop.query("ch", "SELECT amount, city FROM orders").table.schema)
    assert "SELECT `amount`, `city` FROM" in tasks[0].query.json["rawSql"]


def test_a_part_that_is_read_again_has_the_same_rows_while_nothing_changes(shop: Headwater) -> None:
    task = shop.read_tasks("ch", ORDERS, target=4)[1]
    first, second = (task.read(shop).read_all().table.to_pylist() for _ in range(2))
    assert same(first, second)
