"""A packed folder: all that Grafana wants is there, and nothing of others is overwritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from headwater import Headwater
from headwater.errors import PluginUnavailableError, ValidationError
from headwater.models import PluginInfo
from headwater_grafana.executables import platform_suffix
from headwater_grafana.pack.folder import pack, zip_folder
from servers.plugin_process import PluginProcess

ID = "headwater-testdata-datasource"


@pytest.fixture
def info() -> PluginInfo:
    with Headwater() as headwater:
        return headwater.plugin_info("testdata")


@pytest.fixture
def folder(info: PluginInfo, tmp_path: Path) -> Path:
    folder = tmp_path / "plugins" / ID
    pack(info, folder, grafana_id=ID, python=Path(sys.executable))
    return folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_has_what_grafana_wants(folder: Path) -> None:
    starter = f"gpx_testdata_{platform_suffix()}"
    assert files(folder) == {"plugin.json", "module.js", "README.md", "img/logo.svg", starter}
    assert os.access(folder / starter, os.X_OK)
    described = json.loads((folder / "plugin.json").read_text())
    assert (described["id"], described["name"], described["executable"]) == (ID, "Test data", "gpx_testdata")


def test_packing_again_renews_the_folder(info: PluginInfo, folder: Path) -> None:
    (folder / "module.js").write_text("old")
    pack(info, folder, grafana_id=ID, python=Path(sys.executable))
    assert "DataSourcePlugin" in (folder / "module.js").read_text()


def test_the_authors_logo_takes_the_place_of_the_plain_one(
    info: PluginInfo, folder: Path, tmp_path: Path
) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg>mine</svg>")
    pack(info, folder, grafana_id=ID, python=Path(sys.executable), logo=logo)
    assert (folder / "img/logo.svg").read_text() == "<svg>mine</svg>"


def test_a_folder_of_something_else_is_left_alone(info: PluginInfo, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValidationError, match="holds something else"):
        pack(info, tmp_path, grafana_id=ID, python=Path(sys.executable))
    assert files(tmp_path) == {"notes.txt"}


@pytest.mark.parametrize("described", ["{", "[]", "{}"])
def test_a_manifest_that_is_not_ours_is_left_alone(info: PluginInfo, tmp_path: Path, described: str) -> None:
    (tmp_path / "plugin.json").write_text(described)
    with pytest.raises(ValidationError, match="holds something else"):
        pack(info, tmp_path, grafana_id=ID, python=Path(sys.executable))


def test_the_program_can_be_debugged_by_itself(folder: Path) -> None:
    program = folder / f"gpx_testdata_{platform_suffix()}"
    with PluginProcess("testdata", command=[str(program), "--standalone"], environment={}) as plugin:
        assert plugin.line.startswith("testdata listens on 127.0.0.1:")


def test_a_python_without_the_plugin_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(PluginUnavailableError, match="it has no plugin 'nobody'"):
        pack(PluginInfo(id="nobody"), tmp_path / "new", grafana_id=ID, python=Path(sys.executable))
    assert not (tmp_path / "new").exists()


def test_a_python_without_headwater_says_what_is_missing(info: PluginInfo, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    with pytest.raises(PluginUnavailableError, match=r"No module named 'headwater_grafana'.*--venv"):
        pack(info, tmp_path / "new", grafana_id=ID, python=bare / "bin" / "python")


def test_the_archive_holds_the_folder_under_its_id_with_modes_and_links(folder: Path) -> None:
    (folder / "venv").mkdir()
    (folder / "venv" / "lib64").symlink_to("lib")
    archive = zip_folder(folder, ID)
    assert archive == folder.parent / f"{ID}-0.1.0.zip"
    with zipfile.ZipFile(archive) as opened:
        modes = {each.filename: each.external_attr >> 16 for each in opened.infolist()}
        assert opened.read(f"{ID}/venv/lib64") == b"lib"
    assert modes[f"{ID}/gpx_testdata_{platform_suffix()}"] & 0o111 == 0o111
    assert all(name.startswith(f"{ID}/") for name in modes)


def test_the_script_reads_the_same_in_any_encoding(folder: Path) -> None:
    assert (folder / "module.js").read_bytes().isascii()
