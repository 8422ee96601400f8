"""`headwater ds`: the data sources of a data directory, or of a remote host."""

from __future__ import annotations

import sys
from typing import Any

import click

from .completion import complete_data_sources, complete_plugins
from .data_source_files import add_to
from .failures import CONNECTION, OK
from .inputs import parse_assignment, read_secret
from .location import Location, pass_location
from .plugins import json_option
from .tables import print_records
from .targets import open_target


@click.group()
def ds() -> None:
    """Add, list, show, test and remove data sources."""


add_to(ds)


@ds.command()
@click.argument("name")
@click.option(
    "--type",
    "type_",
    required=True,
    metavar="PLUGIN",
    shell_complete=complete_plugins,
    help="A plugin's id, or an alias.",
)
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
@click.option(
    "--api-version",
    default="",
    metavar="VERSION",
    help="The version of the plugin that the settings are for: a later one than is installed keeps what this "
    "one does not know.",
)
@pass_location
def add(
    location: Location,
    /,
    name: str,
    type_: str,
    settings: tuple[str, ...],
    secrets: tuple[str, ...],
    **fields: Any,
) -> None:
    """Add a data source called NAME."""
    secure_json_data = dict(map(read_secret, secrets))
    with open_target(location) as target:
        schema = target.plugin_info(type_).settings_schema  # a plugin that cannot be used says why
        json_data = dict(parse_assignment(text, schema) for text in settings)
        added = target.add(name=name, type_=type_, settings=json_data, secrets=secure_json_data, **fields)
    click.echo(f"Added {added['name']} (uid {added['uid']}).", err=True)


@ds.command("list")
@json_option
@pass_location
def list_data_sources(location: Location, as_json: bool) -> None:
    """List the data sources."""
    with open_target(location) as target:
        records = target.data_sources()
    print_records(
        records, as_json=as_json, empty="No data sources yet; try: headwater ds add demo --type testdata"
    )


@ds.command()
@click.argument("data_source", shell_complete=complete_data_sources)
@json_option
@pass_location
def show(location: Location, data_source: str, as_json: bool) -> None:
    """Show a data source, named by name or uid. Secrets are shown as their state only."""
    with open_target(location) as target:
        record = target.describe(data_source)
    if as_json:
        import orjson

        click.echo(orjson.dumps(record, option=orjson.OPT_INDENT_2, default=str))
        return
    lines = [{"field": key, "value": value} for key, value in _flat(record) if value not in ("", None)]
    print_records(lines, as_json=False, empty="")


@ds.command()
@click.argument("data_source", shell_complete=complete_data_sources)
@click.option("--timeout", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Seconds.")
@pass_location
@click.pass_context
def test(context: click.Context, location: Location, data_source: str, timeout: float) -> None:
    """Try a data source. Exits with 0 if it is well, else with 4."""
    from headwater.models import HealthStatus

    with open_target(location) as target:
        result = target.check_health(data_source, timeout)
    well = result.status is HealthStatus.OK
    click.echo(f"{result.status.name}: {result.message}")
    for key, value in result.details.items():
        click.echo(f"  {key}: {value}")
    context.exit(OK if well else CONNECTION)


@ds.command()
@click.argument("data_source", shell_complete=complete_data_sources)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_location
def rm(location: Location, data_source: str, yes: bool) -> None:
    """Remove a data source and its secrets. Asks first on a terminal."""
    with open_target(location) as target:
        stored = target.describe(data_source)
        if not yes and sys.stdin.isatty():
            click.confirm(
                f"Remove {stored['name']} ({stored['type']}) and its secrets?", abort=True, err=True
            )
        target.remove(stored["uid"])
    click.echo(f"Removed {stored['name']}.", err=True)


def _flat(record: dict[str, Any]) -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in record.items():
        if isinstance(value, dict):
            flat += [(f"{key}.{inner}", item) for inner, item in value.items()]
        else:
            flat.append((key, value))
    return flat
