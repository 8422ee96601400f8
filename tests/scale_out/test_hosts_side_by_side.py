"""What one host of a deployment changes, the others follow, with and without PostgreSQL's notifications."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest
from pyarrow import flight

from servers.http_host import eventually
from servers.postgresql import PostgresServer, start_postgresql

from .deployment import QUERY, Deployment, deploy, statement

SOURCE = {"name": "shared", "uid": "shared", "type": "testdata"}


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresServer]:
    with start_postgresql() as server:
        yield server


@pytest.fixture(scope="module", params=["notifications", "polling"])
def deployment(
    request: pytest.FixtureRequest, postgresql: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    with deploy(
        tmp_path_factory.mktemp(request.param), postgresql, request.param, mute=request.param == "polling"
    ) as deployment:
        yield deployment


@pytest.fixture
def shared(deployment: Deployment) -> Iterator[str]:
    """A data source that both hosts have used, and so keep in their caches."""
    added = deployment.ask(
        0, "POST", "/api/datasources", json={**SOURCE, "secureJsonData": {"apiKey": "first"}}
    )
    assert added.status_code == 200, added.text
    assert eventually(lambda: all(deployment.query(host, "shared").status_code == 200 for host in (0, 1)))
    yield "shared"
    deployment.ask(0, "DELETE", "/api/datasources/uid/shared")


def test_a_changed_data_source_is_used_as_changed_by_every_host(deployment: Deployment, shared: str) -> None:
    assert "apiKey" in deployment.ask(1, "GET", f"/api/datasources/uid/{shared}/health").text

    changed = {**SOURCE, "jsonData": {"healthError": "changed elsewhere"}}
    assert deployment.ask(0, "PUT", f"/api/datasources/uid/{shared}", json=changed).status_code == 200

    def health() -> str:
        return deployment.ask(1, "GET", f"/api/datasources/uid/{shared}/health").text

    assert eventually(lambda: "changed elsewhere" in health())


def test_a_removed_data_source_is_gone_everywhere(deployment: Deployment, shared: str) -> None:
    deployment.ask(1, "DELETE", f"/api/datasources/uid/{shared}")

    assert eventually(lambda: deployment.query(0, shared).status_code == 404)


def test_a_revoked_token_ends_everywhere(deployment: Deployment, shared: str) -> None:
    token = deployment.command("token", "create", f"short-{shared}", "--role", "viewer")
    assert all(deployment.query(host, shared, token).status_code == 200 for host in (0, 1))

    deployment.command("token", "revoke", f"short-{shared}")

    for host in (0, 1):
        assert eventually(lambda host=host: deployment.query(host, shared, token).status_code == 401)


def test_a_named_query_is_run_as_it_was_last_saved_anywhere(deployment: Deployment, shared: str) -> None:
    query = {"id": "rows", "datasource": shared, "query": {"scenario": "streaming_rows", "rows": 2}}
    assert deployment.ask(0, "POST", "/api/queries", json=query).status_code == 201

    def rows(host: int) -> int:
        answer = deployment.ask(host, "POST", "/api/queries/rows/run", json={})
        (result,) = answer.json()["results"].values()
        return len(result["frames"][0]["data"]["values"][0])

    assert [rows(host) for host in (0, 1)] == [2, 2]
    changed = {**query, "query": {"scenario": "streaming_rows", "rows": 5}, "version": 1}
    assert deployment.ask(1, "PUT", "/api/queries/rows", json=changed).status_code == 200

    assert eventually(lambda: [rows(host) for host in (0, 1)] == [5, 5])
    deployment.ask(0, "DELETE", "/api/queries/rows")
    gone = partial(deployment.ask, 1, "POST", "/api/queries/rows/run", json={})
    assert eventually(lambda: gone().status_code == 404)


def test_keys_are_changed_while_every_host_answers(deployment: Deployment, shared: str) -> None:
    before = deployment.command("key", "list", "--json")
    new = deployment.command("key", "add")
    planned = _plan(deployment, 0, shared)
    for step in (("key", "activate", new), ("secrets", "rewrap"), ("secrets", "verify")):
        deployment.command(*step)
        assert [deployment.query(host, shared).status_code for host in (0, 1)] == [200, 200]
    deployment.command("key", "retire", _first_key(before))

    assert [deployment.query(host, shared).status_code for host in (0, 1)] == [200, 200]
    assert _read(deployment, 1, shared, planned) == 3  # a key that has gone opens for half a minute more
    changed = {**SOURCE, "secureJsonData": {"apiKey": "second"}}
    assert deployment.ask(1, "PUT", f"/api/datasources/uid/{shared}", json=changed).status_code == 200
    assert eventually(lambda: deployment.query(0, shared).status_code == 200)


def test_a_ticket_of_one_host_is_read_by_another(deployment: Deployment, shared: str) -> None:
    assert _read(deployment, 1, shared, _plan(deployment, 0, shared)) == 3


def test_parts_of_one_query_are_read_by_both_hosts(deployment: Deployment, shared: str) -> None:
    options = deployment.flight_options(shared, x_headwater_partitions="4")
    with deployment.flight_client(0) as planner:
        info = planner.get_flight_info(statement('{"scenario": "streaming_rows", "rows": 1000}'), options)

    rows = 0
    for number, endpoint in enumerate(info.endpoints):
        with deployment.flight_client(number % 2) as reader:
            rows += reader.do_get(endpoint.ticket, options).read_all().num_rows

    assert (len(info.endpoints), rows) == (4, 1000)


def test_a_ticket_is_refused_where_the_data_source_has_changed_meanwhile(
    deployment: Deployment, shared: str
) -> None:
    ticket = _plan(deployment, 0, shared)
    changed = {**SOURCE, "jsonData": {"seed": 7}}
    deployment.ask(0, "PUT", f"/api/datasources/uid/{shared}", json=changed)

    def refused() -> bool:
        try:
            _read(deployment, 1, shared, ticket)
        except flight.FlightServerError as error:
            return "has been changed since" in str(error)
        return False

    assert eventually(refused)


def _plan(deployment: Deployment, host: int, uid: str) -> flight.Ticket:
    with deployment.flight_client(host) as client:
        return (
            client.get_flight_info(statement(json.dumps(QUERY)), deployment.flight_options(uid))
            .endpoints[0]
            .ticket
        )


def _read(deployment: Deployment, host: int, uid: str, ticket: flight.Ticket) -> int:
    with deployment.flight_client(host) as client:
        rows: int = client.do_get(ticket, deployment.flight_options(uid)).read_all().num_rows
        return rows


def _first_key(listed: str) -> str:
    active = [each["key"] for each in json.loads(listed) if each["state"] == "active"]
    return str(active[0])
