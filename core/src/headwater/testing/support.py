"""The kit's results as Markdown tables: `python -m headwater.testing.support support.json`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .conformance import DataSourceConformance
from .report import checks_of

__all__ = ["support_tables"]


def support_tables(suites: Mapping[str, Any]) -> str:
    """Capabilities and areas by suite, and every check that did not simply pass, with its reason.

    Raises ValueError if a check of the kit is missing from a suite: a table of part of them would mislead.
    """
    for title, suite in suites.items():
        if missing := [check for check in _kit() if check not in suite["checks"]]:
            raise ValueError(f"{title}: no result of {', '.join(missing)}")
    return "\n\n".join(
        (
            "## Declared capabilities\n\n" + _capabilities(suites),
            "## Checks passed, by area\n\n" + _areas(suites),
            "## Checks that did not simply pass\n\n" + _exceptions(suites),
        )
    )


def _kit() -> dict[str, str]:
    return {name.removeprefix("test_"): area for name, area in checks_of(DataSourceConformance).items()}


def _capabilities(suites: Mapping[str, Any]) -> str:
    names = sorted({name for suite in suites.values() for name in suite["features"]})
    rows = [
        [name.replace("_", " "), *(suite["features"].get(name, "") for suite in suites.values())]
        for name in names
    ]
    return _table(["Capability", *suites], rows)


def _areas(suites: Mapping[str, Any]) -> str:
    areas = dict.fromkeys(_kit().values())
    rows = [[area, *(_cell(suite["checks"], area) for suite in suites.values())] for area in areas]
    return _table(["Area", *suites], rows)


def _cell(checks: Mapping[str, Any], area: str) -> str:
    outcomes = Counter(check["outcome"] for check in checks.values() if check["area"] == area)
    others = "".join(
        f", {count} {outcome}" for outcome, count in sorted(outcomes.items()) if outcome != "passed"
    )
    return f"{outcomes['passed']} of {outcomes.total()}{others}"


def _exceptions(suites: Mapping[str, Any]) -> str:
    rows = [
        [title, check.replace("_", " "), _verdict(result)]
        for title, suite in suites.items()
        for check, result in suite["checks"].items()
        if result["outcome"] != "passed" or result.get("own")
    ]
    return _table(["Plugin", "Check", "Outcome"], rows) if rows else "None."


def _verdict(result: Mapping[str, Any]) -> str:
    reason = f": {result['reason']}" if "reason" in result else ""
    return f"{result['outcome']}{reason}{', in a version of the plugin’s own' if result.get('own') else ''}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    print(support_tables(json.loads(Path(sys.argv[1]).read_text())["suites"]))
