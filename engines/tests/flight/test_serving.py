"""Flight as `headwater serve` starts it: TLS, ends, refusals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyarrow import flight

from headwater import Headwater
from headwater_server.cli.main import main
from servers.certificates import make_certificates
from servers.process import free_port
from servers.serve_process import COMMAND, ServeProcess, admin_token

from .conftest import FlightHost, serve_flight, statement


def test_tls_is_that_of_the_host(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    with Headwater() as headwater:
        headwater.add_data_source(name="demo", type="testdata")
        with serve_flight(
            headwater, tls_certificate=certificates.server, tls_key=certificates.server_key
        ) as host:
            assert host.url.startswith("grpc+tls://")
            assert _rows(host, certificates.authority.read_bytes()) > 0
            with pytest.raises(flight.FlightUnavailableError):
                _rows(host, certificates.stranger.read_bytes())


def _rows(host: FlightHost, root: bytes) -> int:
    options = host.call_options(x_headwater_catalog="demo")
    with flight.connect(host.url, tls_root_certs=root) as client:
        info = client.get_flight_info(statement("random_walk"), options)
        rows: int = client.do_get(info.endpoints[0].ticket, options).read_all().num_rows
        return rows


def test_a_host_that_ends_lets_streams_end_and_cuts_off_those_that_take_longer(tmp_path: Path) -> None:
    port = free_port()
    process = ServeProcess(tmp_path, "--flight", str(port), "--drain-timeout", "1")
    process.wait_ready()
    process.call("POST", "/api/datasources", json={"name": "demo", "type": "testdata"})
    headers = [(b"authorization", f"Bearer {admin_token(process)}".encode())]
    options = flight.FlightCallOptions(headers=headers)
    with flight.connect(f"grpc://127.0.0.1:{port}") as client:
        info = client.get_flight_info(statement('{"scenario": "endless", "delay_ms": 10}'), options)
        reading = client.do_get(info.endpoints[0].ticket, options)
        reading.read_chunk()

        process.process.send_signal(signal.SIGTERM)

        with pytest.raises(flight.FlightUnavailableError, match="shutting down"):
            deque(iter(reading.read_chunk, None), maxlen=0)
    assert process.stop() == 0


def test_a_client_that_stops_reading_does_not_keep_the_host_from_ending(tmp_path: Path) -> None:
    port = free_port()
    process = ServeProcess(tmp_path, "--flight", str(port), "--drain-timeout", "1")
    process.wait_ready()
    process.call("POST", "/api/datasources", json={"name": "demo", "type": "testdata"})
    headers = [(b"authorization", f"Bearer {admin_token(process)}".encode())]
    options = flight.FlightCallOptions(headers=headers)
    with flight.connect(f"grpc://127.0.0.1:{port}") as client:
        info = client.get_flight_info(statement('{"scenario": "streaming_rows", "rows": 50000000}'), options)
        reading = client.do_get(info.endpoints[0].ticket, options)
        reading.read_chunk()

        assert process.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--flight", "8815", "--workers", "2"), "--flight goes with one worker"),
        (("--flight-location", "grpc://other:8815"), "--flight-location goes with --flight"),
        (("--flight", "70000"), "70000"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = subprocess.run(
        [*COMMAND, "--data-dir", str(tmp_path), "serve", "--port", "0", *arguments],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ},
    )  # fmt: skip

    assert done.returncode == 2
    assert said in done.stderr


def test_a_port_that_is_taken_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with Headwater() as headwater, serve_flight(headwater) as host:
        taken = host.url.rpartition(":")[2]
        done = subprocess.run(
            [*COMMAND, "--data-dir", str(tmp_path / "data"), "serve", "--port", "0", "--flight", taken],
            capture_output=True, text=True, check=False, timeout=60, env={**os.environ},
        )  # fmt: skip

    assert f"port {taken}" in done.stderr
    assert not (tmp_path / "data").exists()


def test_without_the_distribution_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "headwater_engines.flight", None)

    done = CliRunner().invoke(
        main, ["--data-dir", str(tmp_path), "serve", "--port", "0", "--flight", str(free_port())]
    )

    assert done.exit_code == 2
    assert "pip install 'headwater-engines[flight]'" in done.output
