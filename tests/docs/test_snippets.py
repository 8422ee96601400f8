"""Every snippet of the documentation runs, and prints what the page says."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from servers.process import find_program, unavailable

ROOT = Path(__file__).parents[2]
RUNNER = Path(__file__).with_name("snippets.py")
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "*/README.md", "plugins/*/README.md", "docs/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
    if ".venv" not in path.parts and ".nox" not in path.parts
)
_PAGE_SECONDS = 280


@pytest.mark.parametrize("page", PAGES)
def test_the_snippets_of_a_page_run(page: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    text = (ROOT / page).read_text()
    if not snippets_of(text):
        pytest.skip("no snippets")
    if re.search(r"^\$ .*\bcurl ", text, re.MULTILINE) and find_program("curl") is None:
        unavailable("curl is needed for the console blocks")
    for outcome in run_page(ROOT / page, tmp_path, servers_for(text, request)):
        place = f"{page}:{outcome['line']}"
        assert "error" not in outcome, f"{place}\n{outcome['error']}"
        if outcome["expected"] is not None:
            expected, output = str(outcome["expected"]), str(outcome["output"])
            assert matches(expected, output), f"{place} prints\n{output}\nand not\n{expected}"


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a \n\n", True),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("took ... ms\n", "took 12 ms\n", True),
        ("a\n", "b\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_three_dots_stand_for_anything_and_nothing_else_does(expected: str, output: str, same: bool) -> None:
    assert matches(expected, output) is same


def test_a_failing_snippet_fails_its_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n```console\n$ test 1 = 2\n```\n```python\nprint(x)\n```\n")
    outcomes = run_page(page, tmp_path / "work", {})
    assert [("error" in outcome) for outcome in outcomes] == [False, True]


def snippets_of(text: str) -> bool:
    return "```python" in text or "```console" in text


def servers_for(text: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """`HEADWATER_TEST_<SERVER>_URL` for each server that the page names, started by its fixture."""
    needed = sorted(set(re.findall(r"^ *<!--\s*needs:\s*(\w+)\s*-->\s*```", text, re.MULTILINE)))
    return {f"HEADWATER_TEST_{name.upper()}_URL": request.getfixturevalue(f"{name}_url") for name in needed}


def run_page(page: Path, folder: Path, servers: dict[str, str]) -> list[dict[str, object]]:
    """Outcomes of the page's blocks, run in `folder` with a data directory of its own."""
    folder.mkdir(exist_ok=True)
    # What a page installs into `.venv` goes first, as if each block had activated it.
    programs = [str(folder / ".venv" / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    environment = {
        **os.environ,
        **servers,
        "HEADWATER_DATA_DIR": str(folder / "data"),
        "PATH": os.pathsep.join(programs),
        "PIP_FIND_LINKS": servers.get("HEADWATER_TEST_WHEELS_URL", ""),
    }
    # A session of its own, so that servers which a page leaves running end with it.
    process = subprocess.Popen(
        [sys.executable, str(RUNNER), str(page)],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        printed, narration = process.communicate(timeout=_PAGE_SECONDS)
    finally:
        end_session(process.pid)
    assert process.returncode == 0, narration
    outcomes: list[dict[str, object]] = json.loads(printed.splitlines()[-1])
    return outcomes


def end_session(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGTERM)
    except ProcessLookupError:
        return


def matches(expected: str, output: str) -> bool:
    """Whether `output` is `expected`, where `...` stands for anything; white space at line ends aside."""
    pattern = ".*?".join(re.escape(part) for part in normal(expected).split("..."))
    return re.fullmatch(pattern, normal(output), re.DOTALL) is not None


def normal(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
