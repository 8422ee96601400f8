from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def headwater(data_dir: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`headwater(*arguments, stdin="", **environment)` as a process with a data directory of its own."""
    return functools.partial(run, data_dir)


@pytest.fixture(scope="session")
def demo_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("demo") / "data"
    run(directory, "ds", "add", "demo", "--type", "testdata").check_returncode()
    return directory


@pytest.fixture
def demo(demo_directory: Path, data_dir: Path) -> None:
    """A test-data source called demo."""
    shutil.copytree(demo_directory, data_dir)


def run(
    data_dir: Path, *arguments: str | Path, stdin: str | bytes = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "headwater_server", *map(str, arguments)],
        input=stdin if isinstance(stdin, bytes) else stdin.encode(),
        capture_output=True,
        timeout=120,
        check=False,
        env={**os.environ, "HEADWATER_DATA_DIR": str(data_dir), **environment},
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode("utf-8", "surrogateescape"), done.stderr.decode()
    )


@pytest.fixture
def broken_plugin(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH with an installed distribution whose plugin fails at import."""
    folder = tmp_path / "site"
    metadata = folder / "broken_source-2.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "broken_source.py").write_text("raise RuntimeError('the driver is missing')\n")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-source\nVersion: 2.0\n")
    (metadata / "entry_points.txt").write_text("[headwater.datasources.v1]\nbroken = broken_source:plugin\n")
    return folder
