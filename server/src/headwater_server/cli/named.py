"""`headwater named`: the named queries of a data directory, or of a remote host."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.errors import ValidationError

from .completion import offered
from .destination import Destination
from .location import Location, pass_location
from .plugins import json_option
from .rows import RowOptions, print_rows, row_options
from .tables import print_records
from .targets import Target, open_target

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from headwater import CallContext
    from headwater.frames import FrameStream
    from headwater.queries.named import NamedQuery, Parameter


def complete_named_queries(
    context: click.Context,
    parameter: click.Parameter,  # noqa: ARG001 - click calls it so
    incomplete: str,
) -> list[CompletionItem]:
    """Ids of named queries, each with its title."""
    return offered(
        context,
        incomplete,
        lambda target: ((each.id, each.title) for each in target.headwater.named_queries.list()),
    )


_id_argument = click.argument("id_", metavar="ID", shell_complete=complete_named_queries)


@click.group()
def named() -> None:
    """Keep named queries, and run them by name with values for their parameters."""


@named.command("list")
@json_option
@pass_location
def list_named_queries(location: Location, as_json: bool) -> None:
    """List the named queries."""
    with open_target(location) as target:
        found = target.headwater.named_queries.list()
    records = [
        {
            "id": each.id,
            "title": each.title,
            "parameters": ", ".join(parameter.name for parameter in each.parameters),
            "tags": ", ".join(each.tags),
            "version": each.version or "",
        }
        for each in found
    ]
    print_records(records, as_json=as_json, empty="No named queries yet; see: headwater named add --help")


@named.command()
@_id_argument
@click.option("--versions", is_flag=True, help="Show who changed it, newest first.")
@json_option
@pass_location
def show(location: Location, id_: str, versions: bool, as_json: bool) -> None:
    """Show a named query and its parameters."""
    from headwater.queries.named import named_query_to

    with open_target(location) as target:
        found = target.headwater.named_queries.versions(id_) if versions else []
        query = target.headwater.named_queries.get(id_)
    if versions:
        changes = [
            {
                "version": each.version,
                "changed": each.updated.isoformat(sep=" ", timespec="seconds"),
                "by": each.updated_by,
                "title": each.title,
            }
            for each in found
        ]
        print_records(changes, as_json=as_json, empty="")
    elif as_json:
        import orjson

        click.echo(orjson.dumps(named_query_to(query), option=orjson.OPT_INDENT_2))
    else:
        _describe(query)


@named.command()
@_id_argument
@row_options
@pass_location
def run(location: Location, /, id_: str, params: tuple[str, ...], **options: Any) -> None:
    """Run a named query and print its rows, or write them to a file.

    --param gives a parameter its value: --param day=now-1d. One that takes a list may be given several times,
    or as JSON: --param 'regions=["north", "south"]'.
    """
    chosen = RowOptions.of(params=(), **options)
    given = list(map(_name_and_text, params))

    def open_rows(
        target: Target, options: RowOptions, context: CallContext, on_end: Callable[[], object]
    ) -> FrameStream:
        from headwater_server.output.rows import rows_of

        values = _values(given, target.headwater.named_queries.find(id_))
        chunks = target.headwater.run_chunks(id_, values, **_range(options), context=context)
        return rows_of(chunks, context, on_end)

    print_rows(location, open_rows, chosen)


@named.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check the files, and change nothing.")
@pass_location
def add(location: Location, files: tuple[Path, ...], dry_run: bool) -> None:
    """Add or change the named queries of FILES (YAML, TOML, JSON), which have the key `namedQueries`.

    All files are checked before anything is written; a fault is reported with its line and column.
    The file - is stdin, in YAML or JSON.
    """
    from headwater.queries.named import apply_named_queries, read_named_queries

    plan = read_named_queries(files).editable()
    if dry_run:
        click.echo(f"{len(plan.queries)} named queries, {len(plan.deletions)} deletions: no fault.", err=True)
        return
    with open_target(location) as target:
        report = apply_named_queries(target.headwater.named_queries, plan, _user())
    for outcome in ("added", "updated", "deleted", "unchanged"):
        for name in getattr(report, outcome):
            click.echo(f"{outcome}: {name}", err=True)


@named.command()
@_id_argument
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_location
def rm(location: Location, id_: str, yes: bool) -> None:
    """Remove a named query and its versions. Asks first on a terminal."""
    with open_target(location) as target:
        if not yes and sys.stdin.isatty():
            click.confirm(f"Remove {id_} and its versions?", abort=True, err=True)
        target.headwater.named_queries.remove(id_)
    click.echo(f"Removed {id_}.", err=True)


@named.command()
@click.argument("ids", nargs=-1, shell_complete=complete_named_queries)
@click.option(
    "--out", "-o", type=click.Path(path_type=Path, dir_okay=False), help="A file; stdout otherwise."
)
@pass_location
def export(location: Location, ids: tuple[str, ...], out: Path | None) -> None:
    """Write named queries (all, or those with these IDS) as a provisioning file in YAML."""
    import yaml

    from headwater.queries.named import named_query_to

    with open_target(location) as target:
        queries = target.headwater.named_queries
        chosen = [queries.get(each) for each in ids] or queries.list()
    exported = [
        {**named_query_to(each, stamps=False), **({} if each.read_only else {"editable": True})}
        for each in chosen
    ]
    document = {"apiVersion": 1, "namedQueries": exported}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    with Destination(out) as destination:
        destination.sink.write(text.encode())
    if out is not None:
        click.echo(f"Wrote {len(exported)} named queries to {out}.", err=True)


@named.command()
@pass_location
def stubs(location: Location) -> None:
    """Write a Python module that tells type checkers what `run` takes: headwater named stubs > queries.py."""
    from headwater.queries.named import stubs_of

    with open_target(location) as target:
        click.echo(stubs_of(target.headwater.named_queries.list()), nl=False)


def _user() -> str:
    """Who works at this command line; a remote host notes the token instead."""
    import getpass

    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # no such entry in the system's list of users
        return "cli"


def _name_and_text(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not name=value")
    return name, value


def _values(given: Iterable[tuple[str, str]], query: NamedQuery) -> Mapping[str, Any]:
    """By name; each parameter's type says how its text is read, and only that of a list may be JSON."""
    takes_list = {each.name for each in query.parameters if each.is_list}
    values: dict[str, Any] = {}
    for name, text in given:
        if name in takes_list:
            values[name] = [*values.get(name, ()), *_items(text)]
        elif name in values:
            raise ValidationError("takes one value, and has two", path=f"parameters.{name}")
        else:
            values[name] = text
    return values


def _items(text: str) -> Sequence[Any]:
    import json

    if text.lstrip().startswith("["):
        try:
            items: list[Any] = json.loads(text)
        except ValueError:
            return [text]
        return items
    return [text]


def _range(options: RowOptions) -> Mapping[str, Any]:
    """What the command line says of the time range; without that the query has its own."""
    ends = {"from_": options.from_, "to": options.to}
    return {name: end for name, end in ends.items() if end is not None}


def _describe(query: NamedQuery) -> None:
    import json

    lines = [
        ("title", query.title),
        ("description", query.description),
        ("data source", query.data_source if query.query else ""),
        ("query", json.dumps(query.query, ensure_ascii=False) if query.query else ""),
        ("time range", f"{query.from_} to {query.to}"),
        ("tags", ", ".join(query.tags)),
        ("version", query.version or ""),
        ("changed by", query.updated_by),
        *((f"parameter {each.name}", _about(each)) for each in query.parameters),
    ]
    records = [{"field": field, "value": value} for field, value in lines if value != ""]
    print_records(records, as_json=False, empty="")


def _about(parameter: Parameter) -> str:
    parts = [f"list of {parameter.type}" if parameter.is_list else str(parameter.type)]
    if parameter.choices:
        parts.append("one of " + ", ".join(map(str, parameter.choices)))
    parts += [f"from {parameter.minimum}"] if parameter.minimum is not None else []
    parts += [f"to {parameter.maximum}"] if parameter.maximum is not None else []
    parts.append("required" if parameter.required else f"default {parameter.default}")
    return "; ".join(parts)
