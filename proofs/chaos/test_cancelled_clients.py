"""Clients that leave: their queries end at the server, every one of them, within a second."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator

import pytest

from chaos.hosts import ARROW, JSON, add_source, host, leave, query_body, send, uid_of
from chaos.sources import SOURCES, Source
from options import chosen
from servers.process import eventually
from servers.serve_process import ServeProcess

__all__ = ["host"]
pytestmark = pytest.mark.timeout(3600)
PATIENCE = 30.0


@pytest.fixture(scope="module", params=SOURCES)
def source(request: pytest.FixtureRequest, host: ServeProcess) -> Iterator[Source]:
    with SOURCES[request.param]() as started:
        add_source(host, uid_of(request.param), started)
        yield started


def test_a_query_is_gone_from_its_server_once_its_client_has_left(
    host: ServeProcess, source: Source, request: pytest.FixtureRequest, report: list[str]
) -> None:
    """Half of the clients leave before the first byte, half amid the rows; half of them without a word."""
    name = request.node.callspec.params["source"]
    count = int(chosen(request.config, "cancels", usual=500, quick=8))
    seconds: list[float] = []
    while len(seconds) < count:
        seconds += leave_together(host, source, uid_of(name), min(source.at_once, count - len(seconds)))
    seconds.sort()
    gone = sum(each < PATIENCE for each in seconds)
    p50, p99 = statistics.median(seconds), seconds[int(len(seconds) * 0.99)]
    report.append(
        f"| {name} | {gone} of {count} | {1000 * p50:.0f} | {1000 * p99:.0f} | {1000 * seconds[-1]:.0f} |"
    )
    assert gone == count
    assert p99 < 1


def leave_together(host: ServeProcess, source: Source, uid: str, count: int) -> list[float]:
    """Seconds from the first client's leaving to the end of each query, as the server counts them."""
    chance = random.Random(f"{uid} {count}")
    kinds = ((source.silent, JSON), (source.streaming, ARROW))
    asked = [kinds[number % 2] for number in range(count)]
    connections = [send(host, query_body(uid, query), accept) for query, accept in asked]
    assert eventually(lambda: source.running() == count, PATIENCE), f"{source.running()} run of {count}"
    left_at = time.monotonic()
    for connection in connections:
        leave(connection, reset=chance.random() < 0.5)
    ended: list[float] = []
    while len(ended) < count and time.monotonic() - left_at < PATIENCE:
        running = source.running()
        ended += [time.monotonic() - left_at] * (count - running - len(ended))
    return ended + [PATIENCE] * (count - len(ended))
