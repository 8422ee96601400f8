from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headwater_server.cli.main import main


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory, in an environment that says nothing of Headwater."""
    for name in [name for name in os.environ if name.startswith("HEADWATER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HEADWATER_CONFIG", "")  # put back as it was, whatever a command makes of it
    return tmp_path


@pytest.fixture
def run(data_dir: Path) -> Callable[..., Result]:
    """`run(*arguments, **environment)`: a command on the data directory, in this process."""

    def invoke(*arguments: str, **environment: Any) -> Result:
        return CliRunner().invoke(main, ["--data-dir", str(data_dir), *arguments], env=environment)

    return invoke
