"""The artefacts, not the tree: each wheel is whole, and together they work without any source."""

from __future__ import annotations

import email.parser
import zipfile
from pathlib import Path

import pytest
from artefacts import Environment

TEMPLATE = "headwater_server/cookiecutter/"


def test_every_wheel_is_typed_licensed_and_without_tests(wheels: dict[str, Path]) -> None:
    for wheel in wheels.values():
        names = zipfile.ZipFile(wheel).namelist()
        assert any(name.endswith("/py.typed") for name in names), wheel.name
        assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names), wheel.name
        own = [name for name in names if not name.startswith(TEMPLATE)]
        assert not [name for name in own if "tests/" in name or "test_" in name], wheel.name


def test_every_other_wheel_asks_for_a_range_of_the_core(wheels: dict[str, Path]) -> None:
    for folder, wheel in wheels.items():
        archive = zipfile.ZipFile(wheel)
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        parsed = email.parser.Parser().parsestr(archive.read(metadata).decode())
        required = [line.replace(" ", "") for line in parsed.get_all("Requires-Dist", [])]
        on_core = [line for line in required if line.startswith(("headwater<", "headwater>", "headwater["))]
        assert parsed["License-Expression"] == "Apache-2.0"
        assert folder == "core" or [line for line in on_core if ">=0.1" in line and "<1" in line], wheel.name


@pytest.mark.timeout(600)
def test_a_query_works_from_the_wheels_alone(clean: Environment) -> None:
    clean.run("headwater", "ds", "add", "demo", "--type", "testdata")
    printed = clean.run("headwater", "query", "demo", "streaming_rows", "--set", "rows=2", "-o", "csv")
    assert printed.splitlines() == [
        '"id","time","city","value"',
        '0,"2023-11-14T22:13:20.000Z","Zürich",89.39429202831845',
        '1,"2023-11-14T22:13:21.000Z","Genève",91.25972035944531',
    ]
    assert "testdata" in clean.run("headwater", "plugin", "list")


@pytest.mark.timeout(600)
def test_the_three_lines_of_the_readme_work_from_the_wheels_alone(clean: Environment) -> None:
    code = (
        "from headwater import Headwater\n"
        "with Headwater() as headwater:\n"
        "    headwater.add_data_source(name='demo', type='testdata')\n"
        "    print(headwater.query('demo', 'streaming_rows', max_rows=3).num_rows)\n"
    )
    assert clean.run("python", "-c", code).splitlines()[-1] == "3"
