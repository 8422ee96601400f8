"""A plugin packed for Grafana with an environment of its own, from wheels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from servers.go_programs import build_go_program, in_base64, started

pytestmark = pytest.mark.slow  # pip fetches Arrow and gRPC


def test_a_folder_with_its_environment_answers_wherever_it_is(index: str, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    subprocess.run(
        [Path(sys.executable).with_name("headwater"), "grafana-pack", "testdata", packed, "--venv", "--zip"],
        env={**os.environ, "PIP_EXTRA_INDEX_URL": index},
        check=True,
        timeout=280,
    )
    moved = packed.rename(tmp_path / "moved")
    [starter] = moved.glob("gpx_testdata_*")
    source = {"uid": "source", "jsonData": in_base64({}), "lastUpdatedMS": 1}
    with started(build_go_program("host"), starter, environment={}) as go:
        health = go.call("Diagnostics.CheckHealth", {"pluginContext": {"dataSourceInstanceSettings": source}})
        assert health.message["message"] == "Test data is ready."
    archive = tmp_path / "headwater-testdata-datasource-0.1.0.zip"
    subprocess.run(["unzip", "-q", archive, "-d", tmp_path / "unzipped"], check=True)
    [starter] = (tmp_path / "unzipped").glob("*/gpx_testdata_*")
    with started(build_go_program("host"), starter, environment={}) as go:
        assert not go.ping().code
