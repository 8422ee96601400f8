"""VictoriaMetrics (single node) from Debian's development suite, on a loopback port."""

from __future__ import annotations

import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from servers.process import ServerProcess, fetch_debian_packages, free_port, unavailable


@attrs.frozen
class VictoriaMetricsServer:
    url: str
    process: ServerProcess


@contextmanager
def start_victoriametrics(openmetrics: str = "") -> Iterator[VictoriaMetricsServer]:
    """A fresh server, with the samples of `openmetrics` imported and searchable."""
    unpacked = fetch_debian_packages(
        "victoria-metrics", ["victoria-metrics"], suite="sid", with_dependencies=False
    )
    program = next((unpacked / "usr" / "bin").glob("victoria-metrics*"), None)
    if program is None:
        unavailable("the Debian package holds no victoria-metrics")
    directory = Path(tempfile.mkdtemp(prefix="headwater-victoriametrics-"))
    try:
        port = free_port()
        command = [
            str(program),
            f"-storageDataPath={directory}/data",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
        ]
        url = f"http://127.0.0.1:{port}"
        with ServerProcess(command, ready=lambda: _answers(url), directory=directory) as process:
            if openmetrics:
                _import(url, openmetrics)
            yield VictoriaMetricsServer(url, process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _import(url: str, openmetrics: str) -> None:
    """The import wants milliseconds, where OpenMetrics has seconds."""
    lines = []
    for line in openmetrics.splitlines():
        if line.startswith("#"):
            continue
        series, seconds = line.rsplit(" ", 1)
        lines.append(f"{series} {round(float(seconds) * 1000)}")
    body = "\n".join(lines).encode()
    with urllib.request.urlopen(f"{url}/api/v1/import/prometheus", data=body, timeout=60):
        pass
    with urllib.request.urlopen(f"{url}/internal/force_flush", timeout=60):
        pass


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=1):
            return True
    except OSError:
        return False
