"""An environment of its own for each peer, so that none changes what another, or Headwater, runs on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from .plan import PEERS


def interpreter(peer: str, folder: Path) -> str | None:
    """The Python that has `peer`, made at its first use; Headwater's own without one, None if the peer
    cannot be installed here."""
    if not peer:
        return sys.executable
    python = folder / peer / "bin" / "python"
    complete = folder / peer / "complete"
    if complete.exists() and complete.read_text().split() == list(PEERS[peer]):
        return str(python)
    try:
        _make(folder / peer, PEERS[peer])
    except subprocess.CalledProcessError as error:
        print(f"{peer} cannot be installed and is left out: {error.stderr[-300:]}", file=sys.stderr)
        return None
    return str(python)


def _make(path: Path, packages: Iterable[str]) -> None:
    if uv := shutil.which("uv"):
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(path))
        _run(uv, "pip", "install", "--quiet", "--python", str(path / "bin" / "python"), *packages)
    else:
        _run(sys.executable, "-m", "venv", "--clear", str(path))
        _run(str(path / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages)
    (path / "complete").write_text(" ".join(packages))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
