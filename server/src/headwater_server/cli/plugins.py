"""`headwater plugin`: what is installed, here or on a remote host; the start and the tests of a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict

from .completion import complete_plugins
from .location import Location, pass_location
from .new_plugin import new
from .plugin_test import test
from .tables import print_records
from .targets import open_plugins

if TYPE_CHECKING:
    from headwater.models import PluginInfo

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def plugin() -> None:
    """Show the installed data-source plugins, start one, or test it."""


plugin.add_command(new)
plugin.add_command(test)


@plugin.command("list")
@json_option
@pass_location
def list_plugins(location: Location, as_json: bool) -> None:
    """List the plugins: id, version, distribution, state, and why one cannot be used.

    Every plugin is imported, so that a broken one shows as BROKEN.
    """
    with open_plugins(location) as target:
        records = [asdict(each) for each in target.plugins()]
    print_records(
        records, as_json=as_json, empty="No plugins are installed; try: pip install headwater-testdata"
    )


@plugin.command()
@click.argument("plugin_id", shell_complete=complete_plugins)
@json_option
@pass_location
def info(location: Location, plugin_id: str, as_json: bool) -> None:
    """Show what a plugin's URL is, its settings, secrets, query keys, macros and examples."""
    with open_plugins(location) as target:
        described = target.plugin_info(plugin_id)
    if as_json:
        _print_json(described)
    else:
        _print_text(described)


def _print_json(described: PluginInfo) -> None:
    import attrs
    import orjson

    record = {**attrs.asdict(described), "capabilities": sorted(described.capabilities)}
    click.echo(orjson.dumps(record, option=orjson.OPT_INDENT_2, default=dict))


def _print_text(described: PluginInfo) -> None:
    click.echo(f"{described.id}: {described.name} {described.version}")
    for line in (described.description, _capabilities(described)):
        if line:
            click.echo(line)
    _print_connection(described.connection)
    _print_keys("Settings (--set KEY=VALUE)", described.settings_schema)
    if described.secret_keys:
        click.echo(f"\nSecrets (--secret KEY): {', '.join(described.secret_keys)}")
    _print_keys("Query keys", described.query_schema)
    if described.query_text_key:
        click.echo(f"\nA query given as text is its {described.query_text_key}.")
    _print_table("Macros", [{"macro": each.usage, "becomes": each.expansion} for each in described.macros])
    for example in described.examples:
        import orjson

        click.echo(f"Example, {example.title}: {orjson.dumps(dict(example.query)).decode()}")


def _capabilities(described: PluginInfo) -> str:
    return f"Capabilities: {', '.join(sorted(described.capabilities))}" if described.capabilities else ""


def _print_keys(title: str, schema: Any) -> None:
    properties = {
        key: value for key, value in schema.get("properties", {}).items() if not value.get("writeOnly")
    }
    if not properties:
        return
    required = schema.get("required", ())
    records = [
        {
            "key": key,
            "type": _type(value),
            "default": "required" if key in required else value.get("default", ""),
            "meaning": value.get("description", ""),
        }
        for key, value in properties.items()
    ]
    _print_table(title, records)


def _print_connection(connection: Mapping[str, str] | None) -> None:
    if connection == {}:
        click.echo("It connects to nothing: there is no URL, user or database to give.")
    options = {"url", "user", "database"}
    records = [
        {"field": f"--{key}" if key in options else key, "meaning": meaning}
        for key, meaning in (connection or {}).items()
    ]
    _print_table("Connection", records)


def _print_table(title: str, records: list[dict[str, Any]]) -> None:
    if records:
        click.echo(f"\n{title}:")
        print_records(records, as_json=False, empty="")


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return str(schema.get("type", "any"))
