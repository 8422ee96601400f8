"""Fragments beside a distribution become the notes of its next release."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from built import DISTRIBUTIONS, ROOT, run

KINDS = "added|changed|deprecated|removed|fixed|security"


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_fragments_have_names_that_are_understood(folder: str) -> None:
    """Others would be left out of the notes without a word."""
    fragments = {path.name for path in (ROOT / folder / "changes").iterdir()} - {".gitignore"}
    assert {
        name for name in fragments if not re.fullmatch(rf"(\d+|\+[a-z0-9-]+)\.({KINDS})\.md", name)
    } == set()


@pytest.mark.parametrize("folder", DISTRIBUTIONS)
def test_a_release_moves_the_fragments_into_the_changelog(folder: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    project = tmp_path / folder
    shutil.copytree(ROOT / folder / "changes", project / "changes")
    shutil.copy(ROOT / folder / "CHANGELOG.md", project)
    before = (project / "CHANGELOG.md").read_text()
    (project / "changes" / "12.fixed.md").write_text("Nothing is lost any more.\n")
    run("git", "init", "--quiet", cwd=tmp_path)
    notes = [
        "--config",
        "pyproject.toml",
        "--dir",
        folder,
        "--yes",
        "--version",
        "9.8.7",
        "--date",
        "2030-01-02",
    ]
    run(sys.executable, "-m", "towncrier", "build", *notes, cwd=tmp_path)
    after = (project / "CHANGELOG.md").read_text()
    head, _, older = before.partition("<!-- release notes start -->\n")
    assert after.startswith(f"{head}<!-- release notes start -->\n\n## 9.8.7 (2030-01-02)\n")
    assert after.rstrip().endswith(older.strip())
    assert "### Fixed\n\n- Nothing is lost any more. (#12)" in after
    assert [path.name for path in (project / "changes").iterdir()] == [".gitignore"]
