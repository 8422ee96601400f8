"""`examples/dagster_assets.py`, run by Dagster in this process: `nox -s orchestrators` installs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest

pytest.importorskip("dagster", reason="nox -s orchestrators installs Dagster")

import dagster as dg

from servers.example_app import EXAMPLES

SOURCES = """
apiVersion: 1
datasources: [{name: demo, type: testdata}, {name: more, type: testdata}]
"""


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import dagster_assets

    yield dagster_assets
    del sys.modules["dagster_assets"]


def run(example: ModuleType, path: Path, provisioning: str = "", **config: Any) -> Any:
    return dg.materialize(
        [example.readings, example.data_source_is_well],
        resources={"data_sources": example.DataSources(provisioning=provisioning)},
        run_config=dg.RunConfig(ops={"readings": example.Target(path=str(path), **config)}),
        raise_on_error=False,
    )


def test_a_run_writes_the_rows_and_says_how_many_and_that_the_data_source_is_well(
    example: ModuleType, tmp_path: Path
) -> None:
    done = run(example, tmp_path / "readings.parquet")
    assert done.success
    (event,) = done.asset_materializations_for_node("readings")
    rows = pq.read_table(tmp_path / "readings.parquet").num_rows
    assert event.metadata["dagster/row_count"].value == rows > 0
    assert [check.passed for check in done.get_asset_check_evaluations()] == [True]


def test_data_sources_come_from_a_file(example: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text(SOURCES)
    done = run(example, tmp_path / "more.parquet", str(tmp_path / "sources.yaml"), data_source="more")
    assert done.success


def test_an_error_of_the_query_fails_the_step_and_says_why(example: ModuleType, tmp_path: Path) -> None:
    failed = run(example, tmp_path / "none.parquet", data_source="nothing")
    assert not failed.success
    events = [each.event_type_value for each in failed.events_for_node("readings")]
    assert "STEP_UP_FOR_RETRY" not in events, "it would fail again"
    assert "There is no data source 'nothing'" in failed.failure_data_for_node("readings").error.to_string()


def test_what_the_file_defines_can_be_loaded(example: ModuleType) -> None:
    example.defs.get_repository_def().load_all_definitions()
    assert example.defs.resolve_job_def("hourly").name == "hourly"
