"""Where plugins run and come from, as the settings of a data directory say it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import fields_dict

from headwater.errors import ValidationError

from .data_directory import DataDirectory

if TYPE_CHECKING:
    from headwater.plugins import PluginSource
    from headwater_grafana import ProcessLimits

    from .settings.configuration_file import ConfigurationFile

FILES_VARIABLE = "HEADWATER_PLUGIN_FILES"
_LIMITS = "process_limits"
_UNITS = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(r"([0-9]+) ?(|KiB|MiB|GiB)")


def plugin_sources(directory: DataDirectory, isolate: Sequence[str] = ()) -> tuple[PluginSource, ...]:
    """`isolate` names the plugins that run in processes, instead of what is set.

    Raises ValidationError for settings that cannot be, and if `headwater-grafana` is missing.
    """
    settings = directory.settings
    isolate = isolate or settings["isolate"]
    files = _plugin_files(settings)
    if not (isolate or settings["plugin_folders"]):
        return files
    return (*files, *_processes(directory.configuration, settings, isolate))


def _plugin_files(settings: Mapping[str, Any]) -> tuple[PluginSource, ...]:
    if not settings["plugin_files"]:
        return ()
    from headwater.plugins import PluginFiles

    return (PluginFiles(settings["plugin_files"]),)


def _processes(
    file: ConfigurationFile, settings: Mapping[str, Any], isolate: Sequence[str]
) -> tuple[PluginSource, ...]:
    try:
        from headwater_grafana import Isolation, PluginFolders
    except ImportError as error:
        raise ValidationError(
            "plugins run in processes by another distribution: pip install 'headwater-server[grafana]'",
            path="isolate" if isolate else "plugin_folders",
        ) from error
    common, of_plugins = _limits(file)
    folders: list[PluginSource] = [
        PluginFolders(folder, allow_unsigned=settings["allow_unsigned"], limits=common, limits_of=of_plugins)
        for folder in settings["plugin_folders"]
    ]
    if not isolate:
        return tuple(folders)
    which = "all" if "all" in isolate else tuple(isolate)
    return (*folders, Isolation(which, limits=common, limits_of=of_plugins))


def _limits(file: ConfigurationFile) -> tuple[ProcessLimits, dict[str, ProcessLimits]]:
    """Those of every process, and of the plugins that have a table of their own: these go before."""
    value: Mapping[str, Any] = file.members.get(_LIMITS, {})
    common = {key: each for key, each in value.items() if not isinstance(each, Mapping)}
    tables = {key: each for key, each in value.items() if isinstance(each, Mapping)}
    return _limit(file, common, (_LIMITS,)), {
        plugin: _limit(file, {**common, **table}, (_LIMITS, plugin)) for plugin, table in tables.items()
    }


def _limit(file: ConfigurationFile, members: Mapping[str, Any], table: tuple[str, ...]) -> ProcessLimits:
    from headwater_grafana import ProcessLimits

    for key in members:
        if key not in fields_dict(ProcessLimits):
            raise file.error((*table, key), "unknown limit")
    sizes = {}
    if "memory" in members and (size := _size(members["memory"])) is not None:
        sizes["memory"] = size
    elif "memory" in members:
        raise file.error((*table, "memory"), "is not a size such as '512 MiB'")
    try:
        return ProcessLimits(**{**members, **sizes})
    except TypeError as error:
        raise file.error(table, f"cannot be: {error}") from error


def _size(value: Any) -> int | None:
    """Bytes: a number, or text such as `512 MiB`."""
    if isinstance(value, int):
        return value
    found = _SIZE.fullmatch(str(value))
    return None if found is None else int(found[1]) * _UNITS[found[2]]
