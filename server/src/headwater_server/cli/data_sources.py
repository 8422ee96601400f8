"""`headwater ds`: the data sources of a data directory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from headwater_server.data_directory import DataDirectory

from .data_source_files import add_to
from .failures import CONNECTION, OK
from .inputs import parse_assignment, read_secret
from .plugins import json_option
from .tables import print_records
from .workspace import open_headwater, pass_directory

if TYPE_CHECKING:
    from headwater import Headwater
    from headwater.datasources import DataSource
    from headwater.secrets import FieldState


@click.group()
def ds() -> None:
    """Add, list, show, test and remove data sources."""


add_to(ds)


@ds.command()
@click.argument("name")
@click.option("--type", "type_", required=True, metavar="PLUGIN", help="Id of the plugin; see `plugin list`.")
@click.option("--url", default="", help="Where the data source is, without credentials.")
@click.option("--user", default="")
@click.option("--database", default="")
@click.option("--uid", default="", help="A uid of your choice; random otherwise.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting; see `plugin info`.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="KEY[=@FILE|=env:NAME]",
    help="A secret: asked for, or read from a file or an environment variable.",
)
@click.option("--default", "is_default", is_flag=True, help="Make it the default data source.")
@pass_directory
def add(
    directory: DataDirectory,
    /,
    name: str,
    type_: str,
    settings: tuple[str, ...],
    secrets: tuple[str, ...],
    **fields: Any,
) -> None:
    """Add a data source called NAME."""
    json_data = dict(map(parse_assignment, settings))
    secure_json_data = dict(map(read_secret, secrets))
    with open_headwater(directory) as headwater:
        headwater.plugin_info(type_)
        added = headwater.add_data_source(
            name=name, type=type_, json_data=json_data, secure_json_data=secure_json_data, **fields
        )
    click.echo(f"Added {added.name} (uid {added.uid}).", err=True)


@ds.command("list")
@json_option
@pass_directory
def list_data_sources(directory: DataDirectory, as_json: bool) -> None:
    """List the data sources."""
    with open_headwater(directory) as headwater:
        stored = sorted(headwater.store.list(), key=lambda each: each.name)
    records = [
        {"name": each.name, "type": each.type, "uid": each.uid, "url": each.url, "read-only": each.read_only}
        for each in stored
    ]
    print_records(
        records, as_json=as_json, empty="No data sources yet; try: headwater ds add demo --type testdata"
    )


@ds.command()
@click.argument("data_source")
@json_option
@pass_directory
def show(directory: DataDirectory, data_source: str, as_json: bool) -> None:
    """Show a data source, named by name or uid. Secrets are shown as their state only."""
    with open_headwater(directory) as headwater:
        record = _describe(headwater, headwater.data_source(data_source))
    if as_json:
        import orjson

        click.echo(orjson.dumps(record, option=orjson.OPT_INDENT_2, default=str))
        return
    lines = [{"field": key, "value": value} for key, value in _flat(record) if value not in ("", None)]
    print_records(lines, as_json=False, empty="")


@ds.command()
@click.argument("data_source")
@click.option("--timeout", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Seconds.")
@pass_directory
@click.pass_context
def test(context: click.Context, directory: DataDirectory, data_source: str, timeout: float) -> None:
    """Try a data source. Exits with 0 if it is well, else with 4."""
    from headwater.models import HealthStatus

    with open_headwater(directory) as headwater:
        result = headwater.check_health(data_source, timeout=timeout)
    well = result.status is HealthStatus.OK
    click.echo(f"{result.status.name}: {result.message}")
    for key, value in result.details.items():
        click.echo(f"  {key}: {value}")
    context.exit(OK if well else CONNECTION)


@ds.command()
@click.argument("data_source")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_directory
def rm(directory: DataDirectory, data_source: str, yes: bool) -> None:
    """Remove a data source and its secrets. Asks first on a terminal."""
    with open_headwater(directory) as headwater:
        stored = headwater.data_source(data_source)
        if not yes and sys.stdin.isatty():
            click.confirm(f"Remove {stored.name} ({stored.type}) and its secrets?", abort=True, err=True)
        headwater.remove_data_source(stored.uid)
    click.echo(f"Removed {stored.name}.", err=True)


def _describe(headwater: Headwater, stored: DataSource) -> dict[str, Any]:
    states = headwater.data_sources.secret_states(stored)
    return {
        "name": stored.name,
        "type": stored.type,
        "uid": stored.uid,
        "url": stored.url,
        "user": stored.user,
        "database": stored.database,
        "isDefault": stored.is_default,
        "readOnly": stored.read_only,
        "jsonData": dict(stored.json_data),
        "secrets": {key: _state(state) for key, state in states.items()},
        "version": stored.version,
        "created": stored.created.isoformat(timespec="seconds"),
        "updated": stored.updated.isoformat(timespec="seconds"),
    }


def _state(field: FieldState) -> str:
    return f"{field.state}, key {field.key_id}" if field.key_id else str(field.state)


def _flat(record: dict[str, Any]) -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in record.items():
        if isinstance(value, dict):
            flat += [(f"{key}.{inner}", item) for inner, item in value.items()]
        else:
            flat.append((key, value))
    return flat
