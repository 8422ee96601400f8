"""The comparison runs to its end, in its quick mode and without what it would install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from comparison.plan import COMPARISONS

ROOT = Path(__file__).parent.parent


@pytest.mark.timeout(600)
def test_the_comparison_measures_every_contender_and_writes_its_report(tmp_path: Path) -> None:
    needed = os.pathsep.join((str(ROOT / "benchmarks"), str(ROOT / "tests")))
    subprocess.run(
        [sys.executable, "-m", "comparison", "--quick", "--without-peers", "--output", str(tmp_path)],
        check=True, env={**os.environ, "PYTHONPATH": needed}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    figures = json.loads((tmp_path / "figures.json").read_text())
    measured = {(each["comparison"], each["contender"], each["point"]) for each in figures}
    report = (tmp_path / "report.md").read_text()
    for comparison in COMPARISONS:
        assert f"({comparison.name}.svg)" in report
        assert ET.parse(tmp_path / f"{comparison.name}.svg").getroot().tag.endswith("svg")
        for contender in comparison.contenders:
            if not contender.environment:
                assert {(comparison.name, contender.title, point) for point in comparison.quick} <= measured
    assert all(each["seconds"] > 0 and each["cpu"] > 0 and each["peak_mb"] > 1 for each in figures)
