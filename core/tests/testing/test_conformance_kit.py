"""Every check of the kit can fail: each seeded fault fails exactly its check."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from attrs import frozen

from headwater.testing import DataSourceConformance

SITE = Path(__file__).parent / "seeded"

pytestmark = pytest.mark.timeout(1200)  # one fixture runs the kit on every fault


@frozen
class Expected:
    """The check that a fault must fail, and what that has to tell its author to mend."""

    check: str
    mend: str


FAULTS = {
    "wrong_id": Expected("the_plugin_loads_and_describes_itself_by_its_entry_points_name", "SeededPlugin.id"),
    "any_core": Expected(
        "the_distribution_bounds_the_core_it_works_with", "the pyproject.toml of headwater-seeded"
    ),
    "imports_arrow": Expected("importing_the_plugin_imports_neither_arrow_nor_its_driver", "SeededPlugin"),
    "untyped": Expected("the_package_is_typed", "the pyproject.toml of headwater-seeded"),
    "ignores_unknown_settings": Expected("an_unknown_setting_is_refused_by_name", "LooseSettings"),
    "takes_wrong_types": Expected("a_setting_of_the_wrong_type_is_refused_by_name", "UntypedSettings"),
    "schema_lies_about_a_default": Expected("the_defaults_of_the_schema_change_nothing", "SeededSettings"),
    "tells_the_secret": Expected("a_secret_never_shows_in_health_errors_or_logs", "SeededSource"),
    "keeps_the_secret": Expected("a_built_instance_holds_no_secret_in_plain_sight", "SeededSource.__init__"),
    "connects_when_built": Expected("building_an_instance_opens_nothing", "SeededSource.__init__"),
    "shares_state": Expected("two_data_sources_share_no_state", "SeededSource"),
    "stale_settings": Expected("an_edit_takes_effect_at_the_next_query", "SeededPlugin.build"),
    "leaks_threads": Expected("closing_the_host_leaves_no_thread_and_no_file_open", "SeededSource.close"),
    "leaks_files": Expected("closing_the_host_leaves_no_thread_and_no_file_open", "SeededSource.close"),
    "closes_once": Expected("an_instance_can_be_closed_unused_and_twice", "SeededSource.close"),
    "health_lies": Expected("a_live_source_is_ok", "SeededSource.check_health"),
    "health_raises": Expected(
        "a_refused_connection_is_a_result_not_an_exception", "SeededSource.check_health"
    ),
    "health_hangs": Expected("a_server_that_never_answers_is_reported_in_time", "SeededSource.check_health"),
    "answers_vary": Expected("the_same_query_has_the_same_answer", "SeededSource.query"),
    "loses_ref_ids": Expected("frames_carry_their_querys_ref_id", "SeededPlugin.query_data"),
    "empty_without_schema": Expected("an_empty_answer_keeps_its_schema", "SeededSource.query"),
    "widens_types": Expected("every_type_keeps_its_values", "SeededSource.query"),
    "mangles_text": Expected("text_of_every_script_arrives_unchanged", "SeededSource.query"),
    "renames_duplicates": Expected("two_columns_of_one_name_are_both_there", "SeededSource.query"),
    "cuts_silently": Expected("a_row_limit_cuts_with_a_notice", "SeededSource.query"),
    "notice_without_a_cut": Expected("an_answer_of_exactly_the_limit_has_no_notice", "SeededSource.query"),
    "one_big_batch": Expected("all_rows_come_in_several_batches", "SeededSource.query"),
    "loses_the_last_batch": Expected("all_rows_come_in_several_batches", "SeededSource.query"),
    "buffers_everything": Expected(
        "memory_stays_bounded_while_batches_are_thrown_away", "SeededSource.query"
    ),
    "spoilt_by_leaving": Expected("a_consumer_that_leaves_early_does_no_harm", "SeededSource.query"),
    "loses_a_part": Expected("read_tasks_hold_every_row_once", "SeededSource.partitions"),
    "overlaps_parts": Expected("read_tasks_hold_every_row_once", "SeededSource.partitions"),
    "divides_nothing": Expected("read_tasks_hold_every_row_once", "SeededSource.partitions"),
    "claims_filters": Expected("read_tasks_narrow_exactly", "SeededSource.partitions"),
    "forgets_the_user": Expected("a_remembered_answer_is_the_fresh_one", "SeededPlugin.answer_traits"),
    "forgets_the_range": Expected("a_remembered_answer_is_the_fresh_one", "SeededPlugin.answer_traits"),
    "pastes_parameters": Expected("hostile_values_come_back_as_they_are", "SeededSource.query"),
    "fills_placeholders_in_values": Expected("hostile_values_come_back_as_they_are", "SeededSource.query"),
    "names_another_placeholder": Expected(
        "each_kind_of_value_is_bound_by_its_placeholder", "SeededPlugin.parameter_placeholders"
    ),
    "missing_parameter_is_a_bug": Expected("a_missing_parameter_is_the_callers_error", "SeededSource.query"),
    "ignores_cancel": Expected("another_thread_can_cancel_a_query", "SeededSource.query"),
    "ignores_deadlines": Expected("a_deadline_ends_a_query", "SeededSource.query"),
    "spoilt_by_cancel": Expected("the_source_is_usable_after_a_cancelled_query", "SeededSource.query"),
    "wrong_query_is_a_bug": Expected("a_wrong_query_is_not_the_plugins_fault", "SeededSource.query"),
    "refused_is_a_bug": Expected("a_refused_connection_is_downstream", "SeededSource.query"),
    "loses_the_cause": Expected("a_refused_connection_is_downstream", "SeededSource.query"),
    "fails_neighbours": Expected("a_wrong_query_does_not_fail_its_neighbour", "SeededPlugin.query_data"),
    "resource_is_not_json": Expected("a_declared_resource_answers_json", "SeededSource"),
    "invents_resources": Expected("an_unknown_resource_is_not_found", "SeededPlugin.call_resource"),
    "serves_any_path": Expected("no_path_escapes_the_declared_routes", "SeededPlugin.call_resource"),
    "mixes_up_threads": Expected("threads_see_the_answers_a_single_one_sees", "SeededSource.query"),
    "has_a_warning_driver": Expected("a_query_raises_no_warning", "SeededSource.query"),
}

SUITE = """
import pyarrow as pa, pytest, socket, threading
from headwater.testing import *

@pytest.fixture(scope="module")
def server():
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        threading.Thread(target=greet, args=(listener,), name="MainThread-server", daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)

class TestSeeded(DataSourceConformance):
    plugin_id = "seeded"
    patience = 0.5
    probes = Probes(
        simple={"kind": "simple"}, wrong={"kind": "wrong"}, empty={"kind": "empty"}, slow={"kind": "slow"},
        rows=lambda count: {"kind": "rows", "count": count},
        text=lambda text: {"kind": "words", "text": text},
        duplicate_columns={"kind": "duplicates"},
        types=(TypeProbe("int8", {"kind": "typed"}, pa.int8(), (1, None, -128)),),
        parameter=ParameterProbe(
            lambda value: ({"kind": "bound"}, [value]), placed=lambda name, _: {"kind": "bound", "text": name}
        ),
        divisible={"kind": "rows", "count": 100},
        over_time={"kind": "series"},
        resource="about",
    )

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


@frozen
class Outcome:
    """The checks that passed, and the messages of those that failed."""

    passed: set[str]
    failed: dict[str, str]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What happened by fault; each run is a process, as an author's would be."""
    folder = tmp_path_factory.mktemp("kit")  # here: the factory is not for several threads at once

    def run(fault: str) -> Outcome:
        return run_kit(folder / (fault or "sound"), fault)

    faults = ["", *FAULTS]
    with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as threads:
        return dict(zip(faults, threads.map(run, faults), strict=True))


def run_kit(folder: Path, fault: str) -> Outcome:
    shutil.copytree(SITE, folder)
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
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "--junit-xml=report.xml",
         folder],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder), "SEEDED_FAULT": fault,
             "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    report = folder / "report.xml"
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert report.exists(), done.stdout + done.stderr
    cases = ET.parse(report).iter("testcase")
    passed: set[str] = set()
    failed: dict[str, str] = {}
    for case in cases:
        check = case.attrib["name"].partition("[")[0].removeprefix("test_")
        assert case.find("skipped") is None, f"{check} was skipped"
        if len(case) == 0:
            passed.add(check)
        else:
            failed[check] = case[0].attrib["message"]
    return Outcome(passed - failed.keys(), failed)


def test_a_sound_data_source_passes_every_check(outcomes: dict[str, Outcome]) -> None:
    assert outcomes[""] == Outcome(all_checks(), {})


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_exactly_its_check(fault: str, outcomes: dict[str, Outcome]) -> None:
    assert set(outcomes[fault].failed) == {FAULTS[fault].check}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_failure_ends_in_one_line_that_says_what_to_mend_and_where(
    fault: str, outcomes: dict[str, Outcome]
) -> None:
    message = outcomes[fault].failed[FAULTS[fault].check]
    place = "the pyproject.toml of headwater-seeded"
    if FAULTS[fault].mend != place:
        place = re.escape(FAULTS[fault].mend) + r" \(headwater_seeded/\w+\.py:\d+\)"
    assert re.fullmatch(rf"headwater\.testing\.ConformanceError: \S.+\. Mend {place}: \S.+", message), message
    assert "assert " not in message


def test_what_was_left_open_is_named(outcomes: dict[str, Outcome]) -> None:
    (message,) = outcomes["leaks_files"].failed.values()
    assert re.search(r"left open: /\S+ \(deleted\)", message)


def test_every_check_has_a_fault() -> None:
    assert {each.check for each in FAULTS.values()} == all_checks()


def all_checks() -> set[str]:
    return {name.removeprefix("test_") for name in dir(DataSourceConformance) if name.startswith("test_")}
