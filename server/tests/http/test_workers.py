"""`headwater serve --workers`: several processes on one address, none of whose ends loses a request."""

from __future__ import annotations

import os
import resource
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from servers.certificates import make_certificates
from servers.http_host import eventually
from servers.serve_process import COMMAND, ServeProcess, admin_token

QUERY: dict[str, Any] = {
    "from": "1700000000000",
    "to": "1700003600000",
    "queries": [{"refId": "A", "datasource": {"uid": "demo"}, "scenario": "random_walk"}],
}


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[ServeProcess]:
    yield from start(tmp_path / "data")


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """Workers that the tests leave going, and so can share."""
    yield from start(tmp_path_factory.mktemp("lasting") / "data")


def start(directory: Path) -> Iterator[ServeProcess]:
    process = ServeProcess(directory, "--workers", "2", "--drain-timeout", "5")
    try:
        process.wait_ready()
        added = process.call(
            "POST", "/api/datasources", json={"name": "Demo", "type": "testdata", "uid": "demo"}
        )
        assert added.status_code == 200, added.text
        assert eventually(lambda: len(children(process.process.pid)) == 2, 20)
        yield process
    finally:
        left = children(process.process.pid)
        process.process.kill()
        process.process.wait()
        for pid in left:
            assert eventually(lambda pid=pid: not alive(pid), 10), "a worker outlives its parent"


def children(pid: int) -> set[int]:
    """The worker processes of `pid`; not the helper that multiprocessing keeps for shared objects."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return set()
    return {int(child) for child in listed if b"spawn_main" in _command(int(child))}


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Callers:
    """Threads that ask one query after the other, on connections that stay open and on new ones."""

    def __init__(self, process: ServeProcess, count: int = 4) -> None:
        self._process = process
        self._token = admin_token(process)
        self._stop = threading.Event()
        self.answered = 0
        self.failures: list[str] = []
        self._threads = [
            threading.Thread(target=self._ask, args=(number % 2 == 0,)) for number in range(count)
        ]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, keep_open: bool) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        while not self._stop.is_set():
            with httpx2.Client(base_url=self._process.url, headers=headers, trust_env=False) as client:
                for _ in range(50 if keep_open else 1):
                    if self._stop.is_set():
                        return
                    try:
                        answer = client.post("/api/ds/query", json=QUERY, timeout=30)
                    except httpx2.TransportError as error:
                        self.failures.append(repr(error))
                        break
                    if answer.status_code != 200:
                        self.failures.append(answer.text)
                    self.answered += 1
                    self._stop.wait(0.01)


def test_workers_share_the_requests_and_their_metrics_are_joined(lasting: ServeProcess) -> None:
    before = queries_answered(lasting)
    worked = {pid: ticks(pid) for pid in children(lasting.process.pid)}
    for _ in range(40):
        assert lasting.call("POST", "/api/ds/query", json=QUERY).status_code == 200
    assert queries_answered(lasting) == before + 40
    assert all(ticks(pid) > so_far for pid, so_far in worked.items())
    text = httpx2.get(f"{lasting.url}/metrics", trust_env=False).text
    (resident,) = [line for line in text.splitlines() if line.startswith("process_resident_memory_bytes ")]
    assert float(resident.split()[1]) > 100e6, "of two processes"
    assert "headwater_build_info" in text


def queries_answered(process: ServeProcess) -> int:
    """What the metrics say, whichever worker is asked."""
    name = "grafana_http_request_duration_seconds_count"
    text = httpx2.get(f"{process.url}/metrics", trust_env=False).text
    lines = [line for line in text.splitlines() if line.startswith(name) and "/api/ds/query" in line]
    return sum(int(float(line.split()[-1])) for line in lines)


def ticks(pid: int) -> int:
    """Time that the process has worked, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_replacing_the_workers_loses_no_request(lasting: ServeProcess) -> None:
    before = children(lasting.process.pid)
    with Callers(lasting) as callers:
        assert eventually(lambda: callers.answered > 20, 20)
        lasting.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: not before & children(lasting.process.pid), 150), (
            "the old ones are still there"
        )
        asked = callers.answered
        assert eventually(lambda: callers.answered > asked + 20, 20)
    assert callers.failures == []
    assert len(children(lasting.process.pid)) == 2


def test_workers_are_as_many_as_before_however_often_they_are_to_be_replaced(lasting: ServeProcess) -> None:
    before = children(lasting.process.pid)
    for _ in range(3):
        lasting.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)  # or the signals would be one

    def two_new_ones_serve_for_a_while() -> bool:
        now = children(lasting.process.pid)
        if len(now) != 2 or now & before or not all(map(serves, now)):
            return False
        time.sleep(3)  # or the next of the replacements would only not have begun
        return children(lasting.process.pid) == now

    assert eventually(two_new_ones_serve_for_a_while, 150), children(lasting.process.pid)


def test_a_worker_that_leaves_is_no_host_that_shuts_down(lasting: ServeProcess) -> None:
    """Probes that keep their connection would take the whole host out of service."""
    assert eventually(lambda: all(map(serves, children(lasting.process.pid))), 60)
    with ExitStack() as stack:
        waiting = [
            stack.enter_context(socket.create_connection(("127.0.0.1", lasting.port), timeout=30))
            for _ in range(4)
        ]
        assert all(b"\r\n\r\nReady" in probed(each) for each in waiting)
        lasting.process.send_signal(signal.SIGHUP)

        def all_closed() -> bool:
            for each in tuple(waiting):
                answer = probed(each)
                assert answer.endswith(b"\r\n\r\nReady"), answer
                if b"connection: close" in answer:
                    waiting.remove(each)
            return not waiting

        assert eventually(all_closed, 120)


def probed(connection: socket.socket) -> bytes:
    connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while not answer.endswith((b"\r\n\r\nReady", b"down")):
        if not (piece := connection.recv(4096)):
            break
        answer += piece
    return answer


def test_workers_stay_where_new_ones_cannot_start(serving: ServeProcess) -> None:
    before = children(serving.process.pid)
    assert eventually(lambda: all(map(serves, before)), 60)
    database = serving.directory / "headwater.db"
    kept = database.rename(serving.directory / "kept.db")
    database.write_bytes(b"no database")
    serving.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: "A new worker did not become ready; the old ones go on." in serving.log, 60)
    kept.rename(database)
    assert eventually(lambda: children(serving.process.pid) == before, 20)
    assert serving.call("POST", "/api/ds/query", json=QUERY).status_code == 200
    serving.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: not before & children(serving.process.pid), 150)


def serves(pid: int) -> bool:
    """Whether the worker has come as far as to handle SIGTERM itself."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended
        return False
    (mask,) = [line.split()[1] for line in lines if "SigCgt" in line]
    return bool(int(mask, 16) & 1 << signal.SIGTERM - 1)


def test_signals_to_the_whole_group_are_for_the_parent_to_act_on(lasting: ServeProcess) -> None:
    workers = children(lasting.process.pid)
    for pid in workers:
        os.kill(pid, signal.SIGHUP)
        os.kill(pid, signal.SIGINT)
    for _ in range(4):
        assert lasting.call("POST", "/api/ds/query", json=QUERY).status_code == 200
    assert all(map(alive, workers))


def test_a_worker_that_hangs_gets_no_more_connections(lasting: ServeProcess) -> None:
    assert eventually(lambda: all(map(serves, children(lasting.process.pid))), 60)
    hanging = min(children(lasting.process.pid))
    os.kill(hanging, signal.SIGSTOP)
    try:
        asked = [asks_for_health(lasting) for _ in range(6)]
    finally:
        os.kill(hanging, signal.SIGCONT)
    assert sum(asked) >= 5, "one is with the worker that hangs"


def asks_for_health(process: ServeProcess) -> bool:
    with socket.create_connection(("127.0.0.1", process.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            return connection.recv(100).startswith(b"HTTP/1.1 200")
        except TimeoutError:
            return False


def test_connections_that_cannot_be_accepted_do_not_end_the_host(lasting: ServeProcess) -> None:
    parent = lasting.process.pid
    bounds = resource.prlimit(parent, resource.RLIMIT_NOFILE)
    resource.prlimit(parent, resource.RLIMIT_NOFILE, (3, bounds[1]))
    try:
        with socket.create_connection(("127.0.0.1", lasting.port)):
            assert eventually(lambda: "A connection could not be accepted." in lasting.log, 20)
    finally:
        resource.prlimit(parent, resource.RLIMIT_NOFILE, bounds)
    assert lasting.call("POST", "/api/ds/query", json=QUERY).status_code == 200


def test_a_worker_that_is_killed_is_replaced(lasting: ServeProcess) -> None:
    before = children(lasting.process.pid)
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: len(children(lasting.process.pid) - {killed}) == 2, 20)
    for _ in range(10):
        assert lasting.call("POST", "/api/ds/query", json=QUERY).status_code == 200
    assert "A worker ended by itself and is replaced." in lasting.log
    text = httpx2.get(f"{lasting.url}/metrics", trust_env=False).text
    assert "grafana_http_request_in_flight 1.0" in text, "what the dead one was doing counts no more"


def test_new_workers_go_on_with_what_others_counted(serving: ServeProcess) -> None:
    assert eventually(lambda: all(map(serves, children(serving.process.pid))), 60)
    for _ in range(6):
        assert serving.call("POST", "/api/ds/query", json=QUERY).status_code == 200
    before, files = queries_answered(serving), len(metric_files(serving))
    for _ in range(3):
        known = children(serving.process.pid)
        os.kill(min(known), signal.SIGKILL)
        assert eventually(lambda known=known: len(children(serving.process.pid) - {min(known)}) == 2, 20)
        assert eventually(lambda: all(map(serves, children(serving.process.pid))), 60)
        assert queries_answered(serving) == before
    assert len(metric_files(serving)) <= files
    assert serving.call("POST", "/api/ds/query", json=QUERY).status_code == 200
    assert queries_answered(serving) == before + 1


def metric_files(process: ServeProcess) -> list[Path]:
    """Of all workers that count, or did."""
    pid = min(children(process.process.pid))
    variables = dict(
        each.partition(b"=")[::2] for each in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    )
    return list(Path(os.fsdecode(variables[b"PROMETHEUS_MULTIPROC_DIR"])).glob("*.db"))


def test_workers_killed_while_they_start_do_not_end_the_host(lasting: ServeProcess) -> None:
    """Somebody else kills them, and there may be none that answers meanwhile."""
    for _ in range(3):
        known = children(lasting.process.pid)
        for each in known:
            os.kill(each, signal.SIGKILL)
        assert eventually(lambda known=known: len(children(lasting.process.pid) - known) == 2, 20)
    assert lasting.call("POST", "/api/ds/query", json=QUERY).status_code == 200


def test_a_change_reaches_every_worker(serving: ServeProcess) -> None:
    for _ in range(4):  # every worker has the data source in its cache
        assert serving.call("POST", "/api/ds/query", json=QUERY).status_code == 200
    assert serving.call("DELETE", "/api/datasources/uid/demo").status_code == 200
    time.sleep(1.5)  # the interval in which other hosts look at the store's revision
    for _ in range(4):
        assert serving.call("POST", "/api/ds/query", json=QUERY).status_code == 404


def test_a_signal_ends_all_of_them_well(serving: ServeProcess) -> None:
    workers = children(serving.process.pid)
    serving.process.send_signal(signal.SIGTERM)
    assert serving.process.wait(30) == 0, serving.log
    assert not any(alive(pid) for pid in workers)
    assert "Traceback" not in serving.log


def test_a_signal_to_all_processes_at_once_ends_them_as_well(serving: ServeProcess) -> None:
    """As systemd sends it: what is asked may finish."""
    workers = children(serving.process.pid)
    assert eventually(lambda: all(map(serves, workers)), 60)
    slow = {**QUERY, "queries": [{**QUERY["queries"][0], "scenario": "slow", "delayMs": 4000}]}
    with ThreadPoolExecutor(2) as callers:
        asked = [callers.submit(serving.call, "POST", "/api/ds/query", json=slow) for _ in range(2)]
        assert eventually(lambda: in_flight(serving) == 3, 20), "with the one that asks for it"
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
        serving.process.send_signal(signal.SIGTERM)
        assert [each.result().status_code for each in asked] == [200] * 2
    assert serving.process.wait(30) == 0, serving.log


def in_flight(process: ServeProcess) -> float:
    text = httpx2.get(f"{process.url}/metrics", trust_env=False).text
    (line,) = [each for each in text.splitlines() if each.startswith("grafana_http_request_in_flight ")]
    return float(line.split()[1])


def test_workers_end_when_their_parent_is_gone(serving: ServeProcess) -> None:
    workers = children(serving.process.pid)
    serving.process.kill()
    for pid in workers:
        assert eventually(lambda pid=pid: not alive(pid), 10)


def test_workers_that_cannot_start_end_the_host(tmp_path: Path) -> None:
    process = ServeProcess(tmp_path / "data", "--workers", "2")
    try:
        process.wait_ready()
        (tmp_path / "data" / "headwater.db").write_bytes(b"no database")
        for pid in children(process.process.pid):
            os.kill(pid, signal.SIGKILL)
        assert process.process.wait(60) != 0
        assert "The workers end before they are ready" in process.log
    finally:
        process.process.kill()
        process.process.wait()


def test_workers_speak_tls_and_listen_on_unix_sockets(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    tls = ServeProcess(
        tmp_path / "tls", "--workers", "2",
        "--tls-cert", str(certificates.server), "--tls-key", str(certificates.server_key),
    )  # fmt: skip
    path = tmp_path / "socket"
    unix = ServeProcess(tmp_path / "unix", "--workers", "2", "--unix-socket", str(path))
    try:
        url = tls.url.replace("http:", "https:")
        assert eventually(lambda: answers(url, ssl.create_default_context(cafile=certificates.authority)), 60)
        transport = httpx2.HTTPTransport(uds=str(path))
        with httpx2.Client(transport=transport, base_url="http://local", trust_env=False) as client:
            assert eventually(lambda: path.exists() and client.get("/healthz").text == "Ok", 30), unix.log
        assert unix.stop() == 0
        assert not path.exists()
    finally:
        for process in (tls, unix):
            process.process.kill()
            process.process.wait()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_unix_socket_on_which_somebody_listens_is_not_taken(tmp_path: Path, workers: str) -> None:
    path = tmp_path / "socket"

    def start_on_it(name: str) -> ServeProcess:
        return ServeProcess(tmp_path / name, "--workers", workers, "--unix-socket", str(path))

    started = [start_on_it("first")]
    try:
        assert eventually(lambda: answers_on(path), 60), started[0].log
        started.append(start_on_it("second"))
        assert started[1].process.wait(60) == 4
        assert f"Cannot listen on {path}: Address already in use. Choose another with" in started[1].log
        assert answers_on(path)
        started[0].process.kill()
        started[0].process.wait()
        assert path.exists()
        started.append(start_on_it("third"))
        assert eventually(lambda: answers_on(path), 60), "the socket that was left behind is in the way"
    finally:
        for process in started:
            process.process.kill()
            process.process.wait()


def answers_on(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        try:
            connection.connect(str(path))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


def answers(url: str, context: ssl.SSLContext) -> bool:
    try:
        return httpx2.get(f"{url}/healthz", verify=context, trust_env=False).text == "Ok"
    except httpx2.TransportError:
        return False


def test_a_number_of_workers_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    command = [*COMMAND, "--data-dir", str(tmp_path / "data"), "serve", "--workers", "many"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "give a number from 1 to 256, or auto" in ended.stderr
    assert not (tmp_path / "data").exists()
