"""`headwater config`: the settings of the host, and where each is from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from headwater_server.data_directory import DataDirectory
from headwater_server.plugin_sources import plugin_sources
from headwater_server.settings.all_settings import all_settings, misspelt_variables
from headwater_server.settings.configuration_file import ConfigurationFile
from headwater_server.settings.setting import Setting, look_in

from .location import pass_directory
from .plugins import json_option
from .tables import print_records

_HIDDEN = "***"


@click.group()
def config() -> None:
    """Show the settings of the host, and where each is from."""


@config.command(context_settings={"ignore_unknown_options": True})
@json_option
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF SERVE]...")
@click.pass_context
@pass_directory
def show(
    directory: DataDirectory, context: click.Context, /, options: tuple[str, ...], as_json: bool
) -> None:
    """Print every setting of `headwater serve`, its value, and where that is from.

    An option goes before the environment, that before headwater.toml, and that before the default. Passwords
    are not shown. Exits with 2 and names the place if a setting cannot be.
    """
    command = click.Command("serve", params=list(all_settings()))
    context = click.Context(command, info_name="serve", parent=context.find_root())
    look_in(directory.configuration, context)
    command.parse_args(context, list(options))
    plugin_sources(directory)
    for name, meant in misspelt_variables():
        click.echo(f"warning: {name} is no setting, and not used; {meant} is one", err=True)
    records = [_record(setting, context) for setting in all_settings()]
    records += _tables(directory.configuration)
    if not as_json:
        records = [{key: _text(each[key]) for key in ("setting", "value", "from")} for each in records]
    print_records(records, as_json=as_json, empty="")


def _record(setting: Setting, context: click.Context) -> dict[str, Any]:
    return {
        "setting": setting.key,
        "value": _value(setting, context),
        "from": setting.origin(context),
        "option": setting.option,
        "variable": setting.variable,
    }


def _value(setting: Setting, context: click.Context) -> Any:
    value = setting.given(context)
    if setting.multiple:
        return [str(each) for each in value or ()]
    if setting.secret and value:
        return _without_secrets(value)
    return str(value) if isinstance(value, Path) else value


def _tables(file: ConfigurationFile) -> Iterator[dict[str, Any]]:
    """What is in tables of the file, which nothing else can say."""
    for key, value in file.leaves():
        name = ".".join(key)
        shown = _HIDDEN if any(word in key[-1] for word in ("secret", "password", "token", "key")) else value
        yield {
            "setting": name,
            "value": shown,
            "from": f"{file.place(key)}: {name}",
            "option": "",
            "variable": "",
        }


def _text(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def _without_secrets(url: str) -> str:
    """The URL without user, password and parameters; nothing of what is no URL."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return _HIDDEN
    if not parts.scheme or "@" in parts.path:  # a password with a slash in it, say
        return _HIDDEN
    login = f"{_HIDDEN}@" if "@" in parts.netloc else ""
    query = f"?{_HIDDEN}" if parts.query else ""
    return f"{parts.scheme}://{login}{parts.hostname or ''}{port}{parts.path}{query}"
