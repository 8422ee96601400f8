"""`headwater ds edit`, `export` and `import`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from headwater_server.data_directory import DataDirectory

from .completion import complete_data_sources
from .inputs import parse_assignment, read_secret
from .location import pass_directory
from .workspace import open_headwater

if TYPE_CHECKING:
    from headwater import Headwater
    from headwater.datasources import SealedFile

_key_option = click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with 32 bytes in base64, readable by you alone, that seals the secrets of the file.",
)


@click.command()
@click.argument("data_source", shell_complete=complete_data_sources)
@click.option("--name", help="A new name.")
@click.option("--url")
@click.option("--user")
@click.option("--database")
@click.option("--default", "is_default", is_flag=True, default=None, help="Make it the default data source.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
@click.option("--unset", multiple=True, metavar="KEY", help="Remove a setting.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="KEY[=@FILE|=env:NAME]",
    help="Set a secret, as in `ds add`.",
)
@click.option("--remove-secret", "removed", multiple=True, metavar="KEY", help="Remove a secret.")
@pass_directory
def edit(
    directory: DataDirectory,
    /,
    data_source: str,
    settings: tuple[str, ...],
    unset: tuple[str, ...],
    secrets: tuple[str, ...],
    removed: tuple[str, ...],
    **fields: Any,
) -> None:
    """Change a data source, named by name or uid. What is not named stays as it is, secrets too."""
    changes = {name: value for name, value in fields.items() if value is not None}
    secure_json_data: dict[str, Any] = {**dict.fromkeys(removed, ""), **dict(map(read_secret, secrets))}
    if not (changes or settings or unset or secure_json_data):
        raise click.UsageError("Nothing to change.")
    with open_headwater(directory) as headwater:
        stored = headwater.data_source(data_source)
        kept = {key: value for key, value in stored.json_data.items() if key not in unset}
        schema = _settings_schema(headwater, stored.type) if settings else {}
        changes["json_data"] = {**kept, **dict(parse_assignment(text, schema) for text in settings)}
        updated = headwater.update_data_source(stored.uid, **changes, secure_json_data=secure_json_data)
    click.echo(f"Updated {updated.name}, now version {updated.version}.", err=True)


@click.command()
@click.argument("data_sources", nargs=-1, shell_complete=complete_data_sources)
@click.option(
    "--out", "-o", type=click.Path(path_type=Path, dir_okay=False), help="A file; stdout otherwise."
)
@_key_option
@pass_directory
def export(
    directory: DataDirectory, data_sources: tuple[str, ...], out: Path | None, key_file: Path | None
) -> None:
    """Write data sources (all, or those named) as a provisioning file in YAML.

    Secrets become references to environment variables. With --key they are in the file, sealed with that key;
    they are never in it in plain text.
    """
    import yaml

    from headwater.datasources import export_data_sources

    seal = _read_key(key_file)
    with open_headwater(directory) as headwater:
        chosen = [headwater.data_source(each) for each in data_sources] or headwater.store.list()
        exported = export_data_sources(headwater.data_sources, chosen, seal)
    text = yaml.safe_dump(exported, sort_keys=False, allow_unicode=True)
    if out is None:
        click.echo(text, nl=False)
        return
    _write(out, text)
    click.echo(f"Wrote {len(exported['datasources'])} data sources to {out}.", err=True)


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@_key_option
@click.option(
    "--read-only", is_flag=True, help="As provisioned: only files may change them, unless `editable`."
)
@click.option("--dry-run", is_flag=True, help="Check the files, and change nothing.")
@pass_directory
def import_(
    directory: DataDirectory, files: tuple[Path, ...], key_file: Path | None, read_only: bool, dry_run: bool
) -> None:
    """Add or update data sources from provisioning files (YAML, TOML, JSON), such as Grafana's.

    All files are checked before anything is written; a fault is reported with its line and column.
    The file - is stdin, in YAML or JSON.
    """
    from headwater.datasources import apply_plan, read_plan

    plan = read_plan(files, seal=_read_key(key_file))
    if not read_only:
        editable = [
            attrs.evolve(each, command=attrs.evolve(each.command, read_only=False))
            for each in plan.data_sources
        ]
        plan = attrs.evolve(plan, data_sources=tuple(editable), prune=False)
    if dry_run:
        click.echo(
            f"{len(plan.data_sources)} data sources, {len(plan.deletions)} deletions: no fault.", err=True
        )
        return
    with open_headwater(directory) as headwater:
        report = apply_plan(headwater.data_sources, plan)
    for outcome in ("added", "updated", "deleted", "unchanged"):
        for name in getattr(report, outcome):
            click.echo(f"{outcome}: {name}", err=True)


def _settings_schema(headwater: Headwater, type_: str) -> Mapping[str, Any]:
    """Nothing where the plugin is not there: its data sources may be edited all the same."""
    from headwater.errors import HeadwaterError

    try:
        return headwater.plugin_info(type_).settings_schema
    except HeadwaterError:
        return {}


def _read_key(key_file: Path | None) -> SealedFile | None:
    if key_file is None:
        return None
    from headwater.datasources import SealedFile
    from headwater.secrets import read_key_file

    return SealedFile(read_key_file(key_file))


def _write(out: Path, text: str) -> None:
    """Whole or not at all."""
    unfinished = out.with_name(f"{out.name}.new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(out)


def add_to(group: click.Group) -> None:
    for command in (edit, export, import_):
        group.add_command(command)
