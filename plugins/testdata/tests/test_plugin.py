from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import Headwater
from headwater.errors import QueryError, ValidationError
from headwater.models import HealthStatus
from headwater_testdata.scenarios import SCENARIOS


@pytest.fixture
def headwater() -> Iterator[Headwater]:
    with Headwater() as host:
        host.add_data_source(name="demo", type="testdata")
        yield host


def test_the_plugin_is_found_by_its_entry_point_and_answers_a_scenarios_name(headwater: Headwater) -> None:
    assert headwater.query("demo", "random_walk").table.column_names == ["time", "value"]


def test_importing_the_plugin_loads_neither_pyarrow_nor_numpy() -> None:
    code = "import sys, headwater_testdata.plugin; print({'pyarrow', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_unknown_scenario_names_the_nearest(headwater: Headwater) -> None:
    with pytest.raises(QueryError, match="did you mean 'random_walk'"):
        headwater.query("demo", "random_wlak")


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"rows": -1}, "rows"),
        ({"rows": "many"}, "rows"),
        ({"format": "tall"}, "format"),
        ({"types": "a"}, "types"),
    ],
)
def test_a_bad_key_is_named(headwater: Headwater, keys: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError, match=f"^{path}: "):
        headwater.query("demo", {"scenario": "logs", **keys})


def test_health_is_as_configured(headwater: Headwater) -> None:
    headwater.add_data_source(name="ill", type="testdata", json_data={"healthError": "out of order"})
    headwater.add_data_source(name="keyed", type="testdata", secure_json_data={"apiKey": "k"})
    assert headwater.check_health("demo").status is HealthStatus.OK
    assert headwater.check_health("ill").status is HealthStatus.ERROR
    assert headwater.check_health("ill").message == "out of order"
    assert headwater.check_health("keyed").details["apiKey"] == "set"
    assert headwater.check_health("demo").details["apiKey"] == "not set"


def test_the_seed_of_the_data_source_is_the_default(headwater: Headwater) -> None:
    headwater.add_data_source(name="seeded", type="testdata", json_data={"seed": 9})
    rows = {"scenario": "streaming_rows", "rows": 5}
    assert headwater.query("seeded", rows).table == headwater.query("demo", {**rows, "seed": 9}).table


def test_resources_list_the_scenarios(headwater: Headwater) -> None:
    listed = json.loads(headwater.call_resource("demo", "scenarios").body)
    assert [scenario["id"] for scenario in listed] == list(SCENARIOS)
    one = json.loads(headwater.call_resource("demo", "scenarios/csv").body)
    assert one["keys"] == ["csvContent"]


def test_a_schema_browser_sees_scenarios_as_tables(headwater: Headwater) -> None:
    tables = json.loads(headwater.call_resource("demo", "tables").body)
    assert [table["name"] for table in tables] == list(SCENARIOS)
    answer = headwater.call_resource("demo", "columns", query_string="table=streaming_rows")
    assert [column["name"] for column in json.loads(answer.body)] == ["id", "time", "city", "value"]


def test_the_readme_names_every_scenario() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    assert [name for name in SCENARIOS if f"| `{name}` |" not in readme] == []
