"""The page on installing, followed to the letter in a fresh clone; the pages that rely on it name it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from built import ROOT, run

PAGE = ROOT / "docs" / "how-to" / "install.md"
INSTALLING = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"))
    if re.search(r"^(\$ )?pip install .*\bheadwater", path.read_text(), re.MULTILINE)
)


@pytest.mark.parametrize("page", INSTALLING)
def test_a_page_that_installs_names_the_one_that_says_where_from(page: str) -> None:
    assert re.search(r"\]\(\S*install\.md\)", (ROOT / page).read_text())


def test_after_the_commands_of_the_page_pip_finds_every_distribution(tmp_path: Path) -> None:
    [commands] = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", "--depth=1", ROOT.as_uri(), clone)
    fresh = f"{sys.executable} -m venv {tmp_path}/fresh && cd {tmp_path}"
    install = "fresh/bin/pip install --quiet headwater headwater-testdata 'headwater[testing]'"
    known = "fresh/bin/pip download --quiet --no-deps --dest found headwater-mysql headwater-server"
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    run("bash", "-ec", f"{commands}\n{fresh}\n{install}\n{known}", cwd=clone, **home)
    printed = run(tmp_path / "fresh" / "bin" / "python", "-c", "import headwater_testdata; print('there')")
    assert printed == "there\n"
    names = {path.name.partition("-")[0] for path in (tmp_path / "found").iterdir()}
    assert names == {"headwater_mysql", "headwater_server"}
