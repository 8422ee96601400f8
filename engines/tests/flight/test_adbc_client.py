"""What users of the ADBC driver for Flight SQL do, against a served host."""

from __future__ import annotations

import adbc_driver_flightsql.dbapi
import adbc_driver_manager
import pyarrow as pa
import pytest

from .conftest import ADMIN_PASSWORD, FlightHost


def test_a_query_has_the_rows_and_types_that_the_host_itself_gives(host: FlightHost) -> None:
    query = '{"scenario": "all_types", "rows": 50}'

    with host.connect() as connection, connection.cursor() as cursor:
        cursor.execute(query)
        rows = cursor.fetch_arrow_table()

    expected = host.headwater.query("demo", {"scenario": "all_types", "rows": 50}).table
    assert rows.schema.equals(expected.schema, check_metadata=False)
    assert [_values(rows[name]) for name in rows.schema.names] == [
        _values(expected[name]) for name in rows.schema.names
    ]


def test_rows_are_streamed_in_batches(host: FlightHost) -> None:
    with host.connect() as connection, connection.cursor() as cursor:
        cursor.execute('{"scenario": "streaming_rows", "rows": 300000}')
        batches = list(cursor.fetch_record_batch())

    assert sum(batch.num_rows for batch in batches) == 300_000
    assert len(batches) > 2


def test_the_data_source_is_chosen_for_the_connection_and_not_by_a_session(host: FlightHost) -> None:
    with host.connect(catalog="demo") as connection:
        assert connection.adbc_current_catalog == "demo"
        with pytest.raises(adbc_driver_manager.Error):
            connection.adbc_current_catalog = "other"


def test_tools_find_data_sources_schemas_tables_and_columns(host: FlightHost) -> None:
    with host.connect() as connection:
        catalogs = connection.adbc_get_objects(depth="all", catalog_filter="demo").read_all().to_pylist()
        types = connection.adbc_get_table_types()
        schema = connection.adbc_get_table_schema("random_walk", catalog_filter="demo")

    (demo,) = catalogs
    (tables,) = [each["db_schema_tables"] for each in demo["catalog_db_schemas"]]
    walk = next(each for each in tables if each["table_name"] == "random_walk")
    assert demo["catalog_name"] == "demo"
    assert walk["table_type"] == "TABLE"
    assert [each["column_name"] for each in walk["table_columns"]] == ["time", "value"]
    assert types == ["TABLE", "VIEW", "METRIC", "NAMED QUERY"]
    assert schema.field("value").type == pa.float64()


def test_the_server_says_what_it_is_and_that_it_only_reads(host: FlightHost) -> None:
    with host.connect() as connection:
        info = connection.adbc_get_info()

    assert info["vendor_name"] == "Headwater"


def test_partitions_are_tickets_that_another_connection_reads(host: FlightHost) -> None:
    with host.connect() as planner, planner.cursor() as cursor:
        partitions, _ = cursor.adbc_execute_partitions('{"scenario": "streaming_rows", "rows": 1000}')

    with host.connect() as worker, worker.cursor() as cursor:
        cursor.adbc_read_partition(partitions[0])
        assert cursor.fetch_arrow_table().num_rows == 1000


def test_a_prepared_statement_runs_again_and_again(host: FlightHost) -> None:
    with host.connect() as connection, connection.cursor() as cursor:
        cursor.adbc_prepare('{"scenario": "streaming_rows", "rows": 10}')
        for _ in range(2):
            cursor.execute('{"scenario": "streaming_rows", "rows": 10}')
            assert cursor.fetch_arrow_table().num_rows == 10


def test_an_error_of_the_query_is_told_and_shows_no_stack(host: FlightHost) -> None:
    with (
        host.connect() as connection,
        connection.cursor() as cursor,
        pytest.raises(adbc_driver_manager.Error, match="There is no scenario 'nonsense'") as raised,
    ):
        cursor.execute("nonsense")

    assert "Traceback" not in str(raised.value)
    assert ".py" not in str(raised.value)


def test_a_name_and_a_password_open_a_connection(host: FlightHost) -> None:
    for name, password in (("admin", ADMIN_PASSWORD), ("api_key", host.http.admin)):
        with (
            adbc_driver_flightsql.dbapi.connect(
                host.url, db_kwargs={"username": name, "password": password}, autocommit=True
            ) as connection,
        ):
            assert connection.adbc_get_info()["vendor_name"] == "Headwater"


def test_updates_are_refused(host: FlightHost) -> None:
    with (
        host.connect() as connection,
        connection.cursor() as cursor,
        pytest.raises(adbc_driver_manager.Error, match="read only"),
    ):
        cursor.executescript("DELETE FROM everything")


def _values(column: pa.ChunkedArray) -> str:
    """All values as text: some have no Python value, and NaN is equal to nothing."""
    text: str = column.combine_chunks().to_string(window=len(column))
    return text
