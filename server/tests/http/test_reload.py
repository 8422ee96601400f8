"""`headwater serve --reload`: a plugin's edits are answered by the next request, broken ones are said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from headwater.plugins import PluginFiles, discover
from headwater_server.cli.main import main
from headwater_server.serving.reload import Watched, broken
from servers.http_host import eventually
from servers.serve_process import ServeProcess

PLUGIN = """
from attrs import frozen
from headwater import Frame
from headwater.sdk import DataSource, DataSourcePlugin, Query

@frozen
class Settings:
    pass

class Ticks(DataSource[Settings, Query]):
    def query(self, query, context):
        return Frame.from_pydict({"tick": [1]})

class TicksPlugin(DataSourcePlugin):
    id = "ticks"
    settings_type = Settings
    query_type = Query
    data_source = Ticks
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ticks.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def serving(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServeProcess]:
    monkeypatch.setenv("HEADWATER_PLUGIN_FILES", str(file))
    monkeypatch.setenv("HEADWATER_PLUGINS_ALLOW", "ticks")
    process = ServeProcess(tmp_path / "data", "--reload", "--drain-timeout", "1")
    try:
        process.wait_ready()
        added = process.call(
            "POST", "/api/datasources", json={"name": "Clock", "type": "ticks", "uid": "clock"}
        )
        assert added.status_code == 200, added.text
        yield process
    finally:
        assert process.stop() == 0, process.log


def tick(serving: ServeProcess) -> object:
    """What the data source answers, or the error."""
    body = {"from": "now-1h", "to": "now", "queries": [{"refId": "A", "datasource": {"uid": "clock"}}]}
    answer = serving.call("POST", "/api/ds/query", json=body).json()["results"]["A"]
    return answer["error"] if "error" in answer else answer["frames"][0]["data"]["values"][0][0]


def test_an_edit_is_answered_and_a_broken_one_said_until_it_is_mended(
    serving: ServeProcess, file: Path
) -> None:
    assert "Starts anew when these change: " in serving.log
    assert tick(serving) == 1

    file.write_text(PLUGIN.replace("[1]", "[2]"))
    assert eventually(lambda: tick(serving) == 2, 60), serving.log

    file.write_text(PLUGIN.replace("[1]", "[3]") + "\nno_such_name\n")
    line = len(PLUGIN.splitlines()) + 2
    said = f"Broken plugin: {file}:{line}: NameError: name 'no_such_name' is not defined"
    assert eventually(lambda: said in serving.log, 60), serving.log
    assert eventually(lambda: "NameError" in str(tick(serving)), 60), serving.log

    replacement = file.with_suffix(".new")  # as editors save
    replacement.write_text(PLUGIN.replace("[1]", "[4]"))
    replacement.replace(file)
    assert eventually(lambda: tick(serving) == 4, 60), serving.log


def test_an_edit_that_ends_the_process_leaves_the_old_one(serving: ServeProcess, file: Path) -> None:
    assert tick(serving) == 1
    file.write_text(PLUGIN.replace("[1]", "[2]") + "\nimport os\nos._exit(3)\n")
    assert eventually(lambda: "A new worker did not become ready; the old ones go on." in serving.log, 60)
    assert tick(serving) == 1
    assert "Reloaded." not in serving.log
    file.write_text(PLUGIN.replace("[1]", "[3]"))
    assert eventually(lambda: tick(serving) == 3, 60), serving.log


def test_a_broken_file_is_said_with_its_line(file: Path) -> None:
    file.write_text(PLUGIN + "\ndef half(:\n")
    line = len(PLUGIN.splitlines()) + 2
    [said] = broken(PluginFiles([file]).records([]))
    assert f"(ticks.py, line {line})" in said


def test_files_folders_and_packages_that_are_worked_on_are_watched(tmp_path: Path, file: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    watched = Watched.of([each for each in discover() if each.plugin_id == "testdata"], [file, folder])
    assert [*watched.files, *watched.folders] == [file, folder]
    assert [path.name for path in watched.packages] == ["headwater_testdata"]
    [package] = watched.packages
    assert watched.concerns(file)
    assert watched.concerns(folder / "new.py")
    assert watched.concerns(package / "scenarios" / "walk.py")
    assert not watched.concerns(file.with_name("other.py"))
    assert not watched.concerns(folder / "notes.txt")


def test_flight_does_not_go_with_it(tmp_path: Path) -> None:
    arguments = ["--data-dir", str(tmp_path), "serve", "--port", "0", "--reload", "--flight", "8815"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "--flight does not go with --reload" in done.output
    assert not list(tmp_path.iterdir()), "a start that cannot be leaves nothing behind"


def test_nothing_to_watch_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater.plugins.discover", list)
    done = CliRunner().invoke(main, ["--data-dir", str(tmp_path), "serve", "--port", "0", "--reload"])
    assert done.exit_code == 2
    assert "--reload finds no plugin that somebody works on" in done.output
