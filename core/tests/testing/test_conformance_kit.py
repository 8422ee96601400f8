"""Every check of the kit can fail: each seeded fault fails exactly its check."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headwater.testing import DataSourceConformance

SITE = Path(__file__).parent / "seeded"

FAULTS = {
    "wrong_id": "the_plugin_loads_and_describes_itself_by_its_entry_points_name",
    "any_core": "the_distribution_bounds_the_core_it_works_with",
    "imports_arrow": "importing_the_plugin_imports_neither_arrow_nor_its_driver",
    "untyped": "the_package_is_typed",
    "ignores_unknown_settings": "an_unknown_setting_is_refused_by_name",
    "takes_wrong_types": "a_setting_of_the_wrong_type_is_refused_by_name",
    "schema_lies_about_a_default": "the_defaults_of_the_schema_change_nothing",
    "tells_the_secret": "a_secret_never_shows_in_health_errors_or_logs",
    "keeps_the_secret": "a_built_instance_holds_no_secret_in_plain_sight",
    "connects_when_built": "building_an_instance_opens_nothing",
    "shares_state": "two_data_sources_share_no_state",
    "stale_settings": "an_edit_takes_effect_at_the_next_query",
    "leaks_threads": "closing_the_host_leaves_no_thread_and_no_file_open",
    "leaks_files": "closing_the_host_leaves_no_thread_and_no_file_open",
    "closes_once": "an_instance_can_be_closed_unused_and_twice",
    "health_lies": "a_live_source_is_ok",
    "health_raises": "a_refused_connection_is_a_result_not_an_exception",
    "health_hangs": "a_server_that_never_answers_is_reported_in_time",
    "answers_vary": "the_same_query_has_the_same_answer",
    "loses_ref_ids": "frames_carry_their_querys_ref_id",
    "empty_without_schema": "an_empty_answer_keeps_its_schema",
    "widens_types": "every_type_keeps_its_values",
    "mangles_text": "text_of_every_script_arrives_unchanged",
    "renames_duplicates": "two_columns_of_one_name_are_both_there",
    "cuts_silently": "a_row_limit_cuts_with_a_notice",
    "notice_without_a_cut": "an_answer_of_exactly_the_limit_has_no_notice",
    "one_big_batch": "all_rows_come_in_several_batches",
    "loses_the_last_batch": "all_rows_come_in_several_batches",
    "buffers_everything": "memory_stays_bounded_while_batches_are_thrown_away",
    "spoilt_by_leaving": "a_consumer_that_leaves_early_does_no_harm",
    "pastes_parameters": "hostile_values_come_back_as_they_are",
    "missing_parameter_is_a_bug": "a_missing_parameter_is_the_callers_error",
    "ignores_cancel": "another_thread_can_cancel_a_query",
    "ignores_deadlines": "a_deadline_ends_a_query",
    "spoilt_by_cancel": "the_source_is_usable_after_a_cancelled_query",
    "wrong_query_is_a_bug": "a_wrong_query_is_not_the_plugins_fault",
    "refused_is_a_bug": "a_refused_connection_is_downstream",
    "loses_the_cause": "a_refused_connection_is_downstream",
    "fails_neighbours": "a_wrong_query_does_not_fail_its_neighbour",
    "resource_is_not_json": "a_declared_resource_answers_json",
    "invents_resources": "an_unknown_resource_is_not_found",
    "serves_any_path": "no_path_escapes_the_declared_routes",
    "mixes_up_threads": "threads_see_the_answers_a_single_one_sees",
}

SUITE = """
import pyarrow as pa, pytest, socket, threading
from headwater.testing import *

class TestSeeded(DataSourceConformance):
    plugin_id = "seeded"
    patience = 0.5
    probes = Probes(
        simple={"kind": "simple"}, wrong={"kind": "wrong"}, empty={"kind": "empty"}, slow={"kind": "slow"},
        rows=lambda count: {"kind": "rows", "count": count},
        text=lambda text: {"kind": "words", "text": text},
        duplicate_columns={"kind": "duplicates"},
        types=(TypeProbe("int8", {"kind": "typed"}, pa.int8(), (1, None, -128)),),
        parameter=ParameterProbe(lambda value: ({"kind": "bound"}, [value])),
        resource="about",
    )

    @pytest.fixture(scope="class")
    def server(self):
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
            threading.Thread(target=greet, args=(listener,), name="MainThread-server", daemon=True).start()
            yield listener.getsockname()[1]
            listener.shutdown(socket.SHUT_RDWR)

    @pytest.fixture
    def config(self, server):
        return DataSourceConfig(url=f"seeded://127.0.0.1:{server}", secure_json_data={"password": "s3cret"})

def greet(listener):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.sendall(b"hello")
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[set[str], set[str]]]:
    """Passed and failed checks by fault; each run is a process, as an author's would be."""

    def run(fault: str) -> tuple[set[str], set[str]]:
        return run_kit(tmp_path_factory.mktemp(fault or "sound"), fault)

    faults = ["", *FAULTS]
    with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as threads:
        return dict(zip(faults, threads.map(run, faults), strict=True))


def run_kit(folder: Path, fault: str) -> tuple[set[str], set[str]]:
    shutil.copytree(SITE, folder, dirs_exist_ok=True)
    if fault == "untyped":
        (folder / "headwater_seeded" / "py.typed").unlink()
    requirement = "headwater" if fault == "any_core" else "headwater>=0.1,<1"
    metadata = folder / "headwater_seeded-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: headwater-seeded\nVersion: 1.0\nRequires-Dist: {requirement}\n"
    )
    (metadata / "entry_points.txt").write_text(
        "[headwater.datasources.v1]\nseeded = headwater_seeded.plugin:SeededPlugin\n"
    )
    (folder / "test_seeded.py").write_text(SUITE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--junit-xml=report.xml", folder],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder), "SEEDED_FAULT": fault,
             "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    cases = ET.parse(folder / "report.xml").iter("testcase")
    passed: set[str] = set()
    failed: set[str] = set()
    for case in cases:
        check = case.attrib["name"].partition("[")[0].removeprefix("test_")
        assert case.find("skipped") is None, f"{check} was skipped"
        (passed if len(case) == 0 else failed).add(check)
    return passed - failed, failed


def test_a_sound_data_source_passes_every_check(outcomes: dict[str, tuple[set[str], set[str]]]) -> None:
    passed, failed = outcomes[""]
    assert not failed
    assert passed == all_checks()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_exactly_its_check(fault: str, outcomes: dict[str, tuple[set[str], set[str]]]) -> None:
    _, failed = outcomes[fault]
    assert failed == {FAULTS[fault]}


def test_every_check_has_a_fault() -> None:
    assert set(FAULTS.values()) == all_checks()


def all_checks() -> set[str]:
    return {name.removeprefix("test_") for name in dir(DataSourceConformance) if name.startswith("test_")}
