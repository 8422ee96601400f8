"""The folder where a host keeps its data sources and keys."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from headwater.errors import StoreError, ValidationError

if TYPE_CHECKING:
    from .settings.configuration_file import ConfigurationFile

ENVIRONMENT_VARIABLE = "HEADWATER_DATA_DIR"
CONFIGURATION_VARIABLE = "HEADWATER_CONFIG"


@frozen
class DataDirectory:
    """A data directory; nothing is created before `prepare`."""

    path: Path

    @classmethod
    def named(cls, option: str | None) -> DataDirectory:
        """What `--data-dir` names, else HEADWATER_DATA_DIR, else the platform's folder for a user's data.

        Raises ValidationError for an empty name, and where there is no such folder.
        """
        for name, chosen in (
            ("--data-dir", option),
            (ENVIRONMENT_VARIABLE, os.environ.get(ENVIRONMENT_VARIABLE)),
        ):
            if chosen == "":
                raise ValidationError("is empty; name a folder, or leave it out", path=name)
            if chosen is not None:
                return cls(Path(chosen))
        return cls(_platform_directory())

    @cached_property
    def configuration(self) -> ConfigurationFile:
        """Read once. Raises ValidationError for a file that says what cannot be."""
        from .settings.reading import read_configuration

        chosen = os.environ.get(CONFIGURATION_VARIABLE)
        if not chosen:
            return read_configuration(self.path / "headwater.toml")
        if not Path(chosen).exists():
            raise ValidationError(f"names {chosen}, which does not exist", path=CONFIGURATION_VARIABLE)
        return read_configuration(Path(chosen))

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """What holds for every command here, by key. Raises ValidationError."""
        from .settings.common import common_settings

        return common_settings(self.configuration)

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the store: the one that is set, else SQLite in this directory."""
        return self.settings["store_url"] or f"sqlite:///{self._store_file}"

    @property
    def has_store(self) -> bool:
        """Whether its own store has been made; of one that is elsewhere, true."""
        return bool(self.settings["store_url"]) or self._store_file.exists()

    @property
    def _store_file(self) -> Path:
        return self.path / "headwater.db"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    def prepare(self) -> None:
        """Make the directory, readable by its owner only. Raises StoreError with what to do.

        Nothing need be writable there if the store is elsewhere: a key that has to be made says so itself.
        """
        if self.settings["store_url"]:
            with contextlib.suppress(OSError):
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The data directory {self.path} cannot be made: {error.strerror}. "
                "Choose another with --data-dir or HEADWATER_DATA_DIR."
            ) from error
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise StoreError(
                f"The data directory {self.path} cannot be written. Mend its permissions, choose another "
                "with --data-dir or HEADWATER_DATA_DIR, or keep the store elsewhere with HEADWATER_STORE_URL."
            )


def _platform_directory() -> Path:
    """XDG base directory, Apple's and Microsoft's guidelines for application data. Raises ValidationError."""
    if sys.platform == "darwin":
        return _home() / "Library" / "Application Support" / "headwater"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else _home() / "AppData" / "Local") / "headwater"
    xdg = os.environ.get("XDG_DATA_HOME")
    return (Path(xdg) if xdg else _home() / ".local" / "share") / "headwater"


def _home() -> Path:
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and nothing in the user database
        home = Path()
    if not os.environ.get("HOME", "unset") or not home.is_absolute():
        raise ValidationError(
            "is not set, and this user has no home directory: name a folder for data sources and keys in it, "
            "or with --data-dir",
            path=ENVIRONMENT_VARIABLE,
        )
    return home
