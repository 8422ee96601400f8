"""Wheels of this tree, and an environment that has nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each distribution, by the distribution's folder."""
    projects = [*ROOT.glob("*/pyproject.toml"), *ROOT.glob("plugins/*/pyproject.toml")]
    target = tmp_path_factory.mktemp("wheels")
    installer = ["--installer", "uv"] if shutil.which("uv") else []
    built = {}
    for project in projects:
        folder = project.parent
        place = target / folder.name
        run(sys.executable, "-m", "build", "--wheel", *installer, "--outdir", place, folder)
        [built[folder.relative_to(ROOT).as_posix()]] = place.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def clean(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """`clean(program, *arguments)`: run a program of an environment made from the wheels; its stdout."""
    folder = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", folder / "env")
    programs = folder / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    chosen = [wheels[name] for name in ("core", "server", "plugins/testdata")]
    run(programs / "python", "-m", "pip", "install", "--quiet", *chosen)

    def in_clean_environment(program: str, *arguments: object) -> str:
        return run(programs / program, *arguments, cwd=folder, HEADWATER_DATA_DIR=str(folder / "data"))

    return in_clean_environment


def run(*command: object, cwd: Path | None = None, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment = {**kept, **environment}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done.stdout
