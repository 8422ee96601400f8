"""SIGKILL at random moments under load: nothing that was acknowledged is lost, and all is well again without
anybody's help."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chaos.hosts import add_source, query_body, serving, uid_of
from chaos.load import Ask, Load
from chaos.sources import SOURCES
from options import chosen
from servers.postgresql import start_postgresql
from servers.process import eventually
from servers.serve_process import ServeProcess, admin_token

pytestmark = pytest.mark.timeout(3600)
RECOVERY_SECONDS = 60.0


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    return int(chosen(request.config, "kills", usual=10, quick=1))


def asking(find: Callable[[], ServeProcess], token: str) -> Ask:
    return lambda method, path, **options: find().call(method, path, token=token, **options)


def test_a_killed_host_loses_no_acknowledged_write(tmp_path: Path, kills: int, report: list[str]) -> None:
    """A supervisor starts it again, as systemd does."""
    host = ServeProcess(tmp_path, "--log-level", "error")
    host.wait_ready()
    load = Load(asking(lambda: host, admin_token(host)))
    longest = 0.0
    try:
        with load.running():
            for number in range(kills):
                time.sleep(random.Random(number).uniform(0.2, 1.5))
                host.process.send_signal(signal.SIGKILL)
                host.process.wait(30)
                killed = time.monotonic()
                host = ServeProcess(tmp_path, "--log-level", "error")
                host.wait_ready()
                longest = max(longest, time.monotonic() - killed)
        load.check()
    finally:
        host.stop()
    report.append(_row("host", kills, load, longest))


def test_a_killed_worker_loses_no_acknowledged_write(tmp_path: Path, kills: int, report: list[str]) -> None:
    with serving(tmp_path, "--workers", "3") as host:
        load = Load(asking(lambda: host, admin_token(host)))
        longest = 0.0
        with load.running():
            for number in range(kills):
                chance = random.Random(number)
                time.sleep(chance.uniform(0.2, 1.5))
                victim = chance.choice(_workers(host))
                os.kill(victim, signal.SIGKILL)
                killed = time.monotonic()
                assert eventually(partial(_replaced, host, victim), RECOVERY_SECONDS)
                longest = max(longest, time.monotonic() - killed)
        load.check()
        for _ in range(30):
            assert host.call("GET", "/api/datasources", token=admin_token(host)).status_code == 200
    report.append(_row("one of three workers", kills, load, longest))


def test_a_killed_store_loses_no_acknowledged_write(
    tmp_path: Path, kills: int, report: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_postgresql() as database:
        monkeypatch.setenv("HEADWATER_STORE_URL", database.new_database("chaos"))
        with serving(tmp_path) as host:
            load = Load(asking(lambda: host, admin_token(host)))
            longest = 0.0
            with load.running():
                for number in range(kills):
                    time.sleep(random.Random(number).uniform(0.2, 1.5))
                    longest = max(longest, _killed_and_back(database.process, lambda: _writes(load, 1)))
            load.check()
            assert {status for status in load.statuses if status[-3:] in ("500", "502")} == set()
    report.append(_row("PostgreSQL, the store", kills, load, longest))


@pytest.mark.parametrize("name", ["MariaDB", "PostgreSQL", "ClickHouse", "Prometheus"])
def test_a_killed_database_is_asked_again_once_it_is_back(
    name: str, tmp_path: Path, kills: int, report: list[str]
) -> None:
    with SOURCES[name]() as source, serving(tmp_path) as host:
        add_source(host, uid_of(name), source)
        token, longest, statuses = admin_token(host), 0.0, set[int]()

        def right() -> bool:
            body = query_body(uid_of(name), source.query)
            answer = host.call("POST", "/api/ds/query", token=token, json=body)
            statuses.add(answer.status_code)
            return answer.status_code == 200 and _values(answer) == source.answer

        assert right()
        assert source.process is not None
        for number in range(kills):
            time.sleep(random.Random(number).uniform(0, 0.3))
            longest = max(longest, _killed_and_back(source.process, right))
        failed = ", ".join(map(str, sorted(statuses - {200}))) or "–"
        assert statuses <= {200, 400}, "a failed query is the data source's, not the host's"
    report.append(f"| {name} | {kills} | – | – | {longest:.1f} | statuses {failed} |")


def _killed_and_back(process: Any, well: Callable[[], bool]) -> float:
    """Seconds from the end of the database's start to the first that is well."""
    process.kill()
    time.sleep(0.3)
    process.start_again()
    started = time.monotonic()
    assert eventually(well, RECOVERY_SECONDS)
    return time.monotonic() - started


def _writes(load: Load, more: int) -> bool:
    before = load.writes
    return eventually(lambda: load.writes >= before + more, 1)


def _replaced(host: ServeProcess, pid: int) -> bool:
    workers = _workers(host)
    return len(workers) == 3 and pid not in workers


def _workers(host: ServeProcess) -> list[int]:
    """Pids of the workers; multiprocessing's tracker of resources is another child."""
    pid = host.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in _command_line(child)]


def _command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def _values(answer: httpx2.Response) -> list[Any]:
    values: list[Any] = answer.json()["results"]["A"]["frames"][0]["data"]["values"][-1]
    return values


def _row(what: str, kills: int, load: Load, longest: float) -> str:
    others = {status: count for status, count in load.statuses.items() if not status.endswith("200")}
    told = ", ".join(f"{status}: {count}" for status, count in sorted(others.items())) or "–"
    return f"| {what} | {kills} | {load.writes} | 0 | {longest:.1f} | {told} |"
