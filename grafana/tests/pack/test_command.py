"""`headwater grafana-pack`, as a person types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEADWATER = str(Path(sys.executable).with_name("headwater"))


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [HEADWATER, "grafana-pack", *map(str, arguments)]
    environment = {**os.environ, "HEADWATER_DATA_DIR": str(cwd / "data")}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_it_prints_the_folder_and_what_to_do_next(tmp_path: Path) -> None:
    done = run("testdata", "dist", "--vendor", "acme", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "dist\n")
    assert "allow_loading_unsigned_plugins = acme-testdata-datasource" in done.stderr
    assert json.loads((tmp_path / "dist/plugin.json").read_text())["id"] == "acme-testdata-datasource"
    assert not (tmp_path / "data").exists()


def test_it_prints_the_archive_where_there_is_one(tmp_path: Path) -> None:
    done = run("testdata", "dist", "--id", "acme-demo-datasource", "--zip", cwd=tmp_path)
    assert done.stdout.strip() == str(tmp_path / "acme-demo-datasource-0.1.0.zip")
    assert (tmp_path / "acme-demo-datasource-0.1.0.zip").is_file()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nobody", "dist"), "Plugin 'nobody' is not registered"),
        (("__expr__", "dist"), "needs the answers to other queries"),
        (("testdata", "dist", "--id", "Demo"), "vendor-name-datasource"),
        (("testdata", "dist", "--venv", "--python", sys.executable), "--python or --venv"),
        (("testdata", "dist", "--requirement", "x"), "--requirement goes with --venv"),
        (("testdata", "dist", "--root-url", "https://x.example/"), "--root-url goes with --sign"),
        (("testdata", "dist", "--logo", sys.executable), "is no SVG"),
    ],
)
def test_a_wrong_command_says_what_is_wrong_and_writes_nothing(
    arguments: tuple[str, ...], complaint: str, tmp_path: Path
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert not (tmp_path / "dist").exists()
