"""`headwater sql`: one SELECT over data sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from .completion import complete_files
from .location import Location, pass_location
from .rows import RowOptions, print_rows, read_argument, row_options
from .targets import Target

if TYPE_CHECKING:
    from headwater import CallContext
    from headwater.frames import FrameStream


@click.command()
@click.argument("statement", required=False)
@click.option(
    "-f",
    "--file",
    metavar="FILE",
    shell_complete=complete_files,
    help="Read the statement from FILE; - is stdin.",
)
@row_options
@pass_location
def sql(location: Location, /, statement: str | None, file: str | None, **options: Any) -> None:
    """Run one SELECT over data sources and print its rows, or write them to a file.

    The name of a data source is a table function whose argument is a query in its own language:
    SELECT o.day, p.value FROM shop('SELECT day FROM orders') o JOIN metrics('up') p ON p.time = o.day.
    Where a plugin knows tables, shop.orders is one. EXPLAIN shows what the sources are asked for.
    """
    asked = read_argument(statement, file, "the STATEMENT")

    def open_rows(
        target: Target, options: RowOptions, context: CallContext, on_end: Callable[[], object]
    ) -> FrameStream:
        from headwater.frames import stream_chunks
        from headwater_server.output.rows import rows_of

        stream = target.sql(
            asked,
            from_=options.from_ or "now-1h",
            to=options.to or "now",
            params=options.params,
            context=context,
        )
        return rows_of(stream_chunks(stream, "A"), context, on_end, keep_labels=True)

    print_rows(location, open_rows, RowOptions.of(**options))
