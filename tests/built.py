"""Building the distributions of this tree, and running their programs where no source is."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[1]
DISTRIBUTIONS = sorted(
    project.parent.relative_to(ROOT).as_posix()
    for project in (*ROOT.glob("*/pyproject.toml"), *ROOT.glob("plugins/*/pyproject.toml"))
)


@attrs.frozen
class Artefacts:
    """What is built of one distribution."""

    sdist: Path
    wheel: Path


@attrs.frozen
class CleanEnvironment:
    """An environment with the built distributions, and nothing of this tree."""

    folder: Path
    python: Path

    def run(self, program: str, *arguments: object, cwd: Path | None = None) -> str:
        """The stdout of a program of the environment. Fails the test with its output if it fails."""
        programs = self.python.parent
        path = os.pathsep.join([str(programs), os.environ["PATH"]])
        data = str(self.folder / "data")
        own = {"PATH": path, "VIRTUAL_ENV": str(programs.parent), "HEADWATER_DATA_DIR": data}
        return run(programs / program, *arguments, cwd=cwd or self.folder, **own)


def build(project: Path, target: Path, *what: str) -> Artefacts:
    """The sdist and the wheel of `project`: the wheel from the sdist, unless `what` asks for both."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", target, *what, project)
    [sdist], [wheel] = target.glob("*.tar.gz"), target.glob("*.whl")
    return Artefacts(sdist, wheel)


def uv() -> list[str]:
    """The command of uv: on the path, or of this environment."""
    if found := shutil.which("uv"):
        return [found]
    assert importlib.util.find_spec("uv"), "uv is part of the dependency group `test`"
    return [sys.executable, "-m", "uv"]


def run(*command: object, cwd: Path | None = None, **environment: str) -> str:
    """The stdout of a command, with `environment` added to this one's. Fails with its output if it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    kept.setdefault("UV_SYSTEM_CERTS", "1")  # uv is to trust whom pip trusts
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd, env={**kept, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done.stdout
