"""A pytest plugin that writes down what the conformance kit found, check by check.

`pytest -p headwater.testing.report --headwater-report support.json` writes the results of every suite that
ran, `--headwater-expect support.json` fails a run whose suites give other results than written there. Paths
are relative to pytest's root folder. Results of suites that did not run stay in the file as they were.
`--headwater-plugin-source headwater_grafana:Isolation` checks plugins in processes of their own.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import pytest

from .conformance import DataSourceConformance
from .conformance.mending import ConformanceError

__all__ = ["PROPERTY", "checks_of", "differences", "worse"]

PROPERTY = "headwater.conformance"
_AREAS = f"{DataSourceConformance.__module__}."
_WORST_FIRST = ("failed", "not run", "declined", "passed")

Suites = dict[str, dict[str, Any]]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("headwater", "conformance of Headwater data sources")
    group.addoption("--headwater-report", metavar="FILE", help="write the kit's results to FILE, as JSON")
    group.addoption(
        "--headwater-expect",
        metavar="FILE",
        help="fail if checks have other outcomes than in FILE; not with --headwater-report",
    )
    group.addoption(
        "--headwater-plugin-source",
        metavar="MODULE:CLASS",
        help="check plugins where this source runs them, such as headwater_grafana:Isolation",
    )


def pytest_configure(config: pytest.Config) -> None:
    expected: str | None = config.getoption("--headwater-expect")
    if source := config.getoption("--headwater-plugin-source"):
        module, _, name = source.partition(":")
        DataSourceConformance.plugin_sources = (getattr(import_module(module), name)(),)
    if expected and not config.getoption("--headwater-report") and not (config.rootpath / expected).is_file():
        raise pytest.UsageError(f"--headwater-expect: there is no file {expected} in {config.rootpath}")
    if not hasattr(config, "workerinput"):  # of pytest-xdist, whose controller sees every report
        config.pluginmanager.register(_Recorder(config), "headwater-conformance-recorder")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes suite and check with the report, which is all that reaches the controller of pytest-xdist."""
    report = yield
    suite = getattr(item, "cls", None)
    if suite is not None and issubclass(suite, DataSourceConformance):
        name = item.originalname  # type: ignore[attr-defined]
        if (area := checks_of(DataSourceConformance).get(name)) is not None:
            note = _note(suite, area, name, report)
            if call.excinfo is not None and report.failed:
                note.update(_failure(call.excinfo.value))
            report.user_properties.append((PROPERTY, note))
    return report


class _Recorder:
    """Collects outcomes; at the end writes and compares them."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.suites: Suites = {}
        self.wrong: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, note in report.user_properties:
            if name == PROPERTY and isinstance(note, dict):
                _add(self.suites, note)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.suites and (target := self._path("--headwater-report")):
            known: Suites = json.loads(target.read_text())["suites"] if target.exists() else {}
            suites = dict(sorted({**known, **_sorted(self.suites)}.items()))
            target.write_text(json.dumps({"suites": suites}, indent=1, ensure_ascii=False) + "\n")
        elif self.suites and (source := self._path("--headwater-expect")):
            self.wrong = differences(json.loads(source.read_text())["suites"], self.suites)
            if self.wrong and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.wrong:
            terminalreporter.section("conformance differs from what is written", red=True)
            for line in self.wrong:
                terminalreporter.line(line)

    def _path(self, option: str) -> Path | None:
        value: str | None = self.config.getoption(option)
        return self.config.rootpath / value if value else None


def checks_of(suite: type) -> dict[str, str]:
    """The kit's checks in `suite`, each with its area, in the kit's order."""
    found: dict[str, str] = {}
    for kind in suite.__mro__:
        if kind.__module__.startswith(_AREAS):
            area = kind.__module__.removeprefix(_AREAS)
            found.update({name: area for name in vars(kind) if name.startswith("test_")})
    return found


def worse(outcome: str, than: str) -> bool:
    """Whether `outcome` counts before `than`, of several cases of one check."""
    return _WORST_FIRST.index(outcome) < _WORST_FIRST.index(than)


def differences(expected: Mapping[str, Any], suites: Mapping[str, Any]) -> list[str]:
    """One line for each way in which `suites` of a run contradict the results in `expected`.

    A suite of which only some checks were asked for, or whose server could not be had, is compared as far as
    it ran.
    """
    lines = []
    for title, suite in suites.items():
        if title not in expected:
            lines.append(f"{title}: no results written")
            continue
        written = expected[title]
        if suite["features"] != written["features"]:
            lines.append(f"{title}: declares {suite['features']}, written is {written['features']}")
        for check, result in suite["checks"].items():
            if result["outcome"] != "not run" and result != written["checks"].get(check):
                lines.append(f"{title}: {check}: {result}, written is {written['checks'].get(check)}")
    return lines


def _note(
    suite: type[DataSourceConformance], area: str, check: str, report: pytest.TestReport
) -> dict[str, Any]:
    note: dict[str, Any] = {
        "suite": suite.title or suite.plugin_id,
        "plugin": suite.plugin_id,
        "features": {name: str(support) for name, support in attrs.asdict(suite.features).items()},
        "check": check.removeprefix("test_"),
        "area": area,
        "outcome": _outcome(report),
    }
    if report.skipped and isinstance(report.longrepr, tuple):
        note["reason"] = str(report.longrepr[2]).removeprefix("Skipped: ")
    if getattr(suite, check) is not getattr(DataSourceConformance, check):
        note["own"] = True
    return note


def _failure(error: BaseException) -> dict[str, str]:
    """What happened, and what to mend where; of an exception that no check expects, its kind and words."""
    if isinstance(error, ConformanceError) and error.happened:
        return {"happened": error.happened, "mend": error.mend}
    first = (str(error).strip().splitlines() or [""])[0]
    return {"happened": f"{type(error).__name__}: {first}", "mend": ""}


def _outcome(report: pytest.TestReport) -> str | None:
    """The kit declines a check in its body; a skip before that is a server which could not be had."""
    if report.failed:
        return "failed"
    if report.skipped:
        return "declined" if report.when == "call" else "not run"
    return "passed" if report.when == "call" else None


def _add(suites: Suites, note: dict[str, Any]) -> None:
    """Of several cases of one check, such as versions of a server, the worst counts."""
    suite = suites.setdefault(
        note["suite"], {"plugin": note["plugin"], "features": note["features"], "checks": {}}
    )
    if note["outcome"] is None:
        return
    result = {key: note[key] for key in ("area", "outcome", "reason", "own") if key in note}
    known = suite["checks"].setdefault(note["check"], result)
    if worse(result["outcome"], known["outcome"]):
        suite["checks"][note["check"]] = result


def _sorted(suites: Suites) -> Suites:
    """Checks in the kit's order, whatever order they ran in."""
    order = [name.removeprefix("test_") for name in checks_of(DataSourceConformance)]
    return {
        title: {**suite, "checks": {name: suite["checks"][name] for name in order if name in suite["checks"]}}
        for title, suite in suites.items()
    }
