"""Callers, scopes, limits and the audit log are those of the HTTP API."""

from __future__ import annotations

import json

import pytest
from pyarrow import flight

from headwater import Headwater
from headwater_engines.flight.messages import message, pack
from headwater_server.auth import CallerLimits
from headwater_server.flight import address_of
from servers.http_host import eventually

from .conftest import ADMIN_PASSWORD, FlightHost, read, serve_flight, statement

CATALOGS = flight.FlightDescriptor.for_command(pack(message("CommandGetCatalogs")))


def catalogs(host: FlightHost, options: flight.FlightCallOptions) -> list[str]:
    with host.client() as client:
        info = client.get_flight_info(CATALOGS, options)
        names: list[str] = client.do_get(info.endpoints[0].ticket, options).read_all()[0].to_pylist()
        return names


def test_nobody_gets_nothing(host: FlightHost) -> None:
    with host.client() as client:
        for call in (
            lambda: client.get_flight_info(CATALOGS),
            lambda: list(client.do_action(flight.Action("CreatePreparedStatement", b""))),
            lambda: client.do_get(flight.Ticket(CATALOGS.command)).read_all(),
            client.list_actions,
        ):
            with pytest.raises(flight.FlightUnauthenticatedError, match="Unauthorized"):
                call()


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:55555", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:55555", "2001:db8::1"),
        ("ipv6:[::1]:55555", "::1"),
    ],
)
def test_the_address_of_a_caller_is_that_of_its_connection(peer: str, address: str) -> None:
    assert address_of(peer) == address


def test_a_token_that_was_never_made_is_refused(host: FlightHost) -> None:
    with pytest.raises(flight.FlightUnauthenticatedError):
        read(host, "random_walk", "hwsa_not-a-token")


def test_a_token_sees_and_queries_the_data_sources_of_its_scopes(host: FlightHost) -> None:
    token = host.http.token("only other", "datasources:query:other")

    assert catalogs(host, host.call_options(token)) == ["other"]
    assert read(host, "random_walk", token, x_headwater_catalog="other").num_rows > 0
    with pytest.raises(flight.FlightServerError, match="no data source 'demo' that this caller may query"):
        read(host, "random_walk", token, x_headwater_catalog="demo")


def test_a_token_without_queries_is_refused(host: FlightHost) -> None:
    token = host.http.token("reads settings", "datasources:read")

    with pytest.raises(flight.FlightUnauthorizedError, match="needs datasources:query"):
        catalogs(host, host.call_options(token))


def test_a_revoked_token_ends_also_between_planning_and_reading(host: FlightHost) -> None:
    token = host.http.token("short", "datasources:query")
    options = host.call_options(token, x_headwater_catalog="demo")
    with host.client() as client:
        info = client.get_flight_info(statement("random_walk"), options)
        authenticator = host.http.app.host.authenticator
        authenticator.tokens.revoke("short")
        authenticator.forget()

        with pytest.raises(flight.FlightUnauthenticatedError):
            client.do_get(info.endpoints[0].ticket, options).read_all()


def test_a_ticket_is_good_for_its_caller_only(host: FlightHost) -> None:
    mine, theirs = (host.http.token(name, "datasources:query") for name in ("mine", "theirs"))
    with host.client() as client:
        options = host.call_options(mine, x_headwater_catalog="demo")
        info = client.get_flight_info(statement("random_walk"), options)

        with pytest.raises(flight.FlightServerError, match="made for another caller"):
            client.do_get(info.endpoints[0].ticket, host.call_options(theirs)).read_all()


def test_a_name_and_a_password_are_exchanged_for_a_token_by_a_handshake(host: FlightHost) -> None:
    for name, password in (("admin", ADMIN_PASSWORD), ("api_key", host.http.admin)):
        with host.client() as client:
            pair = client.authenticate_basic_token(name, password)

            assert catalogs(host, flight.FlightCallOptions(headers=[pair])) == ["demo", "other"]
            assert password.encode() not in pair[1]


def test_a_wrong_password_is_refused_and_tries_are_bounded() -> None:
    with (
        Headwater() as headwater,
        serve_flight(headwater, CallerLimits(failures_per_minute=3)) as host,
        host.client() as client,
    ):
        for _ in range(3):
            with pytest.raises(flight.FlightUnauthenticatedError):
                client.authenticate_basic_token("admin", "guess")
        with pytest.raises(flight.FlightUnavailableError, match="Too many failed logins"):
            client.authenticate_basic_token("admin", ADMIN_PASSWORD)


def test_a_caller_runs_no_more_calls_at_once_than_its_limit() -> None:
    with Headwater() as headwater, serve_flight(headwater, CallerLimits(concurrent_requests=1)) as host:
        headwater.add_data_source(name="demo", type="testdata")
        options = host.call_options(x_headwater_catalog="demo")
        with host.client() as client:
            info = client.get_flight_info(statement('{"scenario": "endless", "delay_ms": 10}'), options)
            reading = client.do_get(info.endpoints[0].ticket, options)
            reading.read_chunk()

            with pytest.raises(flight.FlightUnavailableError, match="already runs 1"):
                catalogs(host, options)

            reading.cancel()
            assert eventually(lambda: not host.http.app.host.running)
            assert catalogs(host, options) == ["demo"]


def test_the_audit_log_has_who_asked_what_and_how_much_came(host: FlightHost) -> None:
    token = host.http.token("audited", "datasources:query")
    rows = read(host, '{"scenario": "streaming_rows", "rows": 123}', token).num_rows

    assert eventually(lambda: any(each.who == "token:audited" for each in host.audit.records))
    (event,) = [each for each in host.audit.records if each.who == "token:audited"]
    assert (event.action, event.data_source, event.rows) == ("datasources:query", "demo", rows)
    assert (event.status, event.outcome, event.address) == (200, "ok", "127.0.0.1")
    assert event.bytes > 0
    assert event.query_hash


def test_an_error_carries_its_id_status_and_source(host: FlightHost) -> None:
    with pytest.raises(flight.FlightServerError) as raised:
        read(host, "nonsense")

    assert json.loads(raised.value.extra_info) == {
        "messageId": "query.invalid",
        "status": 400,
        "source": "caller",
    }
