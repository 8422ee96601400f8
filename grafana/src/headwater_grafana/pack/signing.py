"""Hands a packed folder to Grafana's own signing tool."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from headwater.errors import PluginUnavailableError, ValidationError

__all__ = ["sign"]

_TOOL = "@grafana/sign-plugin"
_TOKEN = "GRAFANA_ACCESS_POLICY_TOKEN"  # noqa: S105 - the variable's name


def sign(folder: Path, root_urls: Sequence[str] = ()) -> None:
    """Let Grafana sign `folder`; its tool writes MANIFEST.txt there. `root_urls` make the signature private.

    :raises PluginUnavailableError: the tool is not installed, or refuses.
    :raises ValidationError: no token to sign with.
    """
    command = _command()
    if not os.environ.get(_TOKEN):
        raise ValidationError(f"Set {_TOKEN} to an access policy token of Grafana Cloud to sign with.")
    urls = ["--rootUrls", ",".join(root_urls)] if root_urls else []
    done = subprocess.run(
        [*command, "--distDir", str(folder.resolve()), *urls], capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise PluginUnavailableError(f"{_TOOL} did not sign {folder}: {' '.join(words)}")


def _command() -> list[str]:
    """The tool on the path, or the one that npx finds among installed packages; the registry is not asked."""
    if (tool := shutil.which("sign-plugin")) is not None:
        return [tool]
    if (npx := shutil.which("npx")) is not None:
        command = [npx, "--offline", "--no-install", _TOOL]
        if subprocess.run([*command, "--help"], capture_output=True, check=False).returncode == 0:
            return command
    raise PluginUnavailableError(f"{_TOOL} is not installed; `npm install --global {_TOOL}` gets it.")
