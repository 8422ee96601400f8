"""From a statement's text to a query: what is taken, what is refused and how it is said."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import adbc_driver_manager
import pyarrow as pa
import pytest
from adbc_driver_flightsql import DatabaseOptions
from pyarrow import flight

from headwater_engines.flight.messages import message, pack, unpack
from headwater_server.flight import FlightCall
from servers.http_host import eventually

from .conftest import FlightHost, read, statement


def test_text_is_the_query_in_the_data_sources_language(host: FlightHost) -> None:
    assert read(host, "random_walk").schema.names == ["time", "value", "series"]


def test_an_object_is_a_query_object(host: FlightHost) -> None:
    assert read(host, '{"scenario": "streaming_rows", "rows": 7}').num_rows == 7


def test_a_request_of_the_http_api_names_everything_itself(host: FlightHost) -> None:
    request = {
        "queries": [{"refId": "A", "datasource": {"uid": "other"}, "scenario": "streaming_rows", "rows": 5}],
        "from": "now-5m",
        "to": "now",
    }

    assert read(host, json.dumps(request), x_headwater_catalog="demo").num_rows == 5


def test_the_time_range_comes_from_the_connection(host: FlightHost) -> None:
    rows = read(host, "random_walk", x_headwater_from="1000000000000", x_headwater_to="1000003600000")

    assert rows["time"][0].as_py().year == 2001


def test_a_path_of_data_source_and_query_needs_no_sql(host: FlightHost) -> None:
    with host.client() as client:
        options = host.call_options()
        info = client.get_flight_info(flight.FlightDescriptor.for_path("demo", "random_walk"), options)
        assert client.do_get(info.endpoints[0].ticket, options).read_all().num_rows > 0


def test_the_schema_can_be_had_before_the_rows(host: FlightHost) -> None:
    with host.client() as client:
        schema = client.get_schema(
            statement("random_walk"), host.call_options(x_headwater_catalog="demo")
        ).schema

    assert schema.names == ["time", "value", "series"]


def test_a_ticket_read_twice_brings_the_same_rows(host: FlightHost) -> None:
    options = host.call_options(x_headwater_catalog="demo")
    with host.client() as client:
        ticket = client.get_flight_info(statement("random_walk"), options).endpoints[0].ticket

        first, second = (client.do_get(ticket, options).read_all() for _ in range(2))

    assert first.equals(second)


def test_a_prepared_statement_asks_for_the_range_of_each_run(host: FlightHost) -> None:
    last_hour = {f"{DatabaseOptions.RPC_CALL_HEADER_PREFIX.value}x-headwater-from": "now-1h"}
    with host.connect(**last_hour) as connection, connection.cursor() as cursor:
        cursor.adbc_prepare("request")

        def asked() -> object:
            cursor.execute("request")
            return cursor.fetch_arrow_table()["from"][0].as_py()

        first = asked()
        assert eventually(lambda: asked() != first, within=5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"scenario": "streaming_rows", "rows": "many"}', "rows"),
        ('{"queries": [], "from": "now-1h", "to": "now"}', "No queries found"),
        ('{"queries": [{"scenario": "csv"}], "from": "now-1h", "to": "now"}', "missing datasource"),
    ],
)
def test_a_query_that_cannot_be_taken_is_named(host: FlightHost, text: str, said: str) -> None:
    with pytest.raises(flight.FlightServerError, match=said):
        read(host, text)


def test_an_error_is_told_though_its_text_is_long(host: FlightHost) -> None:
    with pytest.raises(flight.FlightServerError, match="There is no scenario 'xxx"):
        read(host, "x" * 50_000)


def test_braces_without_end_are_text_like_any_other(host: FlightHost) -> None:
    with pytest.raises(flight.FlightServerError, match="There is no scenario"):
        read(host, '{"a":' + "[" * 1_500)


def test_a_range_that_is_none_is_refused(host: FlightHost) -> None:
    with pytest.raises(flight.FlightServerError, match="yesterday"):
        read(host, "random_walk", x_headwater_from="yesterday")


def test_several_data_sources_and_no_choice_among_them_is_refused(host: FlightHost) -> None:
    token = host.http.token("both", "datasources:query:other", "datasources:query:third")
    host.headwater.add_data_source(name="third", type="testdata", uid="third")
    try:
        with pytest.raises(flight.FlightServerError, match="No data source is chosen"):
            read(host, "random_walk", token, x_headwater_catalog="")
    finally:
        host.headwater.remove_data_source("third")


def test_a_data_source_that_has_changed_since_planning_is_refused_by_name(host: FlightHost) -> None:
    options = host.call_options(x_headwater_catalog="demo")
    with host.client() as client:
        ticket = client.get_flight_info(statement("random_walk"), options).endpoints[0].ticket
        host.headwater.update_data_source("demo", json_data={"seed": 5})

        with pytest.raises(flight.FlightServerError, match=r"'demo' .* has been changed since"):
            client.do_get(ticket, options).read_all()


def test_bytes_that_are_no_command_and_no_ticket_are_refused(host: FlightHost) -> None:
    options = host.call_options()
    forged = pack(message("TicketStatementQuery", statement_handle=b"hwt1" + bytes(100)))
    with host.client() as client:
        with pytest.raises(flight.FlightServerError, match="no command of Flight SQL"):
            client.get_flight_info(flight.FlightDescriptor.for_command(b"\xff\xfe"), options)
        with pytest.raises(flight.FlightServerError, match="no command of Flight SQL"):
            client.do_get(flight.Ticket(b"junk"), options).read_all()
        with pytest.raises(flight.FlightServerError, match="no ticket of this deployment"):
            client.do_get(flight.Ticket(forged), options).read_all()
        with pytest.raises(flight.FlightServerError, match="no action 'Explode'"):
            list(client.do_action(flight.Action("Explode", b""), options))


def test_a_client_that_leaves_ends_the_query(host: FlightHost) -> None:
    options = host.call_options(x_headwater_catalog="demo")
    with host.client() as client:
        info = client.get_flight_info(statement('{"scenario": "slow", "delay_ms": 60000}'), options)
        impatient = flight.FlightCallOptions(headers=options.headers, timeout=0.5)

        with pytest.raises(flight.FlightTimedOutError):
            client.do_get(info.endpoints[0].ticket, impatient).read_all()

        assert eventually(lambda: not host.http.app.host.running, within=5)


def test_cancelling_the_flight_info_ends_the_query(host: FlightHost) -> None:
    options = host.call_options(x_headwater_catalog="demo")
    with host.client() as client:
        info = client.get_flight_info(statement('{"scenario": "endless", "delay_ms": 10}'), options)
        reading = client.do_get(info.endpoints[0].ticket, options)
        reading.read_chunk()
        request = message("CancelFlightInfoRequest", info=info.serialize()).SerializeToString()

        (result,) = client.do_action(flight.Action("CancelFlightInfo", request), options)

        assert result.body.to_pybytes() == message("CancelFlightInfoResult", status=1).SerializeToString()
        with pytest.raises(flight.FlightCancelledError):  # of which `read_all` makes a KeyboardInterrupt
            deque(iter(reading.read_chunk, None), maxlen=0)


def test_an_endpoint_is_renewed(host: FlightHost) -> None:
    options = host.call_options(x_headwater_catalog="demo", x_headwater_partitions="2")
    with host.client() as client:
        info = client.get_flight_info(statement('{"scenario": "streaming_rows", "rows": 1000}'), options)
        renewed = [_renewed(client, each, options) for each in info.endpoints]
        rows = [client.do_get(each.ticket, options).read_all().num_rows for each in renewed]

    for old, new in zip(info.endpoints, renewed, strict=True):
        assert new.expiration_time.value > old.expiration_time.value
        assert new.ticket != old.ticket
    assert sum(rows) == 1000


def test_nobody_renews_the_ticket_of_another(host: FlightHost) -> None:
    mine, theirs = (host.http.token(f"renewing {name}", "datasources:query") for name in "ab")
    with host.client() as client:
        options = host.call_options(mine, x_headwater_catalog="demo")
        (endpoint,) = client.get_flight_info(statement("random_walk"), options).endpoints

        with pytest.raises(flight.FlightServerError, match="made for another caller"):
            _renewed(client, endpoint, host.call_options(theirs))


def _renewed(
    client: flight.FlightClient, endpoint: flight.FlightEndpoint, options: flight.FlightCallOptions
) -> flight.FlightEndpoint:
    request = message("RenewFlightEndpointRequest", endpoint=endpoint.serialize()).SerializeToString()
    (result,) = client.do_action(flight.Action("RenewFlightEndpoint", request), options)
    return flight.FlightEndpoint.deserialize(result.body.to_pybytes())


def test_a_query_is_divided_when_the_connection_asks_for_it(host: FlightHost) -> None:
    fixed = {"x_headwater_from": "1000000000000", "x_headwater_to": "1000003600000"}
    options = host.call_options(x_headwater_catalog="demo", x_headwater_partitions="4", **fixed)
    text = '{"scenario": "streaming_rows", "rows": 1000}'
    with host.client() as client:
        info = client.get_flight_info(statement(text), options)
        parts = [client.do_get(each.ticket, options).read_all() for each in info.endpoints]

    whole = read(host, text, **fixed)
    assert len(parts) == 4
    assert info.total_records == 1000
    assert pa.concat_tables(parts).sort_by("time").equals(whole.sort_by("time"))


@pytest.mark.parametrize("number", ["lots", "0", "9" * 5_000])
def test_a_number_of_partitions_that_is_none_is_refused(host: FlightHost, number: str) -> None:
    with pytest.raises(flight.FlightServerError, match="x-headwater-partitions: expected 1 to 1000"):
        read(host, "random_walk", x_headwater_partitions=number)


def test_an_answer_of_several_frames_has_the_same_rows_where_parts_are_asked_for(host: FlightHost) -> None:
    fixed = {"x_headwater_from": "1000000000000", "x_headwater_to": "1000003600000"}
    text = '{"scenario": "random_walk", "seriesCount": 3, "seed": 7}'
    options = host.call_options(x_headwater_catalog="demo", x_headwater_partitions="4", **fixed)
    with host.client() as client:
        info = client.get_flight_info(statement(text), options)

    assert read(host, text, x_headwater_partitions="4", **fixed).equals(read(host, text, **fixed))
    assert json.loads(info.app_metadata)["consistency"] == "statement"


def test_a_prepared_statement_is_planned_only_for_who_may_still_query(
    host: FlightHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = host.call_options(x_headwater_catalog="demo", x_headwater_partitions="2")
    with host.client() as client:
        result = _prepared(client, '{"scenario": "streaming_rows", "rows": 10}', options)
        command = message(
            "CommandPreparedStatementQuery", prepared_statement_handle=result.prepared_statement_handle
        )
        descriptor = flight.FlightDescriptor.for_command(pack(command))
        assert len(client.get_flight_info(descriptor, options).endpoints) == 2
        # A role has been taken away since.
        monkeypatch.setattr(FlightCall, "may_query", lambda _call, uid: uid != "demo")
        for plan in (client.get_flight_info, client.get_schema):
            with pytest.raises(
                (flight.FlightError, pa.ArrowException),
                match="no data source 'demo' that this caller may query",
            ):
                plan(descriptor, options)


def test_a_prepared_statement_tells_its_columns_where_the_connection_asks_for_them(host: FlightHost) -> None:
    text = '{"scenario": "streaming_rows", "rows": 10}'
    expected = read(host, text).schema.remove_metadata()
    header = f"{DatabaseOptions.RPC_CALL_HEADER_PREFIX.value}x-headwater-prepared-schema"
    with host.connect(**{header: "true"}) as connection, connection.cursor() as cursor:
        assert cursor.adbc_execute_schema(text).remove_metadata().equals(expected)
        with pytest.raises(adbc_driver_manager.Error, match="There is no scenario"):
            cursor.adbc_prepare("nonsense")
    with (
        host.connect(**{header: "perhaps"}) as connection,
        connection.cursor() as cursor,
        pytest.raises(adbc_driver_manager.Error, match="prepared-schema: expected true or false"),
    ):
        cursor.adbc_prepare(text)


@pytest.mark.parametrize("agent", ["", "grpc-java-netty/1.70.0"])
def test_a_client_in_java_takes_no_prepared_query_for_an_update(host: FlightHost, agent: str) -> None:
    options = host.call_options(x_headwater_catalog="demo")
    with flight.connect(host.url, generic_options=[("grpc.primary_user_agent", agent)]) as client:
        result = _prepared(client, '{"scenario": "streaming_rows", "rows": 10}', options)

    assert result.HasField("is_update")
    assert not result.is_update
    assert bool(result.dataset_schema) is bool(agent)


def _prepared(client: flight.FlightClient, text: str, options: flight.FlightCallOptions) -> Any:
    body = pack(message("ActionCreatePreparedStatementRequest", query=text))
    (result,) = client.do_action(flight.Action("CreatePreparedStatement", body), options)
    return unpack(result.body.to_pybytes())[1]
