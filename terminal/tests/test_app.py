"""Harlequin itself, as it runs in a terminal, on the adapter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SESSION = Path(__file__).with_name("app_session.py")


@pytest.mark.parametrize("session", ["query", "cancel"])
def test_harlequin_works_with_the_adapter(session: str, data_dir: Path, tmp_path: Path) -> None:
    """Without the history and catalogs that Harlequin keeps for the user."""
    kept = {name: str(tmp_path / name) for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    done = subprocess.run(
        [sys.executable, SESSION, session, data_dir],
        env={**os.environ, **kept}, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
