"""Flight SQL over a real database: parameters, tables, partitions, and a cancellation that reaches it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from decimal import Decimal

import adbc_driver_manager
import pyarrow as pa
import pytest
from adbc_driver_flightsql import DatabaseOptions
from pyarrow import flight

from headwater import Headwater
from servers.http_host import eventually
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer

from .conftest import FlightHost, serve_flight, statement

ROWS = 5000


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        server.execute(
            "CREATE TABLE orders (id INT PRIMARY KEY, day DATE, total DECIMAL(10,2), note VARCHAR(20))",
            "INSERT INTO orders SELECT seq, '2026-01-01' + INTERVAL seq DAY, seq / 4, CONCAT('n', seq) "
            f"FROM seq_1_to_{ROWS}",
        )
        yield server


@pytest.fixture(scope="module")
def host(server: DatabaseServer) -> Iterator[FlightHost]:
    with Headwater() as headwater:
        headwater.add_data_source(
            name="shop",
            type="mysql",
            url=server.address,
            user=server.user,
            database=server.database,
            secure_json_data={"password": server.password},
        )
        with serve_flight(headwater) as host:
            yield host


def test_parameters_are_bound_by_the_data_source_with_their_types(host: FlightHost) -> None:
    with host.connect("shop") as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM orders WHERE day = ? AND total = ? AND note = ?",
            (dt.date(2026, 1, 9), Decimal("2.00"), "n8"),
        )
        assert cursor.fetch_arrow_table()["id"].to_pylist() == [8]


def test_a_parameter_is_a_value_and_never_sql(host: FlightHost) -> None:
    with host.connect("shop") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM orders WHERE note = ?", ("' OR 1=1 -- ",))
        assert cursor.fetch_arrow_table().num_rows == 0


def test_parameters_without_names_of_their_own_are_bound_in_their_order(host: FlightHost) -> None:
    for names in (["", ""], ["p", "p"], ["1", "2"]):
        with host.connect("shop") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT ? - ? AS d", pa.record_batch([[10], [3]], names=names))
            assert cursor.fetch_arrow_table()["d"].to_pylist() == [7]


@pytest.mark.parametrize(
    ("condition", "value", "parts"),
    [("total > ?", Decimal("2.00"), 1), ("day >= ?", dt.date(2026, 1, 10), 1), ("id > ?", 8, 4)],
)
def test_parameters_that_do_not_travel_with_parts_leave_the_query_in_one(
    host: FlightHost, condition: str, value: object, parts: int
) -> None:
    in_parts = f"{DatabaseOptions.RPC_CALL_HEADER_PREFIX.value}x-headwater-partitions"
    with host.connect("shop", **{in_parts: "4"}) as connection, connection.cursor() as cursor:
        tickets, _ = cursor.adbc_execute_partitions(f"SELECT id FROM orders WHERE {condition}", (value,))
        assert len(tickets) == parts
        cursor.execute(f"SELECT id FROM orders WHERE {condition}", (value,))
        assert sorted(cursor.fetch_arrow_table()["id"].to_pylist()) == list(range(9, ROWS + 1))


def test_columns_are_told_before_a_run_as_far_as_they_need_no_values(host: FlightHost) -> None:
    told = f"{DatabaseOptions.RPC_CALL_HEADER_PREFIX.value}x-headwater-prepared-schema"
    with host.connect("shop", **{told: "true"}) as connection, connection.cursor() as cursor:
        assert cursor.adbc_execute_schema("SELECT id FROM orders").names == ["id"]
        cursor.execute("SELECT id FROM orders WHERE note = ?", ("n8",))
        assert cursor.fetch_arrow_table()["id"].to_pylist() == [8]
        with pytest.raises(adbc_driver_manager.Error, match="nowhere"):
            cursor.adbc_prepare("SELECT id FROM nowhere")


def test_several_rows_of_parameters_are_refused(host: FlightHost) -> None:
    with (
        host.connect("shop") as connection,
        connection.cursor() as cursor,
        pytest.raises(adbc_driver_manager.Error, match="one row of parameters, not 2"),
    ):
        cursor.execute("SELECT ?", pa.record_batch([[1, 2]], names=["0"]))


def test_tables_have_the_columns_and_types_of_the_database(host: FlightHost, server: DatabaseServer) -> None:
    with host.connect("shop") as connection:
        schema = connection.adbc_get_table_schema(
            "orders", catalog_filter="shop", db_schema_filter=server.database
        )

    assert [(field.name, field.type) for field in schema] == [
        ("id", pa.int32()),
        ("day", pa.date32()),
        ("total", pa.decimal128(10, 2)),
        ("note", pa.string()),
    ]


def test_partitions_read_side_by_side_have_each_row_once(host: FlightHost) -> None:
    options = host.call_options(x_headwater_catalog="shop", x_headwater_partitions="4")
    with host.client() as client:
        info = client.get_flight_info(statement("SELECT id, total FROM orders"), options)
        parts = [client.do_get(each.ticket, options).read_all() for each in info.endpoints]

    assert len(parts) > 1
    assert sorted(pa.concat_tables(parts)["id"].to_pylist()) == list(range(1, ROWS + 1))
    assert b"consistency" in info.app_metadata


@pytest.mark.parametrize("sql", ["SELECT SLEEP(60)", "SELECT id, SLEEP(0.01) FROM orders"])
def test_a_client_that_leaves_ends_the_query_in_the_database(
    host: FlightHost, server: DatabaseServer, sql: str
) -> None:
    options = host.call_options(x_headwater_catalog="shop")
    with host.client() as client:
        info = client.get_flight_info(statement(sql), options)
        impatient = flight.FlightCallOptions(headers=options.headers, timeout=1)
        with pytest.raises(flight.FlightTimedOutError):
            client.do_get(info.endpoints[0].ticket, impatient).read_all()

    assert eventually(lambda: not _sleeping(server), within=10)


def test_an_adbc_client_cancels_from_another_thread(host: FlightHost, server: DatabaseServer) -> None:
    with host.connect("shop") as connection, connection.cursor() as cursor:
        threading.Timer(1.0, cursor.adbc_cancel).start()
        with pytest.raises(adbc_driver_manager.Error):
            cursor.execute("SELECT SLEEP(60)")

    assert eventually(lambda: not _sleeping(server), within=10)


def _sleeping(server: DatabaseServer) -> bool:
    others = "FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
    return bool(server.rows(f"SELECT 1 {others} AND INFO LIKE '%SLEEP(%'"))
