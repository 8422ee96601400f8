"""The executable that Grafana starts: it must find its Python without any environment variable."""

from __future__ import annotations

import shlex
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from headwater.errors import PluginUnavailableError

__all__ = ["check_python", "create_environment", "write_starter"]

ENVIRONMENT = "venv"
_STARTER = """\
#!/bin/sh
# Started by Grafana, without an environment: -I lets Python read none either.
exec {python} -I -m headwater_grafana {plugin} "$@"
"""


def write_starter(path: Path, plugin_id: str, python: Path | None) -> None:
    """The executable at `path`. `python` None stands for the environment in the starter's own folder."""
    interpreter = f'"${{0%/*}}/{ENVIRONMENT}/bin/python"' if python is None else shlex.quote(str(python))
    path.write_text(_STARTER.format(python=interpreter, plugin=shlex.quote(plugin_id)))
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def check_python(python: Path, plugin_id: str) -> None:
    """:raises PluginUnavailableError: that Python cannot start the plugin; says what is missing there."""
    program = (
        "import sys, headwater_grafana; from headwater.plugins import discover; "
        "sys.exit(sys.argv[1] not in {record.plugin_id for record in discover() if record.usable})"
    )
    done = subprocess.run(
        [str(python), "-I", "-c", program, plugin_id], capture_output=True, text=True, env={}, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it has no plugin {plugin_id!r}"])[-1]
        raise PluginUnavailableError(
            f"{python} cannot start plugin {plugin_id!r} ({last}); "
            "install headwater-grafana and the plugin's distribution there, or pack with --venv."
        )


def create_environment(folder: Path, requirements: Sequence[str]) -> None:
    """A virtual environment in `folder` with `requirements` installed by pip, which heeds its own settings.

    :raises PluginUnavailableError: pip's last words.
    """
    environment = folder / ENVIRONMENT
    python = environment / "bin" / "python"
    _run([sys.executable, "-m", "venv", "--clear", str(environment)])
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise PluginUnavailableError(f"The plugin's environment cannot be made: {' '.join(last)}")
