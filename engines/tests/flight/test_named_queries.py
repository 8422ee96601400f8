"""A caller who may run a named query runs it, by any client of Flight SQL, and gets at nothing else."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import flight

from headwater import Headwater
from headwater.queries.named import named_query_from
from headwater_engines.flight.messages import message, pack, unpack
from servers.http_host import eventually
from servers.mariadb import start_mariadb

from .conftest import FlightHost, read, serve_flight, statement

REVENUE = {
    "id": "revenue",
    "datasource": "shop-db",
    "query": {"rawSql": "SELECT id, total FROM secret_orders WHERE region = :region AND total >= :least"},
    "parameters": [
        {"name": "region", "type": "choice", "choicesFrom": "regions"},
        {"name": "least", "type": "number", "default": 0, "minimum": 0},
    ],
    "limits": {"maxRows": 3},
}
REGIONS = {
    "id": "regions",
    "datasource": "shop-db",
    "query": {"rawSql": "SELECT DISTINCT region FROM secret_orders ORDER BY region"},
}
SINCE = {
    "id": "since",
    "datasource": "shop-db",
    "query": {"rawSql": "SELECT :start AS start, :pause AS pause, :whole AS whole, :words AS words"},
    "parameters": [
        {"name": "start", "type": "time", "default": "now-1d"},
        {"name": "pause", "type": "duration", "default": "5m"},
        {"name": "whole", "type": "integer", "default": 1},
        {"name": "words", "type": "text", "default": "none"},
    ],
}
BROKEN = {"id": "broken", "datasource": "shop-db", "query": {"rawSql": "SELECT secret FROM secret_nowhere"}}


@pytest.fixture(scope="module")
def host() -> Iterator[FlightHost]:
    with start_mariadb() as server, Headwater() as headwater:
        server.execute(
            "CREATE TABLE secret_orders (id INT PRIMARY KEY, region VARCHAR(10), total DECIMAL(10,2))",
            "INSERT INTO secret_orders SELECT seq, IF(seq % 2, 'north', 'south'), seq / 4 FROM seq_1_to_100",
        )
        headwater.add_data_source(
            name="shop",
            type="mysql",
            uid="shop-db",
            url=server.address,
            user=server.user,
            database=server.database,
            secure_json_data={"password": server.password},
        )
        for each in (REVENUE, REGIONS, SINCE, BROKEN):
            headwater.named_queries.add(named_query_from(each))
        with serve_flight(headwater) as host:
            yield host


@pytest.fixture(scope="module")
def runner(host: FlightHost) -> str:
    """A token that may run `revenue`, and nothing else."""
    return host.http.token("runner", "queries:run:revenue")


def run(**parameters: Any) -> str:
    return json.dumps({"namedQuery": "revenue", "parameters": parameters})


def request(uid: str, **query: Any) -> str:
    """As `POST /api/ds/query` takes it."""
    queries = [{"refId": "A", "datasource": {"uid": uid}, **query}]
    return json.dumps({"queries": queries, "from": "now-1h", "to": "now"})


def ids(rows: pa.Table) -> list[int]:
    found: list[int] = rows["id"].to_pylist()
    return found


def plan(host: FlightHost, text: str, options: flight.FlightCallOptions) -> None:
    with host.client() as client:
        client.get_flight_info(statement(text), options)


def ask_schema(host: FlightHost, text: str, options: flight.FlightCallOptions) -> None:
    with host.client() as client:
        client.get_schema(statement(text), options)


def prepare(host: FlightHost, text: str, options: flight.FlightCallOptions) -> None:
    request = pack(message("ActionCreatePreparedStatementRequest", query=text))
    with host.client() as client:
        (answer,) = client.do_action(flight.Action("CreatePreparedStatement", request), options)
        handle = unpack(answer.body.to_pybytes())[1].prepared_statement_handle
        command = message("CommandPreparedStatementQuery", prepared_statement_handle=handle)
        client.get_flight_info(flight.FlightDescriptor.for_command(pack(command)), options)


WAYS = {"plan": plan, "schema": ask_schema, "prepare": prepare}


def test_a_statement_names_the_query_and_gives_its_values(host: FlightHost, runner: str) -> None:
    with host.connect("", runner) as connection, connection.cursor() as cursor:
        cursor.execute(run(region="south", least=24))
        assert ids(cursor.fetch_arrow_table()) == [96, 98, 100]


def test_its_rows_are_those_of_the_http_api(host: FlightHost, runner: str) -> None:
    with host.http.client(runner) as client:
        answer = client.post("/api/queries/revenue/run", json={"parameters": {"region": "north"}}).json()

    values = answer["results"]["A"]["frames"][0]["data"]["values"]
    rows = read(host, run(region="north"), runner)
    assert [ids(rows), [float(each) for each in rows["total"].to_pylist()]] == values
    assert ids(rows) == [1, 3, 5]  # as many as its limits allow


@pytest.mark.parametrize(
    "parameters",
    [
        ("south", Decimal("24.5")),
        pa.record_batch({"least": [24.5], "region": ["south"]}),
    ],
    ids=["by place", "by name"],
)
def test_clients_bind_its_parameters(host: FlightHost, runner: str, parameters: Any) -> None:
    with host.connect("", runner) as connection, connection.cursor() as cursor:
        cursor.execute('{"namedQuery": "revenue"}', parameters)
        assert ids(cursor.fetch_arrow_table()) == [98, 100]


def test_values_that_are_bound_go_before_those_of_the_text(host: FlightHost, runner: str) -> None:
    with host.connect("", runner) as connection, connection.cursor() as cursor:
        cursor.execute(run(region="north", least=24.5), ("south",))
        assert ids(cursor.fetch_arrow_table()) == [98, 100]


def test_a_prepared_statement_tells_its_parameters(host: FlightHost, runner: str) -> None:
    with host.connect("", runner) as connection, connection.cursor() as cursor:
        assert cursor.adbc_prepare('{"namedQuery": "revenue"}') == pa.schema(
            [pa.field("region", pa.string(), nullable=False), pa.field("least", pa.float64())]
        )


def test_values_of_all_types_reach_the_data_source(host: FlightHost) -> None:
    values = (dt.datetime(2026, 1, 9, 12, tzinfo=dt.UTC), dt.timedelta(minutes=2), 2**62, "' OR 1=1 -- ")
    with host.connect() as connection, connection.cursor() as cursor:
        cursor.execute('{"namedQuery": "since"}', values)
        (row,) = cursor.fetch_arrow_table().to_pylist()

    assert str(row["start"]).startswith("2026-01-09 12:00:00")
    assert (row["pause"], row["whole"], row["words"]) == (120, 2**62, "' OR 1=1 -- ")


def test_a_ticket_read_twice_asks_for_the_same(host: FlightHost) -> None:
    """Defaults such as "now-1d" are moments in it."""
    options = host.call_options()
    with host.client() as client:
        ticket = client.get_flight_info(statement('{"namedQuery": "since"}'), options).endpoints[0].ticket
        first, second = (client.do_get(ticket, options).read_all() for _ in range(2))

    assert first.equals(second)


def test_its_limits_are_of_all_rows_also_when_partitions_are_asked_for(host: FlightHost, runner: str) -> None:
    options = host.call_options(runner, x_headwater_partitions="4")
    with host.client() as client:
        (endpoint,) = client.get_flight_info(statement(run(region="south")), options).endpoints
        assert ids(client.do_get(endpoint.ticket, options).read_all()) == [2, 4, 6]


def test_tools_find_the_named_queries_that_the_caller_may_run(host: FlightHost, runner: str) -> None:
    with host.connect("", runner) as connection:
        (found,) = connection.adbc_get_objects(depth="tables").read_all().to_pylist()

    assert found["catalog_name"] == "named queries"
    (schema,) = found["catalog_db_schemas"]
    assert [(each["table_name"], each["table_type"]) for each in schema["db_schema_tables"]] == [
        ("revenue", "NAMED QUERY")
    ]


@pytest.mark.parametrize(
    ("text", "catalog"),
    [
        ("SELECT * FROM secret_orders", ""),
        ("SELECT * FROM secret_orders", "shop"),
        ("SELECT * FROM secret_orders", "shop-db"),
        ("revenue", "named queries"),
        ('{"rawSql": "SELECT 1"}', "shop-db"),
        ('{"namedQuery": "regions"}', ""),
        ('{"namedQuery": "absent"}', ""),
        ('{"namedQuery": "revenue:x"}', ""),
        ('{"namedQuery": ""}', ""),
        ('{"namedQuery": {"id": "revenue"}}', ""),
        ('{"namedQuery": "revenue", "parameters": "region"}', ""),
        ('{"namedQuery": "revenue", "parameters": {"region": "south"}, "query": {"rawSql": "SELECT 1"}}', ""),
        ('{"namedQuery": "revenue", "parameters": {"region": "south"}, "datasource": {"uid": "x"}}', ""),
        ('{"namedQuery": "revenue", "parameters": {"region": "south\' OR 1=1 -- "}}', ""),
        ('{"namedQuery": "revenue", "parameters": {"region": "south", "params": {}}}', ""),
        (request("shop-db", rawSql="SELECT 1"), ""),
        (request("__expr__", type="math", expression="1"), ""),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_who_may_run_one_query_gets_at_nothing_else(
    host: FlightHost, runner: str, text: str, catalog: str, way: str
) -> None:
    with pytest.raises((flight.FlightError, pa.ArrowException)) as raised:
        WAYS[way](host, text, host.call_options(runner, x_headwater_catalog=catalog))

    assert "secret" not in str(raised.value)
    assert "shop" in catalog + text or "shop" not in str(raised.value)
    assert ".py" not in str(raised.value).replace("_flight.pyx", "")


def test_a_path_of_data_source_and_query_is_closed_to_a_runner(host: FlightHost, runner: str) -> None:
    with host.client() as client, pytest.raises(flight.FlightServerError, match="may query"):
        client.get_flight_info(
            flight.FlightDescriptor.for_path("shop-db", "SELECT 1"), host.call_options(runner)
        )


def test_a_runner_sees_no_catalog_of_a_data_source(host: FlightHost, runner: str) -> None:
    command = flight.FlightDescriptor.for_command(pack(message("CommandGetTables", catalog="shop")))
    options = host.call_options(runner)
    with host.client() as client:
        info = client.get_flight_info(command, options)
        with pytest.raises(
            flight.FlightServerError, match="no data source 'shop' that this caller may query"
        ):
            client.do_get(info.endpoints[0].ticket, options).read_all()


def test_a_failure_says_whose_fault_it_is_and_not_what_was_asked(host: FlightHost) -> None:
    token = host.http.token("unlucky", "queries:run")

    with pytest.raises(flight.FlightError, match="'broken' failed") as raised:
        read(host, '{"namedQuery": "broken"}', token)

    assert "secret" not in str(raised.value)
    assert "secret" not in str(raised.value.extra_info)


def test_the_answer_holds_no_text_of_the_query(host: FlightHost, runner: str) -> None:
    options = host.call_options(runner)
    with host.client() as client:
        info = client.get_flight_info(statement(run(region="south")), options)
        rows = client.do_get(info.endpoints[0].ticket, options).read_all()

    assert b"secret" not in info.serialize()
    assert b"secret" not in rows.schema.serialize().to_pybytes()


def test_a_ticket_ends_with_the_right_to_run_and_with_the_version(host: FlightHost) -> None:
    token = host.http.token("late", "queries:run:since")
    options = host.call_options(token)
    with host.client() as client:
        ticket = client.get_flight_info(statement('{"namedQuery": "since"}'), options).endpoints[0].ticket
        changed = host.headwater.named_queries.update(named_query_from({**SINCE, "title": "Since when"}))

        with pytest.raises(flight.FlightServerError, match=rf"changed .* \(version {changed.version}, then"):
            client.do_get(ticket, options).read_all()


def test_the_audit_log_has_who_ran_which(host: FlightHost) -> None:
    token = host.http.token("audited", "queries:run:revenue")
    assert read(host, run(region="south"), token).num_rows == 3

    assert eventually(lambda: any(each.who == "token:audited" for each in host.audit.records))
    (event,) = [each for each in host.audit.records if each.who == "token:audited"]
    assert (event.action, event.data_source, event.rows) == ("queries:run:revenue", "shop-db", 3)
    assert event.query_hash
