"""A full disk, a disk that cannot be written to, no file descriptors left, and clocks that jump: errors that
say what it was, nothing lost, and all is well again without a restart."""

from __future__ import annotations

import resource
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chaos.hosts import descriptors, serving
from servers.process import eventually, fetch_debian_packages, free_port, unavailable
from servers.serve_process import COMMAND, ServeProcess, admin_token

pytestmark = pytest.mark.timeout(900)
SECONDS_OF_A_YEAR = 365 * 86_400


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """16 MiB of memory as a file system of its own."""
    mount(tmp_path, "-t", "tmpfs", "-o", "size=16m", "tmpfs")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def mount(path: Path, *arguments: str) -> None:
    done = subprocess.run(["mount", *arguments, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        unavailable(f"mounting a file system: {done.stderr.strip()}")


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def write(host: ServeProcess, number: int, token: str) -> tuple[int, Any]:
    """Change the data source `kept`, or make it."""
    body = {"name": "kept", "uid": "kept", "type": "testdata", "jsonData": {"seed": number}}
    if number == 0:
        answer = host.call("POST", "/api/datasources", token=token, json=body)
    else:
        answer = host.call("PUT", "/api/datasources/uid/kept", token=token, json=body)
    return answer.status_code, answer.json()


def stored(host: ServeProcess, token: str) -> int:
    found: int = host.call("GET", "/api/datasources/uid/kept", token=token).json()["jsonData"]["seed"]
    return found


def answers(host: ServeProcess, token: str) -> bool:
    query = {"refId": "A", "datasource": {"uid": "kept"}, "scenario": "streaming_rows", "rows": 3}
    body = {"queries": [query], "from": "now-1h", "to": "now"}
    return host.call("POST", "/api/ds/query", token=token, json=body).status_code == 200


def test_a_full_disk(small_disk: Path, report: list[str]) -> None:
    with serving(small_disk / "data") as host:
        token = admin_token(host)
        write(host, 0, token)
        assert write(host, 1, token)[0] == 200
        ballast = small_disk / "ballast"
        with pytest.raises(OSError, match="No space left"):
            fill(ballast)
        last, number = 1, 1
        refused: tuple[int, Any] | None = None
        while refused is None and number < 2000:  # what the store has set aside already is used first
            number += 1
            status, answer = write(host, number, token)
            last, refused = (number, None) if status == 200 else (last, (status, answer))
        assert refused is not None, "the store never needed room"
        assert refused[0] in (500, 503)
        assert "Traceback" not in str(refused[1])
        assert answers(host, token), "reading needs no room"
        assert stored(host, token) == last

        ballast.unlink()
        assert write(host, number + 1, token)[0] == 200
        assert stored(host, token) == number + 1
    report.append(f"| full disk | status {refused[0]}: {refused[1]['message']} |")


def test_a_disk_that_can_only_be_read(small_disk: Path, report: list[str]) -> None:
    """A new mount over the folder: what is open already could still be written to, what is opened cannot."""
    data = small_disk / "data"
    with serving(data) as host:
        token = admin_token(host)
        write(host, 0, token)
        assert write(host, 1, token)[0] == 200
    command = [*COMMAND, "--data-dir", str(data), "serve", "--port", str(free_port())]
    mount(data, "--bind", str(data))
    try:
        mount(data, "-o", "remount,bind,ro")
        refused = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    finally:
        subprocess.run(["umount", "--lazy", str(data)], check=True)
    assert refused.returncode not in (0, None)
    assert "Traceback" not in refused.stderr
    words = refused.stderr.strip().splitlines()[-1].replace(str(data), "DIRECTORY")
    with serving(data) as host:
        assert stored(host, token) == 1
        assert write(host, 2, token)[0] == 200
    report.append(f"| disk that can only be read, at the start | status {refused.returncode}: {words} |")


def test_no_file_descriptors_left(tmp_path: Path, report: list[str]) -> None:
    with serving(tmp_path) as host:
        token, pid = admin_token(host), host.process.pid
        write(host, 0, token)
        assert answers(host, token)
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        held = descriptors(pid)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (held + 3, limits[1]))
        connections = [socket.create_connection(("127.0.0.1", host.port), timeout=5) for _ in range(40)]
        outcomes = [attempt(host, number, token) for number in range(1, 6)]
        for connection in connections:
            connection.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        assert eventually(lambda: attempt(host, 9, token) == "200", 30)
        assert answers(host, token)
        assert stored(host, token) == 9
        assert eventually(lambda: descriptors(pid) <= held + 8, 30)
    report.append(f"| no file descriptors left | {', '.join(outcomes)}; afterwards 200 |")


def attempt(host: ServeProcess, number: int, token: str) -> str:
    """The status, or how it went unanswered."""
    body = {"name": "kept", "uid": "kept", "type": "testdata", "jsonData": {"seed": number}}
    try:
        answer = httpx2.put(
            f"{host.url}/api/datasources/uid/kept", headers={"Authorization": f"Bearer {token}"}, json=body,
            timeout=3, trust_env=False,
        )  # fmt: skip
    except httpx2.TransportError as error:
        return type(error).__name__
    return str(answer.status_code)


@pytest.mark.parametrize("jump", [SECONDS_OF_A_YEAR, -SECONDS_OF_A_YEAR], ids=["a year on", "a year back"])
def test_a_clock_that_jumps(
    tmp_path: Path, jump: int, report: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens stay good, and changes are seen."""
    offset = tmp_path / "offset"
    offset.write_text("+0")
    for name, value in faketime().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(offset))
    with serving(tmp_path / "data") as host:
        monkeypatch.undo()
        token = admin_token(host)
        write(host, 0, token)
        assert answers(host, token)
        offset.write_text(f"{jump:+d}")
        assert eventually(lambda: abs(clock(host, token) - datetime.now(UTC)) > timedelta(days=300), 30)
        stamped = format_datetime(clock(host, token), usegmt=True)
        assert write(host, 1, token)[0] == 200
        assert stored(host, token) == 1
        assert answers(host, token)
        offset.write_text("+0")
        assert write(host, 2, token)[0] == 200
        assert stored(host, token) == 2
        assert answers(host, token)
    report.append(f"| clock that jumps by {jump:+d} s, to {stamped} | answers and writes as before |")


def clock(host: ServeProcess, token: str) -> datetime:
    """What the host takes for the time; it looks once a second."""
    return parsedate_to_datetime(host.call("GET", "/healthz", token=token).headers["date"])


def faketime() -> dict[str, str]:
    root = fetch_debian_packages("faketime", ["libfaketime"], suite="", with_dependencies=False)
    library = next(root.glob("usr/lib/*/faketime/libfaketime.so.1"), None)
    if library is None:
        unavailable(f"no libfaketime below {root}")
    return {"LD_PRELOAD": str(library), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
