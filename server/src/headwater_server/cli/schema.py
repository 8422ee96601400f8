"""`headwater schema`: what a data source holds, from its plugin's resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from headwater.errors import MethodNotImplementedError, QueryError

from .completion import complete_data_sources, offered
from .location import Location, pass_location
from .plugins import json_option
from .tables import print_records
from .targets import Target, open_target

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# What schema browsers ask for: tables and columns of SQL-like sources, else metrics and labels, as
# Prometheus' HTTP API gives them.
_METRICS = "api/v1/label/__name__/values"
_LABELS = "api/v1/labels"


def complete_tables(
    context: click.Context,
    parameter: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """Tables, or metrics, of the data source that the line names already."""
    source, database = context.params.get("data_source"), context.params.get("database") or ""
    if not source:
        return []
    return offered(
        context,
        incomplete,
        lambda target: ((str(each["name"]), "") for each in _records(target, source, None, database)),
    )


@click.command()
@click.argument("data_source", shell_complete=complete_data_sources)
@click.argument("table", required=False, shell_complete=complete_tables)
@click.option("--database", default="", help="Default: the data source's own.")
@json_option
@pass_location
def schema(location: Location, data_source: str, table: str | None, database: str, as_json: bool) -> None:
    """Show a data source's tables, or a table's columns. Of metrics: their names, or one's labels."""
    with open_target(location) as target:
        records = _records(target, data_source, table, database)
    print_records(_narrow(records), as_json=as_json, empty="Nothing found.")


def _records(target: Target, data_source: str, table: str | None, database: str) -> list[dict[str, Any]]:
    try:
        if table is None:
            return _ask(target, data_source, "tables", {"database": database})
        columns = _ask(target, data_source, "columns", {"database": database, "table": table})
        if not columns:
            raise QueryError(f"There is no table {table!r}; see `headwater schema {data_source}`.")
        return columns
    except MethodNotImplementedError:
        if table is None:
            return _ask(target, data_source, _METRICS, {})
        return _ask(target, data_source, _LABELS, {"match[]": table})


def _ask(target: Target, data_source: str, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
    """The resource's list of records. Raises QueryError with the server's words if it refused."""
    import orjson

    answer = target.call_resource(data_source, path, query)
    if answer.status >= 400:
        raise QueryError(f"{path}: HTTP {answer.status}: {answer.body[:300].decode(errors='replace')}")
    found = orjson.loads(answer.body)
    items = found["data"] if isinstance(found, dict) and "data" in found else found
    return [item if isinstance(item, dict) else {"name": item} for item in items]


def _narrow(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the keys that are empty in every record, and with the same keys in each."""
    keys = [
        key
        for key in dict.fromkeys(key for record in records for key in record)
        if any(record.get(key) not in (None, "", False) for record in records)
    ]
    return [{key: record.get(key) for key in keys} for record in records]
