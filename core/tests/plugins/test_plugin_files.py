"""Plugins that are one Python file."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater import Headwater
from headwater.errors import PluginUnavailableError
from headwater.plugins import PluginFiles, PluginState

TICKS = """
from attrs import frozen
from headwater import Frame
from headwater.sdk import DataSource, DataSourcePlugin, Query

raise_at_import = {broken}

@frozen
class Settings:
    pass

@frozen(kw_only=True)
class Ask(Query):
    count: int = 2

class Ticks(DataSource[Settings, Ask]):
    def query(self, query, context):
        return Frame.from_pydict({{"tick": list(range(query.count))}})

class TicksPlugin(DataSourcePlugin):
    id = "ticks"
    settings_type = Settings
    query_type = Ask
    data_source = Ticks
"""


def write(path: Path, broken: str = "None") -> Path:
    path.write_text(TICKS.format(broken=broken))
    return path


def host(*paths: Path) -> Headwater:
    return Headwater(allow_plugins=["ticks"], plugin_sources=[PluginFiles(paths)])


def test_a_file_is_a_plugin(tmp_path: Path) -> None:
    with host(write(tmp_path / "anything.py")) as headwater:
        headwater.add_data_source("clock", type="ticks")
        assert headwater.query("clock", {"count": 3}).to_pylist() == [{"tick": 0}, {"tick": 1}, {"tick": 2}]
        (record,) = [each for each in headwater.load_plugins() if each.plugin_id == "ticks"]
        assert (record.distribution, record.state) == ("anything.py", PluginState.READY)


def test_a_folder_is_the_files_in_it(tmp_path: Path) -> None:
    write(tmp_path / "ticks.py")
    (tmp_path / "_helpers.py").write_text("")
    (tmp_path / "notes.txt").write_text("")
    with host(tmp_path) as headwater:
        assert [each.distribution for each in headwater.plugins if each.usable] == ["ticks.py"]


def test_nothing_runs_before_the_first_use(tmp_path: Path) -> None:
    with host(write(tmp_path / "ticks.py", broken="1 / 0")) as headwater:
        (record,) = [each for each in headwater.plugins if each.plugin_id == "ticks"]
        assert record.state is PluginState.DISCOVERED
        with pytest.raises(PluginUnavailableError, match="ZeroDivisionError"):
            headwater.plugin_info("ticks")


def test_two_of_one_id_are_none(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    one, two = write(tmp_path / "ticks.py"), write(tmp_path / "sub" / "ticks.py")
    with host(one, two) as headwater:
        for record in headwater.plugins:
            if record.plugin_id == "ticks":
                assert record.state is PluginState.DUPLICATE
                assert f"{two} and {one} both claim this id" in record.reason


def test_a_file_that_python_does_not_import_is_told_at_its_first_use(tmp_path: Path) -> None:
    with (
        host(write(tmp_path / "ticks.txt")) as headwater,
        pytest.raises(PluginUnavailableError, match=r"ticks\.txt is not a Python file"),
    ):
        headwater.plugin_info("ticks")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = (", "never closed"),
        ("x = 1", "0 classes"),
        ("class A:\n    id = 'a'\nclass B:\n    id = 'b'\n", "2 classes"),
        (None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_one_says_why(tmp_path: Path, text: str | None, reason: str) -> None:
    path = tmp_path / "wrong.py"
    if text is not None:
        path.write_text(text)
    (record,) = PluginFiles([path]).records([])
    assert record.state is PluginState.INVALID
    assert reason in record.explanation
