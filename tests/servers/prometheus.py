"""Prometheus of two generations, on a loopback port, with a TSDB that promtool fills."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from servers.process import ServerProcess, fetch_debian_packages, find_program, free_port, unavailable

V2, V3 = "2.42", "3.5"
_IS_READY = "Server is ready to receive web requests"
_SUITE_OF = {V2: "bookworm", V3: "sid"}


@attrs.frozen
class PrometheusServer:
    url: str
    version: str
    process: ServerProcess

    def metric(self, name: str) -> float:
        """The value of one of the server's own metrics, without labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return float(line.split()[1])
        raise LookupError(name)


@contextmanager
def start_prometheus(
    version: str = V2,
    *,
    openmetrics: str = "",
    web_config: str = "",
    configuration: str = "",
    flags: Sequence[str] = (),
) -> Iterator[PrometheusServer]:
    """A fresh server that scrapes nothing, unless `configuration`, more YAML of its prometheus.yml, says so.

    `openmetrics` fills its TSDB; `web_config` is its web.yml.

    Remote write, native histograms and exemplars are on. With a `web_config` its log says when it is ready,
    for HTTP may ask for TLS or credentials.
    """
    program = _program("prometheus", version)
    directory = Path(tempfile.mkdtemp(prefix="headwater-prometheus-"))
    try:
        (directory / "prometheus.yml").write_text(
            "storage:\n  exemplars:\n    max_exemplars: 10000\n  tsdb:\n    out_of_order_time_window: 1h\n"
            + configuration
        )
        if openmetrics:
            _create_blocks(directory, openmetrics)
        port = free_port()
        command = [
            program,
            f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/data",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            "--enable-feature=exemplar-storage,native-histograms",
            *flags,
        ]
        if web_config:
            (directory / "web.yml").write_text(web_config)
            command.append(f"--web.config.file={directory}/web.yml")
        url = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            return _answers(url) and (not web_config or _IS_READY in (directory / "server.log").read_text())

        with ServerProcess(command, ready=ready, directory=directory) as process:
            yield PrometheusServer(url, version, process)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _program(name: str, version: str) -> str:
    """From the path if it is of that version, else from the Debian suite that has it."""
    if (installed := find_program(name)) and f"version {version}" in _version_of(installed):
        return installed
    unpacked = fetch_debian_packages(
        "prometheus", ["prometheus"], suite=_SUITE_OF[version], with_dependencies=False
    )
    program = unpacked / "usr" / "bin" / name
    if not program.exists():
        unavailable(f"{name} {version} is not in the Debian package")
    return str(program)


def _version_of(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _create_blocks(directory: Path, openmetrics: str) -> None:
    """Only the promtool of 2.42 is packaged; version 3 reads the blocks that it writes."""
    source = directory / "samples.om"
    source.write_text(openmetrics)
    command = [_program("promtool", V2), "tsdb", "create-blocks-from", "openmetrics"]
    done = subprocess.run(
        [*command, str(source), str(directory / "data")], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"promtool: {done.stderr}")
    source.unlink()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=1):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return error.code in {400, 401}  # up, but asks for TLS or credentials
    except OSError:
        return False
