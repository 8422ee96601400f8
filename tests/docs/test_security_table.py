"""The threats of SECURITY.md name tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| (?P<threat>.+?) \| (?P<rule>.+?) \| `(?P<file>[\w/.]+)::(?P<test>\w+)` \|$")


def test_every_threat_has_a_rule_and_a_test_that_exists() -> None:
    table = (ROOT / "SECURITY.md").read_text().partition("## Threats")[2]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert len(lines) > 40

    wanting = [line for line in lines if not _names_a_test(line)]

    assert wanting == []


def _names_a_test(line: str) -> bool:
    row = _ROW.match(line)
    return row is not None and row["test"] in _tests_of(row["file"])


def _tests_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text()) if (ROOT / file).is_file() else ast.Module([], [])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
