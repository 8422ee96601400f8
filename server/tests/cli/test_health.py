"""`headwater health`, as a container engine runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from servers.process import free_port
from servers.serve_process import ServeProcess

Headwater = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    started = ServeProcess(tmp_path_factory.mktemp("host"))
    started.wait_ready()
    yield started
    started.stop()


def test_a_host_that_answers(headwater: Headwater, host: ServeProcess) -> None:
    lives = headwater("health", HEADWATER_LISTEN_HOST="0.0.0.0", HEADWATER_LISTEN_PORT=str(host.port))
    ready = headwater("health", "--ready", "--port", str(host.port))

    assert (lives.returncode, ready.returncode) == (0, 0), lives.stderr + ready.stderr
    assert ready.stdout == "Ready\n"


def test_no_host(headwater: Headwater) -> None:
    done = headwater("health", "--port", str(free_port()))

    assert done.returncode == 4
    assert done.stderr.startswith("error: The host does not answer: Connection refused\n")
    assert "`headwater serve`" in done.stderr


def test_a_host_on_a_unix_socket(headwater: Headwater, tmp_path: Path) -> None:
    started = ServeProcess(tmp_path / "host", "--unix-socket", str(tmp_path / "socket"))
    try:
        done = headwater("health", "--unix-socket", tmp_path / "socket")
        while done.returncode and started.process.poll() is None:
            done = headwater("health", "--unix-socket", tmp_path / "socket")
    finally:
        started.stop()

    assert done.returncode == 0, started.log
