"""Environments for outside clients, whose requirements would get in the way of everybody's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from servers.process import unavailable


def make_environment(folder: Path, requirement: str) -> Path:
    """An interpreter in `folder` that has `requirement`."""
    venv.create(folder, with_pip=True)
    program = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [str(program), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
    done = subprocess.run(install, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        unavailable(f"{requirement} cannot be installed: {done.stderr.strip()[-300:]}")
    return program


def run_script(python: Path, script: str, *arguments: str) -> Any:
    """What `script` prints, as JSON."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-c", script, *arguments],
        capture_output=True, text=True, timeout=120, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
