"""Valkey or Redis of the machine's own release, installed or fetched, on a loopback port."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from servers.process import (
    C_LIBRARY,
    ServerProcess,
    fetch_debian_packages,
    find_program,
    free_port,
    library_path,
    unavailable,
)

PASSWORD = "wasser-fällt"


@attrs.frozen
class RedisServer:
    port: int
    process: ServerProcess

    @property
    def url(self) -> str:
        return f"redis://:wasser-f%C3%A4llt@127.0.0.1:{self.port}/0"


@contextmanager
def start_redis(*options: str) -> Iterator[RedisServer]:
    """A fresh server that writes nothing to disk; extra command line options may be given."""
    program, environment = _program()
    port = free_port()
    command = [
        program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
        "--requirepass", PASSWORD, *options,
    ]  # fmt: skip
    with ServerProcess(command, ready=lambda: _answers(port), environment=environment) as process:
        yield RedisServer(port, process)


def _program() -> tuple[str, dict[str, str]]:
    for name in ("valkey-server", "redis-server"):
        if (found := find_program(name)) is not None:
            return found, {}
    root = fetch_debian_packages(
        "redis", ["redis-server", "redis-tools"], suite="", with_dependencies=True, skip=C_LIBRARY
    )
    program = root / "usr/bin/redis-server"
    if not program.exists():
        unavailable(f"no redis-server below {root}; apt-get install redis-server")
    return str(program), library_path(root)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"-NOAUTH", b"+PONG"))
    except OSError:
        return False
