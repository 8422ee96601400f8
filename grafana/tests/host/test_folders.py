"""Plugins as Grafana installs them."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from headwater import Headwater
from headwater.errors import ValidationError
from headwater.plugins import PluginState, Target
from headwater_grafana import PluginFolders, ProcessPlugin
from headwater_grafana.executables import platform_suffix

NAME = "acme-thing-datasource"


def plugin_folder(root: Path, **changes: Any) -> Path:
    """A folder whose program serves the test data."""
    folder = root / NAME
    folder.mkdir(parents=True)
    described = {
        "id": NAME,
        "type": "datasource",
        "name": "Thing",
        "backend": True,
        "executable": "gpx_thing",
        "streaming": True,
        "aliasIDs": ["thing"],
        "info": {"version": "1.2.3", "description": "Things"},
    }
    (folder / "plugin.json").write_text(json.dumps({**described, **changes}))
    program = folder / f"gpx_thing_{platform_suffix()}"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -P -m headwater_grafana testdata\n")
    program.chmod(0o755)
    return folder


def sign(folder: Path) -> None:
    files = {
        each.relative_to(folder).as_posix(): hashlib.sha256(each.read_bytes()).hexdigest()
        for each in folder.rglob("*")
    }
    text = json.dumps({"plugin": NAME, "files": files})
    (folder / "MANIFEST.txt").write_text(f"-----BEGIN PGP SIGNED MESSAGE-----\n\n{text}\n-----BEGIN PGP …\n")


def test_a_plugin_that_is_allowed_answers_under_its_own_id(tmp_path: Path) -> None:
    plugin_folder(tmp_path)
    folders = PluginFolders(tmp_path, allow_unsigned={NAME})
    with Headwater(allow_plugins={NAME}, plugin_sources=[folders]) as host:
        [record] = [each for each in host.plugins if each.plugin_id == NAME]
        assert (record.state, record.target, record.version) == (
            PluginState.DISCOVERED,
            Target.LOCAL,
            "1.2.3",
        )
        host.add_data_source("thing", type=NAME)
        assert host.query("thing", {"scenario": "random_walk"}).num_rows > 0
        host.load_plugins()
        assert (record.state, record.reason) == (PluginState.READY, "it is unsigned")


def test_a_folder_is_run_by_itself_for_whoever_names_it(tmp_path: Path) -> None:
    process = ProcessPlugin(plugin_folder(tmp_path))
    with Headwater(allow_plugins=set()) as host:
        host.add_plugin(NAME, process)
        host.add_data_source("thing", type=NAME)
        assert host.query("thing", {"scenario": "random_walk"}).num_rows > 0
    with pytest.raises(ValidationError, match="cannot be read"):
        ProcessPlugin(str(tmp_path))


def test_a_text_is_one_program(tmp_path: Path) -> None:
    program = plugin_folder(tmp_path) / f"gpx_thing_{platform_suffix()}"
    process = ProcessPlugin(str(program), plugin_id="thing")
    assert process.describe_plugin().id == "testdata"
    process.stop_plugin()


def states(path: Path, allow: set[str] | None = None) -> list[tuple[str, str, str]]:
    records = PluginFolders(path, allow_unsigned=allow or ()).records([])
    return [(each.plugin_id, each.state.value, each.reason) for each in records]


def test_a_text_names_one_plugin_and_none_whose_name_is_in_it(tmp_path: Path) -> None:
    plugin_folder(tmp_path)
    for text, state in ((NAME, PluginState.DISCOVERED), (f"my-{NAME}", PluginState.BLOCKED)):
        [record] = PluginFolders(tmp_path, allow_unsigned=text).records([])
        assert record.state is state


def test_one_that_nobody_has_named_is_blocked_and_its_signature_shown(tmp_path: Path) -> None:
    folder = plugin_folder(tmp_path)
    assert states(tmp_path) == [(NAME, "BLOCKED", "it is unsigned; name it in allow_unsigned to run it")]
    sign(folder)
    assert states(tmp_path)[0][2].startswith("it is unverified;")
    (folder / "extra.js").write_text("")
    assert states(tmp_path)[0][2].startswith("it is modified;")
    (folder / "MANIFEST.txt").write_text("{")
    assert states(tmp_path)[0][2].startswith("it is modified;")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": "../evil"}, "id: is not of the form"),
        ({"id": "acme-thing-panel"}, "id: is not of the form"),
        ({"type": "panel"}, "type: is not a data source"),
        ({"backend": False}, "type: is not a data source"),
        ({"executable": "gpx_other"}, "executable: there is no program gpx_other_"),
        ({"executable": "../../bin/gpx"}, "executable: there is no program"),
    ],
)
def test_what_cannot_be_used_says_why(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    plugin_folder(tmp_path, **changes)
    [(name, state, reason)] = states(tmp_path, {NAME})
    assert (name, state) == (NAME, "INVALID")
    assert reason.startswith(says)


def test_a_folder_that_is_no_plugin_or_not_there_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "plugin.json").write_text("[")
    assert states(tmp_path) == [("broken", "INVALID", "plugin.json: cannot be read (JSONDecodeError)")]
    assert states(tmp_path / "nowhere") == []


def test_a_program_outside_its_folder_is_not_run(tmp_path: Path) -> None:
    folder = plugin_folder(tmp_path)
    program = folder / f"gpx_thing_{platform_suffix()}"
    program.unlink()
    program.symlink_to(sys.executable)
    [(_, state, reason)] = states(tmp_path, {NAME})
    assert state == "INVALID"
    assert "there is no program" in reason
