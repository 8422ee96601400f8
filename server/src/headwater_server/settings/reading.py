"""Reads `headwater.toml`, and refuses what cannot be in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headwater.errors import ValidationError

from .all_settings import all_settings
from .configuration_file import TABLES, ConfigurationFile, nearest


def read_configuration(path: Path) -> ConfigurationFile:
    """The configuration in a file; an empty one if there is no file.

    Raises ValidationError with file, line and key for what cannot be.
    """
    import tomllib

    try:
        text = path.read_bytes().decode("utf-8-sig")
        file = ConfigurationFile(path, tomllib.loads(text), text)
    except (FileNotFoundError, NotADirectoryError):
        return ConfigurationFile(path)
    except (OSError, ValueError) as error:
        raise ValidationError(f"cannot be read: {error}", path=str(path)) from error
    _check(file)
    return file


def _check(file: ConfigurationFile) -> None:
    settings = {each.key: each for each in all_settings()}
    for key, value in file.members.items():
        if key in settings:
            if fault := settings[key].fault(value):
                raise file.error((key,), fault)
        elif key not in TABLES:
            meant = nearest(key, [*settings, *TABLES])
            raise file.error((key,), f"unknown key{f'; {meant} is one' if meant else ''}")
        elif not isinstance(value, Mapping):
            raise file.error((key,), "is not a table")
