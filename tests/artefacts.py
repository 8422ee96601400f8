"""Wheels, and environments of nothing but them. uv makes both where it is to be had, else build and pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[1]
PROGRAMS = Path(sys.executable).parent
UV = shutil.which("uv", path=os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", "")]))


def run(*command: object, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """The stdout of a command that ends well. Variables of this Python's own are kept from it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd, env={**kept, **(environment or {})}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build_wheel(project: Path, target: Path) -> Path:
    """The wheel of `project`, built into the new folder `target`."""
    if UV:
        run(UV, "build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", target, project)
    else:
        run(sys.executable, "-m", "build", "--wheel", "--outdir", target, project)
    [wheel] = target.glob("*.whl")
    return wheel


@frozen
class Environment:
    """A virtual environment. `folder` is new, and the working directory of what runs in it."""

    folder: Path

    @classmethod
    def with_packages(cls, folder: Path, *requirements: object) -> Environment:
        new = cls(folder)
        if UV:
            run(UV, "venv", "--quiet", "--python", sys.executable, folder / "env")
        else:
            run(sys.executable, "-m", "venv", folder / "env")
        new.install(*requirements)
        return new

    @property
    def python(self) -> Path:
        return self.program("python")

    def program(self, name: str) -> Path:
        return self.folder / "env" / ("Scripts" if sys.platform == "win32" else "bin") / name

    def install(self, *requirements: object) -> None:
        if UV:
            run(UV, "pip", "install", "--quiet", "--python", self.python, *requirements)
        else:
            run(self.python, "-m", "pip", "install", "--quiet", *requirements)

    @property
    def variables(self) -> dict[str, str]:
        """A data directory of its own."""
        return {"HEADWATER_DATA_DIR": str(self.folder / "data")}

    def run(self, program: str, *arguments: object, cwd: Path | None = None) -> str:
        return run(self.program(program), *arguments, cwd=cwd or self.folder, environment=self.variables)


@frozen
class Project:
    """A project of the plugin template. Its plugin, and a data source, are called `slug` in `environment`.

    `texts` are its files as they were made, by path.
    """

    kind: str
    slug: str
    folder: Path
    texts: Mapping[str, str]
    environment: Environment


@frozen
class Site:
    """An HTTP host, and its administrator's token."""

    url: str
    token: str
