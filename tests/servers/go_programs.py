"""A host and a plugin on HashiCorp's go-plugin, the library that Grafana and its plugins are made with."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import field, frozen

from servers.process import (
    cache_directory,
    ended_with_parent,
    fetch_debian_packages,
    find_program,
    unavailable,
)

_SOURCES = Path(__file__).with_name("go")
_PACKAGES = ("golang-go", "golang-github-hashicorp-go-plugin-dev", "golang-google-grpc-dev")
_LIBRARY = "src/github.com/hashicorp/go-plugin"
_STOP_SECONDS = 20.0


def build_go_program(name: str) -> Path:
    """The program `host` or `plugin`, built from the sources in `go/` unless the cache has it."""
    sources = sorted(_SOURCES.rglob("*.go"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    target = cache_directory("go") / f"{name}-{digest}"
    if target.exists():
        return target
    go, libraries, environment = _toolchain()
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    subprocess.run(
        [go, "build", "-o", str(fresh), f"headwater/{name}"],
        cwd=_SOURCES,
        env={
            **os.environ,
            **environment,
            "GO111MODULE": "off",
            "CGO_ENABLED": "0",
            "GOPATH": f"{_SOURCES}{os.pathsep}{libraries}",
            "GOCACHE": str(cache_directory("go-build")),
        },
        check=True,
        timeout=600,
    )
    return fresh.rename(target)  # whole at once: other tests may look for it now


def _toolchain() -> tuple[str, Path, dict[str, str]]:
    """The compiler, the libraries and the environment for it: installed, or fetched and not installed."""
    installed = Path("/usr/share/gocode")
    if (go := find_program("go")) is not None and (installed / _LIBRARY).is_dir():
        return go, installed, {}
    root = fetch_debian_packages("go-plugin", _PACKAGES, suite="", with_dependencies=True)
    [compiler] = root.glob("usr/lib/go-*/bin/go")
    libraries = root / "usr/share/gocode"
    if not (libraries / _LIBRARY).is_dir():
        unavailable("the release's packages have no go-plugin")
    return str(compiler), libraries, {"GOROOT": str(compiler.parents[1])}


@frozen
class Answer:
    """What came back of one call: its messages, and how it ended. `code` is gRPC's, empty for success."""

    messages: tuple[dict[str, Any], ...]
    code: str = ""
    error: str = ""
    seconds: float = 0.0
    arrivals: tuple[float, ...] = field(default=(), repr=False)

    @property
    def message(self) -> dict[str, Any]:
        """The one message of a call that succeeded."""
        assert not self.code, f"{self.code}: {self.error}"
        [message] = self.messages
        return message


class GoHost:
    """One plugin process under the Go host. Ends with the `with` block.

    `environment` is the plugin's whole environment: Grafana gives a plugin nothing of its own.
    """

    def __init__(
        self, program: Path, command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._log = tempfile.NamedTemporaryFile(prefix="headwater-go-host-", suffix=".log")  # noqa: SIM115 - ended by stop
        self._process = subprocess.Popen(
            [*ended_with_parent(), str(program), *map(str, command)],
            env=dict(environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self.started = self._read()
        """How the start ended: `code` and `error` say why there is no plugin."""

    @property
    def pid(self) -> int:
        return self._process.pid

    def call(
        self,
        method: str,
        message: Mapping[str, Any],
        *,
        cancel_after_ms: int = 0,
        cancel_after_messages: int = 0,
    ) -> Answer:
        """Call `Service.Method` of the plugin, such as `Data.QueryData`, with a message in JSON."""
        return self._ask(
            {
                "method": f"/pluginv2.{method.replace('.', '/')}",
                "message": message,
                "cancelAfterMS": cancel_after_ms,
                "cancelAfterMessages": cancel_after_messages,
            }
        )

    def ping(self) -> Answer:
        """Ask the plugin's health service."""
        return self._ask({"command": "ping"})

    def exited(self) -> bool:
        """Whether the plugin's process has ended."""
        return bool(self._ask({"command": "exited"}).messages[0])

    def stop_plugin(self) -> Answer:
        """End the plugin as go-plugin does: Shutdown, two seconds, SIGKILL."""
        return self._ask({"command": "stop"})

    def log_lines(self) -> list[dict[str, Any]]:
        """What go-plugin read of the plugin's stderr, and said itself."""
        return [json.loads(line) for line in Path(self._log.name).read_text().splitlines()]

    def stop(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _ask(self, request: Mapping[str, Any]) -> Answer:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Answer:
        replies = list(self._replies())
        last = replies.pop()
        return Answer(
            tuple(reply["message"] for reply in replies),
            last.get("code", ""),
            last.get("error", ""),
            last["seconds"],
            tuple(reply["seconds"] for reply in replies),
        )

    def _replies(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            reply: dict[str, Any] = json.loads(line)
            yield reply
            if reply["end"]:
                return
        raise RuntimeError(f"the Go host ended: {Path(self._log.name).read_text()[-2000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextmanager
def started(
    program: Path, *command: str | Path, environment: Mapping[str, str] | None = None
) -> Iterator[GoHost]:
    """A Go host whose plugin has started; the reason, if it has not."""
    with GoHost(program, command, environment=environment) as host:
        assert not host.started.code, f"{host.started.error}: {host.log_lines()[-5:]}"
        yield host


def in_base64(value: object) -> str:
    """`value` as the host reads a message's bytes: JSON unless they are bytes already."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    return base64.b64decode(text)
