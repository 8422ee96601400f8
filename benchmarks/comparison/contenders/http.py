"""Small queries over HTTP to a server in a process of its own; CPU and memory are that server's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from http_small import WALK, Endpoint, hammer, served
from memory import peak_mib

_SECONDS = 2.0
_REQUESTS = 1_000
Call = Callable[[], dict[str, float]]


def bare(_: dict[str, Any], connections: int) -> Call:
    """The limit: a route that encodes what it has at hand."""
    return _thousand("bare", connections)


def host(_: dict[str, Any], connections: int) -> Call:
    return _thousand("host", connections)


def two_workers(_: dict[str, Any], connections: int) -> Call:
    return _thousand("host --workers=2", connections)


def fastapi(_: dict[str, Any], connections: int) -> Call:
    """A body that pydantic checks, the function in the thread pool, rows as JSON."""
    return _thousand("fastapi", connections)


def workers(_: dict[str, Any], count: int) -> Call:
    return _thousand(f"host --workers={count}", 64)


def _thousand(how: str, connections: int) -> Call:
    """What a thousand requests take, out of as many as two seconds allow."""

    def call() -> dict[str, float]:
        with served(how, WALK) as endpoint:
            asyncio.run(hammer(endpoint, connections, 0.5))
            cpu, started = endpoint.cpu_seconds(), time.perf_counter()
            found = len(asyncio.run(hammer(endpoint, connections, _SECONDS)))
            seconds = time.perf_counter() - started
            share = _REQUESTS / found
            return {
                "seconds": share * seconds,
                "cpu": share * (endpoint.cpu_seconds() - cpu),
                "peak_mb": _peak_megabytes(endpoint),
                "count": found,
            }

    return call


def _peak_megabytes(endpoint: Endpoint) -> float:
    """Of the server and its workers together."""
    children = Path(f"/proc/{endpoint.pid}/task/{endpoint.pid}/children").read_text().split()
    return sum(peak_mib(pid) for pid in [str(endpoint.pid), *children])
