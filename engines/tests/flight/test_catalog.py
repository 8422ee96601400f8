"""What tools are told of data sources: names that fit a pattern, columns with types."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from headwater import Headwater
from headwater.models import CallResourceResponse, PluginInfo
from headwater.plugins import hookimpl
from headwater_engines.flight.catalog import matches
from headwater_engines.flight.column_types import arrow_type
from servers.process import free_port
from servers.prometheus import PrometheusServer, start_prometheus
from servers.prometheus_samples import START, openmetrics

from .conftest import FlightHost, read, serve_flight


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("int(11)", pa.int32()),
        ("int(10) unsigned", pa.uint32()),
        ("bigint(20) unsigned", pa.uint64()),
        ("tinyint", pa.int8()),
        ("varchar(20)", pa.string()),
        ("decimal(10,2)", pa.decimal128(10, 2)),
        ("decimal(65,30)", pa.decimal256(65, 30)),
        ("datetime(6)", pa.timestamp("us")),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("timestamp[ms, tz=UTC]", pa.timestamp("ms", "UTC")),
        ("longblob", pa.binary()),
        ("Nullable(Int64)", pa.int64()),
        ("LowCardinality(Nullable(String))", pa.string()),
        ("Decimal(18, 4)", pa.decimal128(18, 4)),
        ("DateTime64(3, 'Europe/Zurich')", pa.timestamp("us", "UTC")),
        ("double", pa.float64()),
        ("enum('a','b')", pa.string()),
        ("geometry", pa.string()),
        ("", pa.string()),
    ],
)
def test_a_database_s_name_of_a_type_becomes_the_arrow_type(name: str, expected: pa.DataType) -> None:
    assert arrow_type(name) == expected


@given(name=st.text())
def test_any_name_of_a_type_has_some_arrow_type(name: str) -> None:
    assert isinstance(arrow_type(name), pa.DataType)


@pytest.mark.parametrize(
    ("text", "pattern", "same"),
    [
        ("orders", None, True),
        ("orders", "%", True),
        ("orders", "ord%", True),
        ("orders", "order_", True),
        ("orders", "order", False),
        ("a.b", "a_b", True),
        ("axb", "a.b", False),
        ("", "", True),
        ("a.b.c", "a%b%c", True),
        ("a.b", "a%b%c", False),
        ("aba", "%ab%ba", False),
        ("a" * 60, "%_" * 30 + "x", False),  # there is one way to try, not more than there is time for
    ],
)
def test_a_pattern_is_one_of_like(text: str, pattern: str | None, same: bool) -> None:
    assert matches(text, pattern) is same


@pytest.fixture(scope="module")
def prometheus() -> Iterator[PrometheusServer]:
    with start_prometheus(openmetrics=openmetrics()) as server:
        yield server


@pytest.fixture(scope="module")
def host(prometheus: PrometheusServer) -> Iterator[FlightHost]:
    with Headwater() as headwater:
        headwater.add_data_source(name="metrics", type="prometheus", url=prometheus.url)
        headwater.add_data_source(name="gone", type="mysql", url=f"127.0.0.1:{free_port()}")
        headwater.add_plugin("page", PageSource())
        headwater.add_data_source(name="page", type="page")
        with serve_flight(headwater) as host:
            yield host


def test_metrics_stand_where_others_have_tables_and_labels_where_they_have_columns(host: FlightHost) -> None:
    with host.connect("metrics") as connection:
        tables = connection.adbc_get_objects(
            depth="tables", catalog_filter="metrics", table_types_filter=["METRIC"]
        ).read_all()
        schema = connection.adbc_get_table_schema("requests", catalog_filter="metrics")

    (catalog,) = tables.to_pylist()
    metrics = [each["table_name"] for each in catalog["catalog_db_schemas"][0]["db_schema_tables"]]
    assert "requests" in metrics
    assert {"job", "zone"} <= set(schema.names)


def test_series_are_rows_with_their_labels_as_columns(host: FlightHost) -> None:
    hour = {"x_headwater_from": str(START * 1000), "x_headwater_to": str((START + 3600) * 1000)}

    rows = read(host, '{"expr": "requests", "range": true}', x_headwater_catalog="metrics", **hour)

    assert {"job", "zone"} <= set(rows.schema.names)
    assert sorted(set(rows["job"].to_pylist())) == ["j0", "j1", "j2"]


@pytest.mark.parametrize("ill", ["gone", "page"])
def test_a_data_source_that_is_down_hides_no_other(host: FlightHost, ill: str) -> None:
    with host.connect("metrics") as connection:
        catalogs = connection.adbc_get_objects(depth="tables").read_all().to_pylist()

    found = {each["catalog_name"]: each["catalog_db_schemas"] for each in catalogs}
    assert found["metrics"]
    assert not found[ill]


class PageSource:
    """A data source whose lists of tables a proxy answers."""

    @hookimpl
    def describe_plugin(self) -> PluginInfo:
        return PluginInfo("page")

    @hookimpl
    def call_resource(self) -> Iterator[CallResourceResponse]:
        yield CallResourceResponse(body=b"<html>Please log in</html>")
