"""Reports of the kit's results: what a run found, all of it, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from headwater.testing import DataSourceConformance
from headwater.testing.report import checks_of, differences
from headwater.testing.support import support_tables

pytest_plugins = "pytester"

SUITE = """
import pytest
from headwater.testing import DataSourceConformance, Features, Support

class TestSome(DataSourceConformance):
    plugin_id = "some"
    features = Features(cancel=Support.NOT_IMPLEMENTED)

    @pytest.fixture
    def headwater(self):
        return None

    @pytest.fixture
    def source(self, request):
        {source}

    def test_a_live_source_is_ok(self, source):
        {health}

    def test_of_the_plugins_own(self, record_property):
        record_property("rows", 7)
"""
SELECT = "live_source or another_thread or plugins_own"


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    def run(*options: str, source: str = "pass", health: str = "pass") -> pytest.RunResult:
        pytester.makepyfile(SUITE.format(source=source, health=health))
        return pytester.runpytest_inprocess(
            "-p", "headwater.testing.report", "-p", "no:cacheprovider", "-k", SELECT, *options
        )

    return run


def results(pytester: pytest.Pytester) -> dict[str, Any]:
    written: dict[str, Any] = json.loads((pytester.path / "found.json").read_text())["suites"]
    return written


def test_a_report_has_an_outcome_and_a_reason_per_check_of_the_kit(
    run: Any, pytester: pytest.Pytester
) -> None:
    assert run("--headwater-report=found.json").ret == 0
    (suite,) = results(pytester).values()
    assert suite["plugin"] == "some"
    assert suite["features"]["cancel"] == "not implemented"
    assert suite["checks"] == {
        "a_live_source_is_ok": {"area": "health", "outcome": "passed", "own": True},
        "another_thread_can_cancel_a_query": {
            "area": "cancellation", "outcome": "declined", "reason": "cancel: not implemented",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "health", "outcome"),
    [
        ("pass", "assert 0", "failed"),
        ("raise OSError", "pass", "failed"),
        ("yield; raise OSError", "pass", "failed"),
        ("pytest.skip('no server')", "pass", "not run"),
        ("pass", "pytest.skip('no such thing')", "declined"),
    ],
)
def test_who_did_not_run_a_check_is_told_apart(
    run: Any, pytester: pytest.Pytester, source: str, health: str, outcome: str
) -> None:
    run("--headwater-report=found.json", source=source, health=health)
    assert results(pytester)["some"]["checks"]["a_live_source_is_ok"]["outcome"] == outcome


def test_the_worst_case_of_a_check_counts(run: Any, pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        def pytest_generate_tests(metafunc):
            if metafunc.function.__name__ == "test_a_live_source_is_ok":
                metafunc.parametrize("source", [1, 2, 3], indirect=True)
    """)
    run("--headwater-report=found.json", source="return request.param", health="assert source != 2")
    assert results(pytester)["some"]["checks"]["a_live_source_is_ok"]["outcome"] == "failed"


def test_suites_that_did_not_run_keep_their_results(run: Any, pytester: pytest.Pytester) -> None:
    other = {"plugin": "other", "features": {}, "checks": {}}
    (pytester.path / "found.json").write_text(json.dumps({"suites": {"other": other}}))
    run("--headwater-report=found.json")
    assert list(results(pytester)) == ["other", "some"]
    assert results(pytester)["other"] == other


def test_a_run_that_finds_what_is_written_passes(run: Any) -> None:
    run("--headwater-report=found.json")
    assert run("--headwater-expect=found.json").ret == 0


def test_a_run_that_finds_something_else_fails_and_says_what(run: Any) -> None:
    run("--headwater-report=found.json")
    result = run("--headwater-expect=found.json", health="pytest.skip('no more')")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*some: a_live_source_is_ok: *no more*written is*passed*"])


def test_a_server_that_is_not_there_contradicts_nothing(run: Any) -> None:
    run("--headwater-report=found.json")
    assert run("--headwater-expect=found.json", source="pytest.skip('no server')").ret == 0


def test_plugins_are_checked_where_a_source_runs_them(
    run: Any, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DataSourceConformance, "plugin_sources", ())
    pytester.makepyfile(elsewhere="class Elsewhere:\n    pass\n")
    pytester.syspathinsert()
    health = "assert [type(each).__name__ for each in self.plugin_sources] == ['Elsewhere']"
    run("--headwater-plugin-source=elsewhere:Elsewhere", health=health).assert_outcomes(passed=2, skipped=1)


def test_a_missing_file_of_expectations_is_said_at_once(run: Any) -> None:
    result = run("--headwater-expect=nowhere.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_unknown_suites_and_other_declarations_are_differences() -> None:
    found = {"some": {"plugin": "some", "features": {"cancel": "full"}, "checks": {}}}
    assert differences({}, found) == ["some: no results written"]
    written = {"some": {**found["some"], "features": {"cancel": "unsupported"}}}
    assert "declares" in differences(written, found)[0]


def test_tables_count_outcomes_and_give_every_reason() -> None:
    checks: dict[str, Any] = {
        name.removeprefix("test_"): {"area": area, "outcome": "passed"}
        for name, area in checks_of(DataSourceConformance).items()
    }
    checks["a_live_source_is_ok"] |= {"outcome": "declined", "reason": "health: unsupported"}
    suite = {"plugin": "some", "features": {"row_limit": "full"}, "checks": checks}

    tables = support_tables({"Some": suite})

    assert "| row limit | full |" in tables
    assert "| health | 2 of 3, 1 declined |" in tables
    assert "| Some | a live source is ok | declined: health: unsupported |" in tables
    assert tables.count("| Some |") == 3


def test_a_suite_of_which_a_part_ran_makes_no_table() -> None:
    with pytest.raises(ValueError, match="Some: no result of the_plugin_loads"):
        support_tables({"Some": {"plugin": "some", "features": {}, "checks": {}}})
