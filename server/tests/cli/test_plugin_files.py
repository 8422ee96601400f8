"""`--plugin FILE.py`, and the other ways to name a plugin that is one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]

PLUGIN = """
from attrs import frozen
from headwater import Frame
from headwater.sdk import DataSource, DataSourcePlugin, Query

@frozen
class Settings:
    pass

@frozen(kw_only=True)
class Ask(Query):
    count: int = 0

class Ticks(DataSource[Settings, Ask]):
    def query(self, query, context):
        return Frame.from_pydict({"tick": list(range(query.count))})

class TicksPlugin(DataSourcePlugin):
    id = "ticks"
    settings_type = Settings
    query_type = Ask
    data_source = Ticks
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_plugin.py"
    path.write_text(PLUGIN)
    return path


def test_a_file_is_used_as_an_installed_plugin_is(headwater: Run, file: Path) -> None:
    assert "my_plugin.py" in headwater("--plugin", file, "plugin", "list").stdout
    headwater("--plugin", file, "ds", "add", "clock", "--type", "ticks").check_returncode()
    assert (
        headwater("--plugin", file, "query", "clock", '{"count": 2}', "-o", "csv").stdout == '"tick"\n0\n1\n'
    )
    assert headwater("query", "clock", '{"count": 2}').returncode != 0, "it is there only where it is named"


def test_the_environment_and_the_configuration_name_files_too(
    headwater: Run, file: Path, data_dir: Path
) -> None:
    assert "ticks" in headwater("plugin", "list", HEADWATER_PLUGIN_FILES=str(file.parent)).stdout
    data_dir.mkdir(exist_ok=True)
    (data_dir / "headwater.toml").write_text(f'plugin_files = ["{file}"]\n')
    assert "ticks" in headwater("plugin", "list").stdout
