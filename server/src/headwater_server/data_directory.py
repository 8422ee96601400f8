"""The folder where a host keeps its data sources and keys."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from attrs import frozen

from headwater.errors import StoreError

ENVIRONMENT_VARIABLE = "HEADWATER_DATA_DIR"
STORE_URL_VARIABLE = "HEADWATER_STORE_URL"


@frozen
class DataDirectory:
    """A data directory; nothing is created before `prepare`."""

    path: Path

    @classmethod
    def default(cls) -> DataDirectory:
        """HEADWATER_DATA_DIR, else the platform's folder for a user's application data."""
        chosen = os.environ.get(ENVIRONMENT_VARIABLE)
        return cls(Path(chosen) if chosen else _platform_directory())

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the store: HEADWATER_STORE_URL, else SQLite in this directory."""
        return os.environ.get(STORE_URL_VARIABLE) or f"sqlite:///{self.path / 'headwater.db'}"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    def prepare(self) -> None:
        """Make the directory, readable by its owner only. Raises StoreError with what to do."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The data directory {self.path} cannot be made: {error.strerror}. "
                "Choose another with --data-dir or HEADWATER_DATA_DIR."
            ) from error
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise StoreError(
                f"The data directory {self.path} cannot be written. "
                "Mend its permissions, or choose another with --data-dir or HEADWATER_DATA_DIR."
            )


def _platform_directory() -> Path:
    """XDG base directory, Apple's and Microsoft's guidelines for application data."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "headwater"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "headwater"
    xdg = os.environ.get("XDG_DATA_HOME")
    return (Path(xdg) if xdg else Path.home() / ".local" / "share") / "headwater"
