"""Folders as Grafana installs them, one with a program in Go and a packed one, on the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from headwater import Headwater
from headwater_grafana.executables import platform_suffix
from headwater_grafana.pack.folder import pack

GO, PACKED = "acme-go-datasource", "acme-testdata-datasource"


@pytest.fixture(scope="module")
def data_directory(tmp_path_factory: pytest.TempPathFactory, go_plugin_program: Path) -> Path:
    """A data directory whose `headwater.toml` names a folder with both plugins."""
    directory = tmp_path_factory.mktemp("data")
    go = directory / "plugins" / GO
    go.mkdir(parents=True)
    described = {"id": GO, "type": "datasource", "name": "Go", "backend": True, "executable": "gpx_go",
                 "info": {"version": "2.0.0"}}  # fmt: skip
    (go / "plugin.json").write_text(json.dumps(described))
    shutil.copy(go_plugin_program, go / f"gpx_go_{platform_suffix()}")
    with Headwater(allow_plugins={"testdata"}) as headwater:
        pack(
            headwater.plugin_info("testdata"),
            directory / "plugins" / PACKED,
            grafana_id=PACKED,
            python=Path(sys.executable),
        )
    (directory / "headwater.toml").write_text(
        f'plugin_folders = ["plugins"]\nallow_unsigned = ["{GO}", "{PACKED}"]\n'
    )
    return directory


def run(directory: Path, *arguments: str) -> str:
    command = [sys.executable, "-c", "from headwater_server.cli.main import run; run()"]
    done = subprocess.run(
        [*command, "--data-dir", str(directory), *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("plugin_id", "query", "rows"),
    [
        (GO, {"do": "series", "rows": 2}, '"value"\n0\n1\n'),
        (PACKED, {"scenario": "csv", "csvContent": "city\nBern\n"}, '"city"\n"Bern"\n'),
    ],
)
def test_a_data_source_of_a_folders_plugin_is_added_tried_and_queried(
    data_directory: Path, plugin_id: str, query: dict[str, object], rows: str
) -> None:
    run(data_directory, "ds", "add", plugin_id, "--type", plugin_id)
    assert "OK" in run(data_directory, "ds", "test", plugin_id)
    assert run(data_directory, "query", plugin_id, json.dumps(query), "--output", "csv") == rows


def test_they_are_listed_with_where_they_run(data_directory: Path) -> None:
    listed = {each["id"]: each for each in json.loads(run(data_directory, "plugin", "list", "--json"))}
    assert {listed[each]["target"] for each in (GO, PACKED)} == {"local"}
    assert (listed[GO]["version"], listed[GO]["state"]) == ("2.0.0", "READY")
