"""A `headwater serve` in a process of its own, as an operator starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2

from servers.process import free_port

COMMAND = [sys.executable, "-c", "from headwater_server.cli.main import run; run()"]


class ServeProcess:
    """A running `headwater serve`; `log` is what it wrote so far."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        directory.mkdir(parents=True, exist_ok=True)
        self._log = directory / "serve.log"
        command = [*COMMAND, "--data-dir", str(directory), "serve", "--port", str(self.port), *arguments]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log, env={**os.environ})

    @property
    def log(self) -> str:
        return self._log.read_text()

    def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx2.Response:
        """Ask as the admin, as somebody else, or with an empty `token` as nobody."""
        chosen = admin_token(self) if token is None else token
        headers = {"Authorization": f"Bearer {chosen}"} if chosen else {}
        headers |= options.pop("headers", {})
        return httpx2.request(
            method, self.url + path, headers=headers, trust_env=False, timeout=60, **options
        )

    def wait_ready(self, **options: Any) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            try:
                httpx2.get(f"{self.url}/healthz", trust_env=False, **options)
            except httpx2.TransportError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(self.log)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def admin_token(process: ServeProcess) -> str:
    found = re.search(r"hwsa_\S+", process.log)
    assert found is not None, process.log
    return found[0]
