"""A host that is killed under load: clients ask again, and nothing that was acknowledged is lost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator

import httpx2
import pyarrow as pa
import pytest
from pyarrow import flight

from servers.postgresql import start_postgresql

from .deployment import QUERY, Deployment, deploy, statement

_ROWS, _PARTS = 200_000, 16


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with (
        start_postgresql() as postgresql,
        deploy(tmp_path_factory.mktemp("killed"), postgresql, "killed", mute=False) as deployment,
    ):
        source = {"name": "shared", "uid": "shared", "type": "testdata"}
        assert deployment.ask(0, "POST", "/api/datasources", json=source).status_code == 200
        yield deployment


def test_clients_ask_again_and_what_was_acknowledged_is_kept(deployment: Deployment) -> None:
    stop = threading.Event()
    added: list[str] = []
    answered: list[int] = []
    failures: list[str] = []

    def add(number: int) -> None:
        uid = f"source-{threading.get_ident()}-{number}"
        answer = _ask_again(deployment, "/api/datasources", {"name": uid, "uid": uid, "type": "testdata"})
        if answer.status_code in (200, 409):  # 409: an earlier try was done, and its answer lost
            added.append(uid)
        else:
            failures.append(answer.text)

    def read(_number: int) -> None:
        query = {"refId": "A", "datasource": {"uid": "shared"}, **QUERY}
        answer = _ask_again(deployment, "/api/ds/query", {"queries": [query], "from": "now-1h", "to": "now"})
        values = answer.json().get("results", {}).get("A", {}).get("frames", [{}])[0]
        if answer.status_code != 200 or len(values["data"]["values"][0]) != 3:
            failures.append(answer.text)
        answered.append(answer.status_code)

    load = [threading.Thread(target=_until, args=(stop, each)) for each in (add, add, read, read)]
    for each in load:
        each.start()
    time.sleep(1.5)
    deployment.hosts[1].process.send_signal(signal.SIGKILL)
    before = len(answered), len(added)
    time.sleep(1.5)
    stop.set()
    for each in load:
        each.join()

    listed = {each["uid"] for each in deployment.ask(0, "GET", "/api/datasources").json()}
    assert failures == []
    assert set(added) <= listed
    assert len(answered) > before[0] > 0
    assert len(added) > before[1] > 0


def test_parts_that_a_killed_host_was_reading_are_read_from_another(deployment: Deployment) -> None:
    options = deployment.flight_options("shared", x_headwater_partitions=str(_PARTS))
    text = f'{{"scenario": "streaming_rows", "rows": {_ROWS}}}'
    doomed = len(deployment.hosts)
    host = deployment.start_host()
    with deployment.flight_client(0) as planner:
        info = planner.get_flight_info(statement(text), options)
    killed = threading.Timer(0.05, host.process.send_signal, [signal.SIGKILL])

    def read(ticket: flight.Ticket) -> pa.Table:
        for number in (doomed, 0):
            try:
                with deployment.flight_client(number) as reader:
                    return reader.do_get(ticket, options).read_all()
            except (flight.FlightUnavailableError, flight.FlightInternalError):
                continue
        raise AssertionError("no host reads the ticket")

    killed.start()
    rows = pa.concat_tables([read(endpoint.ticket) for endpoint in info.endpoints])
    killed.join()

    assert rows["id"].to_pylist() == list(range(_ROWS))


def _ask_again(deployment: Deployment, path: str, body: object) -> httpx2.Response:
    """As a client does that takes a lost connection and a 5xx of the proxy for reasons to try again."""
    headers = {"Authorization": f"Bearer {deployment.admin}"}
    for attempt in range(50):
        try:
            answer = httpx2.post(
                deployment.url + path, json=body, headers=headers, timeout=30, trust_env=False
            )
        except httpx2.TransportError:
            time.sleep(0.02 * attempt)
            continue
        if answer.status_code not in (502, 503, 504):
            return answer
        time.sleep(0.02 * attempt)
    return answer


def _until(stop: threading.Event, work: Callable[[int], None]) -> None:
    number = 0
    while not stop.is_set():
        work(number)
        number += 1
