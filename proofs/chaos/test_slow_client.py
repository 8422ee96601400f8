"""A large answer to a slow client passes through the host; it is not collected there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from chaos.hosts import ARROW, JSON_LINES, add_source, forget_peak, host, leave, memory, query_body, send
from chaos.sources import SOURCES
from options import chosen
from servers.serve_process import ServeProcess

__all__ = ["host"]
pytestmark = pytest.mark.timeout(3600)
MOST_MB = 300
PIECE = 256 * 1024
PAUSE_SECONDS = 0.0005
ENDLESS: Mapping[str, Any] = {"scenario": "endless"}


@pytest.mark.parametrize("name", ["testdata", "MariaDB", "PostgreSQL", "ClickHouse"])
@pytest.mark.parametrize("accept", [ARROW, JSON_LINES], ids=["Arrow", "JSON lines"])
def test_the_host_stays_small(
    host: ServeProcess, name: str, accept: str, request: pytest.FixtureRequest, report: list[str]
) -> None:
    """As many bytes as `--gigabytes` says, read piece by piece with pauses; then the client leaves."""
    size = int(1e9 * chosen(request.config, "gigabytes", usual=2, quick=0.02))
    if name == "testdata":
        added = host.call("POST", "/api/datasources", json={"name": name, "uid": name, "type": name})
        assert added.status_code in (200, 409), added.text
        _read_slowly(host, name, name, ENDLESS, accept, size, report)
        return
    with SOURCES[name]() as source:
        uid = f"{name}-{'arrow' if accept == ARROW else 'lines'}"
        add_source(host, uid, source)
        _read_slowly(host, name, uid, source.streaming, accept, size, report)


def _read_slowly(
    host: ServeProcess,
    name: str,
    uid: str,
    query: Mapping[str, Any],
    accept: str,
    size: int,
    report: list[str],
) -> None:
    pid = host.process.pid
    before = memory(pid, "VmRSS")
    forget_peak(pid)
    started, received = time.monotonic(), 0
    connection = send(host, query_body(uid, query), accept, window=PIECE)
    while received < size:
        piece = connection.recv(PIECE)
        assert piece, f"the answer ended after {received} bytes: {host.log[-2000:]}"
        received += len(piece)
        time.sleep(PAUSE_SECONDS)
    leave(connection, reset=False)
    took, peak = time.monotonic() - started, memory(pid, "VmHWM")
    gigabytes, speed = received / 1e9, received / took / 1e6
    report.append(f"| {name} | {accept} | {gigabytes:.1f} | {speed:.0f} | {before:.0f} | {peak:.0f} |")
    assert peak <= MOST_MB
