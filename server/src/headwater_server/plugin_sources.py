"""What `headwater.toml` in the data directory says: where plugins come from, and who vouches for people."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, fields_dict, frozen

from headwater.errors import ValidationError

if TYPE_CHECKING:
    from headwater.plugins import PluginSource
    from headwater_grafana import ProcessLimits

FILE_NAME = "headwater.toml"
FILES_VARIABLE = "HEADWATER_PLUGIN_FILES"
_UNITS = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(r"([0-9]+) ?(|KiB|MiB|GiB)")


@frozen
class ProcessSettings:
    """What the file may hold. `process_limits` has limits of every process, and tables by plugin id."""

    isolate: Any = ()
    plugin_files: Any = ()
    plugin_folders: Any = ()
    allow_unsigned: Any = ()
    process_limits: Any = field(factory=dict)
    oidc: Any = None


def oidc_table(directory: Path) -> Mapping[str, Any] | None:
    """What the file says of an OpenID Connect provider, as it says it. Raises ValidationError."""
    table = _read(directory / FILE_NAME).oidc
    if table is not None and not isinstance(table, Mapping):
        raise ValidationError("is not a table", path=f"{FILE_NAME}: oidc")
    return table


def plugin_sources(directory: Path) -> tuple[PluginSource, ...]:
    """Raises ValidationError for a file that says what cannot be, and if `headwater-grafana` is missing."""
    settings = _read(directory / FILE_NAME)
    isolate = settings.isolate if settings.isolate == "all" else _texts(settings.isolate, "isolate")
    folders = _texts(settings.plugin_folders, "plugin_folders")
    files = _plugin_files(_file_paths(directory, settings))
    return (*files, *_processes(directory, settings, isolate, folders)) if isolate or folders else files


def plugin_file_paths(directory: Path) -> list[Path]:
    """Files and folders of plugins without a package. Raises ValidationError as `plugin_sources` does."""
    return _file_paths(directory, _read(directory / FILE_NAME))


def _file_paths(directory: Path, settings: ProcessSettings) -> list[Path]:
    """Those that `headwater.toml` names, from the data directory on, and those of the environment."""
    named = _texts(settings.plugin_files, "plugin_files")
    given = [path for path in os.environ.get(FILES_VARIABLE, "").split(os.pathsep) if path]
    return [*(directory / name for name in named), *map(Path, given)]


def _plugin_files(paths: list[Path]) -> tuple[PluginSource, ...]:
    if not paths:
        return ()
    from headwater.plugins import PluginFiles

    return (PluginFiles(paths),)


def _processes(
    directory: Path, settings: ProcessSettings, isolate: str | tuple[str, ...], folders: tuple[str, ...]
) -> tuple[PluginSource, ...]:
    try:
        from headwater_grafana import Isolation, PluginFolders
    except ImportError as error:
        raise ValidationError(
            "names plugins that run in processes: pip install 'headwater-server[grafana]'", path=FILE_NAME
        ) from error
    common, of_plugins = _limits(settings.process_limits)
    allowed = _texts(settings.allow_unsigned, "allow_unsigned")
    sources: list[PluginSource] = [
        PluginFolders(directory / folder, allow_unsigned=allowed, limits=common, limits_of=of_plugins)
        for folder in folders
    ]
    return (*sources, Isolation(isolate, limits=common, limits_of=of_plugins)) if isolate else tuple(sources)


def _read(file: Path) -> ProcessSettings:
    try:
        members = tomllib.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return ProcessSettings()
    except (OSError, ValueError) as error:
        raise ValidationError(f"cannot be read: {error}", path=str(file)) from error
    for key in members:
        if key not in fields_dict(ProcessSettings):
            raise ValidationError("unknown key", path=f"{FILE_NAME}: {key}")
    return ProcessSettings(**members)


def _texts(value: Any, key: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ValidationError("is not a list of texts", path=f"{FILE_NAME}: {key}")
    return tuple(value)


def _limits(value: Mapping[str, Any]) -> tuple[ProcessLimits, dict[str, ProcessLimits]]:
    """Those of every process, and of the plugins that have a table of their own: these go before."""
    common = {key: each for key, each in value.items() if not isinstance(each, Mapping)}
    tables = {key: each for key, each in value.items() if isinstance(each, Mapping)}
    path = f"{FILE_NAME}: process_limits"
    return _limit(common, path), {
        plugin: _limit({**common, **table}, f"{path}.{plugin}") for plugin, table in tables.items()
    }


def _limit(members: Mapping[str, Any], path: str) -> ProcessLimits:
    from headwater_grafana import ProcessLimits

    for key in members:
        if key not in fields_dict(ProcessLimits):
            raise ValidationError("unknown limit", path=f"{path}.{key}")
    sizes = {"memory": _size(members["memory"], f"{path}.memory")} if "memory" in members else {}
    try:
        return ProcessLimits(**{**members, **sizes})
    except TypeError as error:
        raise ValidationError(f"cannot be: {error}", path=path) from error


def _size(value: Any, path: str) -> int:
    """Bytes: a number, or text such as `512 MiB`."""
    if isinstance(value, int):
        return value
    found = _SIZE.fullmatch(str(value))
    if found is None:
        raise ValidationError("is not a size such as '512 MiB'", path=path)
    return int(found[1]) * _UNITS[found[2]]
