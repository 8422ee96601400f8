"""The committed bundle is what the sources give, and stays small."""

from __future__ import annotations

import filecmp
import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from headwater_server.http.static_files import FOLDER
from servers.process import cache_directory, find_program, unavailable

SOURCES = Path(__file__).parents[2] / "explore"
BUDGET_BYTES = 210_000
LOADED_LATER = ("data_sources-*.js", "views-*.js", "format_sql-*.js")


def test_the_bundle_is_what_the_sources_give(tmp_path: Path) -> None:
    npm, node = find_program("npm"), find_program("node")
    if npm is None or node is None:
        unavailable("npm and node are needed to build the page")
    work = cache_directory("explore-build")
    for name in ("package.json", "package-lock.json", "build.mjs", "index.html"):
        shutil.copy(SOURCES / name, work)
    shutil.rmtree(work / "src", ignore_errors=True)
    shutil.copytree(SOURCES / "src", work / "src")
    install = [npm, "ci", "--no-audit", "--no-fund", "--silent"]
    installed = subprocess.run(install, cwd=work, capture_output=True, text=True, timeout=300, check=False)
    if installed.returncode:
        unavailable(f"npm could not fetch what the page is built from: {installed.stderr.strip()[-300:]}")
    built = tmp_path / "built"
    environment = {**os.environ, "EXPLORE_OUT": str(built)}
    subprocess.run([node, "build.mjs"], cwd=work, env=environment, check=True, timeout=120)
    names = sorted(path.name for path in built.iterdir())
    assert names == sorted(path.name for path in FOLDER.iterdir())
    match, mismatch, errors = filecmp.cmpfiles(built, FOLDER, names, shallow=False)
    assert (sorted(match), mismatch, errors) == (names, [], [])


def test_the_page_is_small_enough_to_load_at_once() -> None:
    files = [path for path in FOLDER.glob("*.[jc]s*") if not any(map(path.match, LOADED_LATER))]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < BUDGET_BYTES


@pytest.mark.parametrize("name", ["preact", "uplot", "@codemirror/view", "@prometheus-io/codemirror-promql"])
def test_licences_of_what_is_bundled_are_shipped(name: str) -> None:
    assert f"{name} " in (FOLDER / "LICENSES.txt").read_text()
