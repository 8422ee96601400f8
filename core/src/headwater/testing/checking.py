"""The kit as a function: run it on one plugin, and get what was found."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from headwater.host import Headwater
from headwater.plugins import PluginSource

from . import derived, report
from .conformance import DataSourceConformance
from .features import DataSourceConfig
from .report import PROPERTY, checks_of, worse

__all__ = ["CheckResult", "PluginChecks", "check_plugin"]


@frozen
class CheckResult:
    """What one check of the kit found. `outcome` is passed, failed, declined, or not run."""

    suite: str
    area: str
    check: str
    """The rule, as a name: `a_wrong_query_is_not_the_plugins_fault`."""
    outcome: str
    contract: str
    """The rule in words."""
    reason: str = ""
    """Why it declined or did not run."""
    happened: str = ""
    mend: str = ""
    """Where to mend what, of a check that failed; empty if the exception was none of the kit's."""
    traceback: str = ""


@frozen
class PluginChecks:
    """All that was found. `errors` are those of suites that could not be read."""

    results: tuple[CheckResult, ...]
    errors: tuple[str, ...] = ()

    @property
    def conforms(self) -> bool:
        """Whether something was checked, and nothing failed."""
        return not self.errors and "passed" in self.outcomes and "failed" not in self.outcomes

    @property
    def outcomes(self) -> frozenset[str]:
        """Those that there are."""
        return frozenset(each.outcome for each in self.results)


def check_plugin(
    plugin_id: str,
    suites: Sequence[Path] = (),
    *,
    config: DataSourceConfig | None = None,
    probes: Mapping[str, Any] | None = None,
    sources: Sequence[PluginSource] = (),
    only: str = "",
    junit: Path | None = None,
    seen: Callable[[CheckResult], None] | None = None,
) -> PluginChecks:
    """Run the kit on a plugin, in this process.

    `suites` are files or folders with subclasses of DataSourceConformance for it. Without them a suite is
    made from the plugin's examples, for the data source `config`, with `probes` as `derived.PROBES` names
    them. `only` is an area, or part of a check's name; `seen` gets each result as it comes. Raises
    PluginNotRegisteredError, PluginUnavailableError; ValidationError for probes that cannot be.
    """
    with Headwater(plugin_sources=sources, allow_plugins={plugin_id}) as headwater:
        info = headwater.plugin_info(plugin_id)
    DataSourceConformance.plugin_sources = tuple(sources)
    if suites:
        arguments = list(map(str, suites))
    else:
        derived.derive(info, config or DataSourceConfig(), probes or {}, sources)
        arguments = [derived.__file__, "-c", os.devnull, "-p", "no:cacheprovider", "--import-mode=importlib"]
    if find_spec("xdist") and not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        arguments.append("-n0")  # its processes would not know the sources
    if junit is not None:
        arguments.append(f"--junitxml={junit}")
    watcher = _Watcher(info.id, only, seen)
    with contextlib.redirect_stdout(io.StringIO()):
        code = pytest.main(arguments, [report, watcher])
    if code is pytest.ExitCode.INTERRUPTED and not watcher.errors:
        raise KeyboardInterrupt
    return PluginChecks(tuple(watcher.results.values()), tuple(watcher.errors))


class _Watcher:
    """A plugin of pytest: picks the kit's checks of one plugin, and collects what they find."""

    def __init__(self, plugin_id: str, only: str, seen: Callable[[CheckResult], None] | None) -> None:
        self.results: dict[str, CheckResult] = {}
        self.errors: list[str] = []
        self._plugin_id = plugin_id
        self._only = only.replace(" ", "_")
        self._seen = seen
        self._stdout = sys.stdout  # where the caller's lines go, while pytest's go nowhere

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.errors.append(report.longreprtext)

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        wanted = [item for item in items if self._wants(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
        items[:] = wanted

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, note in report.user_properties:
            if name == PROPERTY and isinstance(note, dict) and note["outcome"] is not None:
                self._note(report, note)
        if report.when == "teardown" and self._seen is not None and report.nodeid in self.results:
            with contextlib.redirect_stdout(self._stdout):
                self._seen(self.results[report.nodeid])

    def _wants(self, item: pytest.Item) -> bool:
        suite = getattr(item, "cls", None)
        if suite is None or not issubclass(suite, DataSourceConformance):
            return False
        name = getattr(item, "originalname", "")
        area = checks_of(DataSourceConformance).get(name)
        ours = getattr(suite, "plugin_id", "") == self._plugin_id
        return ours and area is not None and (self._only in name or self._only == area)

    def _note(self, report: pytest.TestReport, note: Mapping[str, Any]) -> None:
        known = self.results.get(report.nodeid)
        if known is not None and not worse(note["outcome"], known.outcome):
            return
        result = CheckResult(
            suite=note["suite"],
            area=note["area"],
            check=note["check"],
            outcome=note["outcome"],
            contract=_contract(note["check"]),
            reason=note.get("reason", ""),
        )
        if report.failed:
            result = evolve(
                result, happened=note["happened"], mend=note["mend"], traceback=report.longreprtext
            )
        self.results[report.nodeid] = result


def _contract(check: str) -> str:
    """The check's name as a sentence, and what its docstring adds."""
    sentence = f"{check[0].upper()}{check[1:].replace('_', ' ')}."
    more = getattr(DataSourceConformance, f"test_{check}").__doc__ or ""
    return " ".join(f"{sentence} {more}".split())
