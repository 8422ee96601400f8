"""Names of the programs in plugin folders, as Grafana looks for them."""

from __future__ import annotations

import platform
import re
import sys

__all__ = ["executable_name", "platform_suffix"]

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def executable_name(plugin_id: str) -> str:
    """What `plugin.json` calls the program; its file's name has `platform_suffix` behind."""
    return f"gpx_{re.sub(r'[^0-9a-z]', '_', plugin_id.lower())}"


def platform_suffix() -> str:
    """This machine: `linux_amd64`."""
    machine = platform.machine().lower()
    return f"{sys.platform}_{_ARCHITECTURES.get(machine, machine)}"
