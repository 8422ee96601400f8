"""A client that goes away, or stops reading, ends its query at the data source."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headwater.calls import CallContext, WorkerPool
from headwater_server.http import garbage_collection
from headwater_server.http.garbage_collection import GarbageCollection
from headwater_server.serving.protocol import BoundedHttpProtocol
from servers.http_host import RunningHost, eventually
from servers.http_requests import query_of

SLOW = query_of({"scenario": "slow", "delayMs": 60_000})
ENDLESS = query_of({"scenario": "endless"})
JSON, LINES, ARROW = "application/json", "text/jsonl", "application/vnd.apache.arrow.stream"


@pytest.fixture
def contexts(host: RunningHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[CallContext]]:
    """Every context that is cancelled during the test."""
    cancelled: list[CallContext] = []
    cancel = CallContext.cancel

    def spy(self: CallContext, reason: str = "") -> None:
        cancelled.append(self)
        cancel(self, reason)

    monkeypatch.setattr(CallContext, "cancel", spy)
    yield cancelled
    assert not host.app.host.running


def send_query(host: RunningHost, body: Any, accept: str) -> socket.socket:
    content = json.dumps(body).encode()
    connection = host.connect()
    head = [
        "POST /api/ds/query HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {host.admin}",
        f"Accept: {accept}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + content)
    return connection


@pytest.mark.parametrize("accept", [JSON, LINES, ARROW])
@pytest.mark.parametrize("way", ["close", "reset"])
def test_a_client_that_leaves_before_the_first_byte_ends_the_query(
    host: RunningHost, contexts: list[CallContext], accept: str, way: str
) -> None:
    connection = send_query(host, SLOW, accept)
    assert eventually(lambda: len(host.app.host.running) == 1)
    if way == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    assert eventually(lambda: contexts and not host.app.host.running, within=15)


@pytest.mark.parametrize("queued", [1, 3])
def test_a_client_that_leaves_with_requests_that_wait_for_their_turn_ends_the_query(
    host: RunningHost, contexts: list[CallContext], queued: int
) -> None:
    connection = send_query(host, SLOW, JSON)
    assert eventually(lambda: len(host.app.host.running) == 1)
    for _ in range(queued):
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    connection.close()
    assert eventually(lambda: contexts and not host.app.host.running, within=15)


def test_a_client_that_leaves_amid_its_request_is_no_failure(
    make_host: Callable[..., RunningHost], caplog: pytest.LogCaptureFixture
) -> None:
    host = make_host()
    with caplog.at_level(logging.INFO, "headwater.http"):
        connection = host.connect()
        head = f"POST /api/ds/query HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {host.admin}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        connection.sendall(head.encode())
        in_flight = host.app.host.metrics.http_in_flight._value
        assert eventually(lambda: in_flight.get() == 1)
        connection.close()
        assert eventually(lambda: in_flight.get() == 0)
    (answered,) = caplog.records
    assert answered.getMessage().startswith("Request answered.")
    assert vars(answered)["headwater"]["status"] == 499


@pytest.mark.parametrize("accept", [LINES, ARROW])
def test_a_client_that_leaves_amid_the_rows_ends_the_query(
    host: RunningHost, contexts: list[CallContext], accept: str
) -> None:
    connection = send_query(host, ENDLESS, accept)
    assert b" 200 " in connection.recv(65536)
    connection.close()
    assert eventually(lambda: contexts and not host.app.host.running, within=15)


def test_a_client_that_leaves_a_large_answer_frees_its_memory(host: RunningHost) -> None:
    connection = send_query(host, query_of({"scenario": "streaming_rows", "rows": 1_000_000}), JSON)
    assert b" 200 " in connection.recv(65536)
    connection.close()
    assert eventually(lambda: not host.app.host.running, within=15)
    assert eventually(lambda: host.app.host.memory._used == 0, within=15)


def test_what_cancelled_calls_leave_is_collected_soon_and_together(monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[str] = []
    monkeypatch.setattr(gc, "get_freeze_count", lambda: 1)
    monkeypatch.setattr(gc, "collect", lambda: collected.append(threading.current_thread().name))

    async def run() -> None:
        collection = GarbageCollection(workers)
        for _ in range(100):
            collection.collect_soon()
        await asyncio.sleep(0.8)
        collection.collect_soon()
        collection.close()
        await asyncio.sleep(0.8)

    workers = WorkerPool("collector")
    asyncio.run(run())
    workers.close()
    assert collected.count("collector") == 1  # other hosts of this process may collect as well


def test_pieces_that_are_free_are_given_back_while_there_are_calls(
    host: RunningHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed = threading.Event()
    monkeypatch.setattr(gc, "get_freeze_count", lambda: 1)
    monkeypatch.setattr(garbage_collection, "_TRIM_SECONDS", 0.1)
    monkeypatch.setattr(garbage_collection, "trim", trimmed.set)
    with host.client() as client:
        for _ in range(2):
            trimmed.clear()
            assert client.get("/api/health").status_code == 200
            assert trimmed.wait(10)


def test_a_request_that_ends_while_trimming_is_due_is_followed_by_another_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its call may end later than the run that was due before."""
    runs: list[str] = []
    monkeypatch.setattr(gc, "get_freeze_count", lambda: 1)
    monkeypatch.setattr(garbage_collection, "_TRIM_SECONDS", 0.2)
    monkeypatch.setattr(garbage_collection, "trim", lambda: runs.append("trim"))

    async def run() -> list[int]:
        collection = GarbageCollection(workers)
        collection.trim_later()
        await asyncio.sleep(1)
        alone = len(runs)
        for _ in range(100):
            collection.trim_later()
        await asyncio.sleep(1)
        return [alone, len(runs)]

    workers = WorkerPool("collector")
    counts = asyncio.run(run())
    workers.close()
    assert counts == [1, 3]


def test_trimming_gives_pages_back_that_only_garbage_holds() -> None:
    """In a process of its own, whose pieces are as they are left here."""
    code = (
        "from pathlib import Path\n"
        "from headwater_server.http.garbage_collection import trim\n"
        "def resident():\n"
        "    return int(Path('/proc/self/statm').read_text().split()[1]) * 4096\n"
        "pieces = [bytes(100_000) for _ in range(1000)]\n"
        "kept = pieces[1::100]\n"
        "kept.append(pieces[-1])\n"
        "pieces.append(pieces)  # garbage, when nobody names it\n"
        "del pieces\n"
        "before = resident()\n"
        "trim()\n"
        "print(before - resident())\n"
    )
    given_back = int(subprocess.check_output([sys.executable, "-c", code], text=True))
    assert given_back > 50_000_000


def test_nothing_of_a_request_outlives_a_reset_of_its_connection(host: RunningHost) -> None:
    """Not even for the seconds that an idle connection may stay open."""
    for _ in range(5):
        connection = send_query(host, query_of({"scenario": "random_walk"}), JSON)
        assert connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def connections() -> int:
        gc.collect()
        return sum(isinstance(each, BoundedHttpProtocol) for each in gc.get_objects())

    assert eventually(lambda: connections() == 0, within=10)


@pytest.mark.parametrize("accept", [LINES, ARROW])
def test_a_client_that_stops_reading_is_cut_off(make_host: Callable[..., RunningHost], accept: str) -> None:
    host = make_host(options={"send_timeout": 0.3})
    connection = send_query(host, ENDLESS, accept)
    assert eventually(lambda: len(host.app.host.running) == 1)
    assert eventually(lambda: not host.app.host.running, within=15)
    connection.close()


def test_a_client_that_reads_slowly_but_steadily_is_served(make_host: Callable[..., RunningHost]) -> None:
    host = make_host(options={"send_timeout": 5.0})
    body = query_of({"scenario": "streaming_rows", "rows": 100_000})
    connection = send_query(host, body, LINES)
    received = b""
    while not received.endswith(b"0\r\n\r\n"):
        received += connection.recv(65536)
    connection.close()
    assert received.count(b'"frameId"') > 1


def test_a_query_beyond_its_time_is_504_in_its_ref_id(make_host: Callable[..., RunningHost]) -> None:
    from headwater.calls import QueryLimits

    host = make_host()
    host.app.host.headwater.limits = QueryLimits(timeout=0.3)
    with host.client() as client:
        answer = client.post("/api/ds/query", json=SLOW)
    assert answer.status_code == 400
    assert answer.json()["results"]["A"]["status"] == 504


def test_other_requests_are_answered_while_many_queries_run(host: RunningHost) -> None:
    connections = [send_query(host, SLOW, JSON) for _ in range(12)]
    assert eventually(lambda: len(host.app.host.running) == 12)
    with host.client() as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/api/datasources").status_code == 200
    for connection in connections:
        connection.close()
    assert eventually(lambda: not host.app.host.running)


def test_no_thread_keeps_what_it_freed() -> None:
    """In a process of its own, as `headwater serve` sets it up."""
    code = (
        "import threading\n"
        "from pathlib import Path\n"
        "from headwater_server.http.garbage_collection import trim\n"
        "from headwater_server.serving.memory import keep_memory_low\n"
        "keep_memory_low()\n"
        "def resident():\n"
        "    return int(Path('/proc/self/statm').read_text().split()[1]) * 4096\n"
        "def hold():\n"
        "    bytes(30_000_000)  # of a large block glibc learns to keep more\n"
        "    together.wait()\n"
        "    held = [bytes(1_000_000) for _ in range(20)]\n"
        "    together.wait()\n"
        "    del held\n"
        "    together.wait()\n"
        "together = threading.Barrier(3)\n"
        "before = resident()\n"
        "threads = [threading.Thread(target=hold) for _ in range(3)]\n"
        "for thread in threads:\n"
        "    thread.start()\n"
        "for thread in threads:\n"
        "    thread.join()\n"
        "trim()\n"
        "print(resident() - before)\n"
    )
    kept = int(subprocess.check_output([sys.executable, "-c", code], text=True))
    assert kept < 8_000_000
