"""`headwater query`: run a query, write its rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from .completion import complete_data_sources, complete_files
from .inputs import parse_assignment
from .location import Location, pass_location
from .rows import RowOptions, print_rows, read_argument, row_options
from .targets import Target

if TYPE_CHECKING:
    from headwater import CallContext
    from headwater.frames import FrameStream


@click.command()
@click.argument("data_source", shell_complete=complete_data_sources)
@click.argument("text", required=False)
@click.option(
    "-f",
    "--file",
    metavar="FILE",
    shell_complete=complete_files,
    help="Read the query from FILE; - is stdin.",
)
@click.option(
    "--set", "keys", multiple=True, metavar="KEY=VALUE", help="Another key of the query; see `plugin info`."
)
@row_options
@pass_location
def query(
    location: Location,
    /,
    data_source: str,
    text: str | None,
    file: str | None,
    keys: tuple[str, ...],
    **options: Any,
) -> None:
    """Run a query and print its rows, or write them to a file.

    TEXT is the query's main text (SQL, PromQL, a scenario), a query object in JSON, or - for stdin.
    """
    chosen = RowOptions.of(**options)
    for key in keys:
        parse_assignment(key)  # what is none is told before anything is opened
    asked = read_argument(text, file, "the query as TEXT")

    def open_rows(
        target: Target, options: RowOptions, context: CallContext, on_end: Callable[[], object]
    ) -> FrameStream:
        from headwater_server.output.rows import rows_of

        schema = target.query_schema(data_source) if keys else {}
        more = dict(parse_assignment(key, schema) for key in keys)
        query_object = {**(_query_object(asked) or target.text_query(data_source, asked)), **more}
        if options.params:
            query_object["params"] = options.params
        chunks = target.query_chunks(
            data_source,
            query_object,
            from_=options.from_ or "now-1h",
            to=options.to or "now",
            context=context,
        )
        return rows_of(chunks, context, on_end)

    print_rows(location, open_rows, chosen)


def _query_object(text: str) -> dict[str, Any] | None:
    import json

    if not text.lstrip().startswith("{"):
        return None
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
