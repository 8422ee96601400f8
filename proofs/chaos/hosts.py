"""A `headwater serve` before the sources, and requests whose answer nobody waits for."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chaos.sources import TIMES, Source
from servers.serve_process import ServeProcess, admin_token

ARROW, JSON, JSON_LINES = "application/vnd.apache.arrow.stream", "application/json", "text/jsonl"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Any:
    process = ServeProcess(tmp_path_factory.mktemp("host"), "--log-level", "warning")
    process.wait_ready()
    yield process
    process.stop()


@contextmanager
def serving(directory: Path, *arguments: str) -> Iterator[ServeProcess]:
    host = ServeProcess(directory, "--log-level", "error", *arguments)
    try:
        host.wait_ready()
        yield host
    finally:
        host.stop()


def add_source(host: ServeProcess, uid: str, source: Source) -> None:
    fields = source.fields(source.address)
    secrets, settings = fields.pop("secure_json_data", {}), fields.pop("json_data", {})
    body = {"name": uid, "uid": uid, "type": source.plugin, "jsonData": settings, "secureJsonData": secrets}
    answer = host.call("POST", "/api/datasources", json={**body, **fields})
    assert answer.status_code == 200, answer.text


def uid_of(name: str) -> str:
    return name.replace(" ", "-")


def query_body(uid: str, query: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "queries": [{"refId": "A", "datasource": {"uid": uid}, **query}],
        "from": str(TIMES.from_ms),
        "to": str(TIMES.to_ms),
    }


def send(host: ServeProcess, body: Mapping[str, Any], accept: str = JSON, window: int = 0) -> socket.socket:
    """Send a query and do not wait. `window` bounds what the connection takes ahead of its reader."""
    content = json.dumps(body).encode()
    head = [
        "POST /api/ds/query HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {admin_token(host)}",
        f"Accept: {accept}", "Content-Type: application/json", f"Content-Length: {len(content)}",
    ]  # fmt: skip
    connection = socket.socket()
    if window:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    connection.settimeout(120)
    connection.connect(("127.0.0.1", host.port))
    connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + content)
    return connection


def leave(connection: socket.socket, *, reset: bool) -> None:
    if reset:  # a lost client instead of a polite one
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def memory(pid: int, key: str) -> float:
    """MB of VmRSS, or of VmHWM: its peak since `forget_peak`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError(key)


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def threads(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
