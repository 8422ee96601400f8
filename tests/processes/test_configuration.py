"""`headwater.toml` in the data directory says which plugins run in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.errors import ValidationError
from headwater_grafana import Isolation, PluginFolders, ProcessLimits
from headwater_server.data_directory import DataDirectory
from headwater_server.plugin_sources import plugin_sources


def headwater(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headwater_server", "--data-dir", str(directory), *arguments]
    return subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=120, check=False)


def configured(directory: Path, text: str) -> Path:
    (directory / "headwater.toml").write_text(text)
    return directory


def test_commands_ask_an_isolated_plugin_as_any_other(tmp_path: Path) -> None:
    configured(tmp_path, 'isolate = ["testdata"]\n[process_limits]\nmemory = "2 GiB"\n')
    assert headwater(tmp_path, "ds", "add", "demo", "--type", "testdata").returncode == 0
    asked = headwater(tmp_path, "query", "demo", "random_walk", "--output", "json", "--limit", "2")
    assert (asked.returncode, len(json.loads(asked.stdout))) == (0, 2), asked.stderr
    listed = json.loads(headwater(tmp_path, "plugin", "list", "--json").stdout)
    [testdata] = [each for each in listed if each["id"] == "testdata"]
    assert (testdata["state"], testdata["target"]) == ("READY", "local")
    assert {each["target"] for each in listed if each["id"] != "testdata"} == {"in_memory"}


def test_a_limit_that_cannot_be_is_named(tmp_path: Path) -> None:
    configured(tmp_path, 'isolate = "all"\n[process_limits]\nmemory = "much"\n')
    refused = headwater(tmp_path, "plugin", "list")
    assert refused.returncode == 2
    assert "headwater.toml:3: process_limits.memory: is not a size such as '512 MiB'" in refused.stderr


def test_without_the_file_nothing_is_changed(tmp_path: Path) -> None:
    assert plugin_sources(DataDirectory(tmp_path)) == ()


def test_limits_of_one_plugin_go_before_those_of_all(tmp_path: Path) -> None:
    text = """
        isolate = ["mysql", "clickhouse"]
        plugin_folders = ["plugins"]
        allow_unsigned = ["acme-thing-datasource"]
        [process_limits]
        memory = "1 GiB"
        open_files = 200
        [process_limits.mysql]
        memory = "512 MiB"
    """
    folders, isolation = plugin_sources(DataDirectory(configured(tmp_path, text)))
    common = ProcessLimits(memory=2**30, open_files=200)
    mysql = {"mysql": ProcessLimits(memory=2**29, open_files=200)}
    assert isolation == Isolation(("mysql", "clickhouse"), limits=common, limits_of=mysql)
    assert folders == PluginFolders(
        tmp_path / "plugins",
        allow_unsigned=("acme-thing-datasource",),
        limits=common,
        limits_of=mysql,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("isolat = []", "headwater.toml:1: isolat: unknown key; isolate is one"),
        ('isolate = "mysql"', "isolate: is not a list of texts"),
        ("plugin_folders = [1]", "plugin_folders: is not a list of texts"),
        ('isolate = "all"\n[process_limits]\nram = 1', "process_limits.ram: unknown limit"),
        ('isolate = "all"\n[process_limits.mysql]\ncpu_seconds = 0', "cpu_seconds: must be above zero"),
        ("isolate = [", "cannot be read"),
    ],
)
def test_what_the_file_cannot_say_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        plugin_sources(DataDirectory(configured(tmp_path, text)))
