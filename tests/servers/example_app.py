"""The examples that serve HTTP, in a process of their own on a loopback port."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
from attrs import frozen

from servers.process import ServerProcess, accepts_connections, free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
_STOP_SECONDS = 20.0


@frozen
class RunningApp:
    process: ServerProcess
    port: int

    def client(self, **options: Any) -> httpx2.Client:
        url = f"http://127.0.0.1:{self.port}"
        return httpx2.Client(base_url=url, timeout=60, trust_env=False, **options)

    def end(self) -> int:
        """SIGTERM; the exit status."""
        self.process.process.terminate()
        return self.process.process.wait(_STOP_SECONDS)

    @property
    def log(self) -> str:
        return self.process.log.read_text(errors="replace")


Serve: TypeAlias = Callable[..., AbstractContextManager[RunningApp]]
"""Type of the fixture `serve`."""


@contextmanager
def run_app(*arguments: str, folder: Path, environment: dict[str, str]) -> Iterator[RunningApp]:
    """`python ARGUMENTS`, where `{port}` stands for a free port, until the block ends."""
    port = free_port()
    command = [sys.executable, *(argument.replace("{port}", str(port)) for argument in arguments)]
    path = os.pathsep.join([str(EXAMPLES), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = ServerProcess(
        command,
        ready=lambda: accepts_connections(port),
        directory=folder,
        environment={"PYTHONPATH": path, **environment},
    )
    with process:
        yield RunningApp(process, port)
