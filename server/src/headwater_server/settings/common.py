"""Settings of every command that works on a data directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from headwater.errors import ValidationError

from .configuration_file import ConfigurationFile
from .setting import Setting, look_in

_FILES = click.Path(path_type=Path)

ISOLATE = Setting(
    ["--isolate"],
    multiple=True,
    all_of="all",
    metavar="PLUGIN",
    help="Run this plugin in a process of its own; `all` for every one. Needs headwater-grafana.",
)
COMMON = (
    Setting(
        ["--store-url"],
        has_option=False,
        secret=True,
        help="SQLAlchemy URL of the store. Default: SQLite in the data directory.",
    ),
    Setting(
        ["--keyring-service"],
        has_option=False,
        help="A service of the operating system's keyring that holds keys.",
    ),
    Setting(
        ["--plugin", "plugin_files"],
        multiple=True,
        type=_FILES,
        help="Plugins that are one Python file each, or folders of such. An option of `headwater` itself.",
    ),
    Setting(
        ["--plugin-folder", "plugin_folders"],
        has_option=False,
        multiple=True,
        type=_FILES,
        help="Folders of plugins that are made for Grafana.",
    ),
    Setting(
        ["--allow-unsigned"],
        has_option=False,
        multiple=True,
        help="Ids of the plugins in such folders that may run although nobody checks their signature.",
    ),
    ISOLATE,
)


def common_settings(file: ConfigurationFile) -> Mapping[str, Any]:
    """What the environment and `file` say, by key. Raises ValidationError that names the place."""
    command = click.Command("headwater", params=list(COMMON))
    context = click.Context(command)
    look_in(file, context)
    try:
        command.parse_args(context, [])
    except click.BadParameter as error:
        where = error.param.get_error_hint(context) if error.param is not None else ""
        raise ValidationError(error.message, path=where) from None
    return {each.key: context.params[each.name or ""] for each in COMMON}
