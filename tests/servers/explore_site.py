"""A host whose Explore page a browser opens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import attrs


@attrs.frozen
class Site:
    """A running host, at an address without a slash at the end; uids of its data sources are their names."""

    origin: str
    token: str
    environment: Mapping[str, str]

    def link(self, source: str = "demo", **state: str) -> str:
        """A link to the Explore page, signed in."""
        return f"{self.origin}/#{urlencode({'token': self.token, 'source': source, **state})}"

    def write(self, name: str, text: str) -> Path:
        """A file in the host's data directory."""
        path = Path(self.environment["HEADWATER_DATA_DIR"]) / name
        path.write_text(text)
        return path

    def run(self, command: str) -> str:
        """What a shell says to `command`, with the programs of this Python and the host's token."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, **self.environment, "PATH": path, "HEADWATER_TOKEN": self.token}
        done = subprocess.run(
            ["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
