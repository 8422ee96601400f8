"""Read tasks: the parts of a statement hold its rows once, with as few of them as its conditions allow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from headwater import Filter, Headwater
from headwater.errors import DownstreamServerError, QueryError
from headwater.models import Consistency
from headwater.queries import ReadTasks
from servers.mysql_family import DatabaseServer

ORDERS = "SELECT id, customer, city, amount, placed, paid FROM orders WHERE amount >= 0"
TABLE = """
CREATE TABLE orders (
  id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, customer INT NULL, city VARCHAR(20), amount DOUBLE,
  placed DATETIME(6), paid DATE NULL, KEY (customer)
)
"""
ROWS = 3000


@pytest.fixture(scope="module")
def orders(server: DatabaseServer) -> DatabaseServer:
    """Three thousand orders, of which all but three have ids up to 5,000."""
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS orders")
        cursor.execute(TABLE)
        ids = [*range(1, ROWS - 2), 10**9, 10**12, 2**64 - 2]
        rows = [
            (
                i,
                i % 50 or None,
                ("Bern", "bern", "Genève")[i % 3],
                i / 4,
                f"2026-01-01 00:{i % 60:02}:00.5",
                None,
            )
            for i in ids
        ]
        cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s, %s, %s, %s)", rows)
        cursor.execute("ANALYZE TABLE orders")
        cursor.fetchall()
        admin.commit()
    return server


@pytest.fixture
def host(orders: DatabaseServer) -> Iterator[Headwater]:
    with Headwater(allow_plugins=["mysql"]) as host:
        host.add_data_source(
            "shop",
            type="mysql",
            url=orders.address,
            user=orders.user,
            database=orders.database,
            secure_json_data={"password": orders.password},
        )
        yield host


def rows_of(tasks: ReadTasks, host: Headwater) -> list[dict[str, Any]]:
    return [row for task in tasks for row in task.read(host).read_all().table.to_pylist()]


def by_id(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["id"])


@pytest.mark.parametrize("sql", [ORDERS, f"{ORDERS} -- all", f"{ORDERS};"])
def test_the_parts_hold_each_row_once_and_have_the_types_of_the_whole(host: Headwater, sql: str) -> None:
    tasks = host.read_tasks("shop", sql, target=8)
    whole = host.query("shop", sql).table
    assert len(tasks) > 4
    assert tasks.consistency is Consistency.NONE
    assert tasks.schema.equals(whole.schema)
    assert by_id(rows_of(tasks, host)) == by_id(whole.to_pylist())


def test_uneven_keys_are_divided_where_they_are(host: Headwater) -> None:
    """Ranges of equal width would put all but two rows into one part."""
    sizes = [task.read(host).read_all().num_rows for task in host.read_tasks("shop", ORDERS, target=4)]
    assert sum(sizes) == ROWS
    assert max(sizes) < 0.75 * ROWS


def test_a_part_is_read_with_its_parameters_macros_and_time_range(host: Headwater) -> None:
    sql = "SELECT id, $__time(placed) FROM orders WHERE $__timeFilter(placed) AND customer = :customer"
    options: Any = {"from_": datetime(2026, 1, 1, tzinfo=UTC), "to": datetime(2026, 1, 1, 0, 30, tzinfo=UTC)}
    tasks = host.read_tasks("shop", sql, target=4, params={"customer": 7}, **options)
    whole = host.query("shop", sql, params={"customer": 7}, **options).table
    assert 0 < whole.num_rows < ROWS
    assert len(tasks) > 1
    assert tasks.schema.equals(whole.schema)
    assert by_id(rows_of(tasks, host)) == by_id(whole.to_pylist())


def test_a_named_column_divides_what_has_no_key(host: Headwater) -> None:
    sql = "SELECT a.customer, b.city FROM orders a JOIN orders b ON a.id = b.id"
    query = {"rawSql": sql, "partitionColumn": "customer"}
    tasks = host.read_tasks("shop", query, target=5)
    assert len(tasks) == 5
    found = sorted(map(str, rows_of(tasks, host)))
    assert found == sorted(map(str, host.query("shop", sql).table.to_pylist()))


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT customer, COUNT(*) AS n FROM orders GROUP BY customer", "COUNT is computed from the whole"),
        ("SELECT id FROM orders ORDER BY id", "ORDER is computed from the whole"),
        ("SELECT id FROM orders LIMIT 10", "LIMIT may choose other rows"),
        ("SELECT id FROM orders WHERE id IN (SELECT id FROM orders WHERE RAND() < 2)", "RAND may choose"),
        ("SHOW TABLES", "Only a SELECT is divided"),
        ("SELECT customer FROM orders", "no whole-number key"),
        ("SELECT id, id FROM orders", "does not run as a derived table"),
    ],
)
def test_what_cannot_be_divided_is_one_part_and_says_why(host: Headwater, sql: str, words: str) -> None:
    tasks = host.read_tasks("shop", sql, target=8)
    assert len(tasks) == 1
    assert words in tasks.notices[0]
    assert tasks.consistency is Consistency.STATEMENT
    assert tasks[0].read(host).read_all().table.equals(host.query("shop", sql).table)


def test_a_time_series_is_one_part(host: Headwater) -> None:
    sql = "SELECT placed AS time, amount FROM orders ORDER BY placed"
    assert len(host.read_tasks("shop", {"rawSql": sql, "format": "time_series"}, target=8)) == 1


@pytest.mark.parametrize("column", ["city", "nothing"])
def test_a_partition_column_that_is_no_whole_number_is_refused(host: Headwater, column: str) -> None:
    with pytest.raises(QueryError, match=column):
        host.read_tasks("shop", {"rawSql": ORDERS, "partitionColumn": column}, target=4)


@pytest.mark.parametrize("partitions", [2, 60])
def test_parts_of_years_hold_each_once_though_the_server_takes_small_numbers_for_years_of_this_century(
    host: Headwater, orders: DatabaseServer, partitions: int
) -> None:
    # Without a null the optimizer's estimates are even, and so are the ranges.
    orders.execute(
        "DROP TABLE IF EXISTS vintages",
        "CREATE TABLE vintages (made YEAR)",
        "INSERT INTO vintages VALUES (0), (1970), (1999), (2000), (2049), (2050), (2099), (2155)",
    )
    sql = "SELECT made FROM vintages"
    tasks = host.read_tasks("shop", {"rawSql": sql, "partitionColumn": "made"}, target=partitions)
    asked = {"rawSql": sql, "partitionColumn": "made", "partitions": partitions}
    expected = [0, 1970, 1999, 2000, 2049, 2050, 2099, 2155]
    assert sorted(row["made"] for row in rows_of(tasks, host)) == expected
    assert sorted(host.query("shop", asked).table["made"].to_pylist()) == expected


def test_a_wrong_statement_fails_where_it_is_planned(host: Headwater) -> None:
    with pytest.raises(DownstreamServerError, match="no_such_table"):
        host.read_tasks("shop", "SELECT id FROM no_such_table", target=4)


@pytest.mark.parametrize(
    ("condition", "handled"),
    [
        (Filter("id", ">=", 100), True),
        (Filter("id", "!=", 100), True),
        (Filter("id", "in", (5, 6, 10**9)), True),
        (Filter("customer", "is null"), True),
        (Filter("customer", "is not null"), True),
        (Filter("city", "=", "Bern"), False),
        (Filter("city", "=", "Genève"), False),
        (Filter("city", "=", "' OR 1 = 1 -- \\"), False),
        (Filter("city", "<", "C"), False),
        (Filter("amount", ">", 100.5), False),
        (Filter("placed", ">", datetime(2026, 1, 1, 0, 30)), False),  # noqa: DTZ001
        (Filter("placed", "<", datetime(2026, 1, 1, 0, 30, tzinfo=UTC)), False),
        (Filter("paid", "=", date(2026, 1, 1)), False),
        (Filter("paid", "is null"), False),
    ],
)  # fmt: skip
def test_a_condition_leaves_out_no_row_that_it_holds_for_and_is_handled_only_where_it_is_exact(
    host: Headwater, condition: Filter, handled: bool
) -> None:
    tasks = host.read_tasks("shop", ORDERS, target=3, filters=[condition])
    assert tasks.unhandled_filters == (() if handled else (condition,))
    found = by_id(rows_of(tasks, host))
    expected = [row for row in by_id(host.query("shop", ORDERS).table.to_pylist()) if holds(condition, row)]
    assert [row for row in found if holds(condition, row)] == expected
    if handled:
        assert found == expected


@pytest.mark.parametrize(
    "condition",
    [
        Filter("document", "=", '{"a": 1}'),
        Filter("document", "in", ('"text"', "[1]")),
        Filter("made", "=", 5),
        Filter("made", "!=", 5),
        Filter("made", "<", 1980),
    ],
    ids=str,
)
def test_a_condition_on_what_the_server_compares_in_its_own_way_is_left_to_the_reader(
    host: Headwater, orders: DatabaseServer, condition: Filter
) -> None:
    orders.execute(
        "DROP TABLE IF EXISTS odd",
        "CREATE TABLE odd (id INT PRIMARY KEY, document JSON, made YEAR)",
        """INSERT INTO odd VALUES (1, '{"a": 1}', 2005), (2, '"text"', 1970), (3, '[1]', 0)""",
    )
    tasks = host.read_tasks("shop", "SELECT * FROM odd", target=2, filters=[condition])
    assert tasks.unhandled_filters == (condition,)
    expected = [
        row for row in host.query("shop", "SELECT * FROM odd").table.to_pylist() if holds(condition, row)
    ]
    assert by_id([row for row in rows_of(tasks, host) if holds(condition, row)]) == by_id(expected)


def holds(condition: Filter, row: dict[str, Any]) -> bool:
    found, value = row[condition.column], condition.value
    match condition.operator:
        case "is null":
            return found is None
        case "is not null":
            return found is not None
        case "in":
            return found in value
        case "=":
            return bool(found == value)
        case "!=":
            return found is not None and found != value
        case ">=":
            return found is not None and found >= value
    if found is None or (isinstance(value, datetime) and value.tzinfo is not None):
        return False
    return bool(found > value if condition.operator == ">" else found < value)


def test_columns_are_left_out_at_the_server(host: Headwater) -> None:
    tasks = host.read_tasks("shop", ORDERS, target=2, columns=["amount", "city"])
    assert tasks.schema.names == ["amount", "city"]
    assert "SELECT `amount`, `city` FROM (" in tasks[0].query.json["rawSql"]
    whole = host.query("shop", ORDERS).table.select(["amount", "city"])
    assert sorted(map(str, rows_of(tasks, host))) == sorted(map(str, whole.to_pylist()))


def test_estimates_are_of_the_right_size(host: Headwater) -> None:
    tasks = host.read_tasks("shop", "SELECT id FROM orders", target=4)
    assert tasks.estimated_rows is not None
    assert ROWS / 3 < tasks.estimated_rows < ROWS * 3
    assert tasks.estimated_bytes == tasks.estimated_rows * pa.uint64().bit_width // 8


def test_an_empty_result_is_one_part_without_rows(host: Headwater) -> None:
    (task,) = host.read_tasks("shop", "SELECT id FROM orders WHERE id < 0", target=4)
    assert task.read(host).read_all().num_rows == 0


def test_a_part_that_is_read_again_has_the_same_rows_while_nothing_changes(host: Headwater) -> None:
    task = host.read_tasks("shop", ORDERS, target=4)[1]
    first, second = (by_id(task.read(host).read_all().table.to_pylist()) for _ in range(2))
    assert first == second
