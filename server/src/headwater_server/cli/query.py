"""`headwater query`: run a query, write its rows."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from headwater_server.output import BINARY_FORMATS, FORMATS, FORMATS_BY_SUFFIX, writer

from .completion import complete_data_sources, complete_files
from .failures import READER_GONE, report
from .inputs import parse_assignment, read_text
from .location import Location, pass_location
from .targets import Target, open_target

if TYPE_CHECKING:
    from headwater import CallContext
    from headwater.frames import FrameStream

_TABLE_ROWS = 1000
_PLOT_ROWS = 1_000_000


@frozen(kw_only=True)
class QueryOptions:
    """What the command line says of how to run a query and what to do with its rows."""

    from_: str | None
    to: str | None
    timeout: float | None
    params: Mapping[str, Any]
    keys: Mapping[str, Any]
    format: str
    out: Path | None
    limit: int | None
    watch: float | None
    timing: bool

    @property
    def waits_silently(self) -> bool:
        """Whether the terminal stays empty until the query has ended."""
        return self.format in ("table", "plot") or self.out is not None or not sys.stdout.isatty()


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
    "--from", "from_", metavar="TIME", help="Start: now-6h, ISO 8601, or epoch milliseconds.  [now-1h]"
)
@click.option("--to", metavar="TIME", help="End.  [now]")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter, bound where the query names it. A VALUE that is JSON is that: 5, '[1, 2]'.",
)
@click.option(
    "--set", "keys", multiple=True, metavar="KEY=VALUE", help="Another key of the query; see `plugin info`."
)
@click.option(
    "-o",
    "--output",
    "format_",
    type=click.Choice(FORMATS),
    help="Default: by the suffix of --out, else table.",
)
@click.option("--plot", is_flag=True, help="Draw numbers over time in the terminal.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE once all rows are there."
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"At most N rows, 0 for all.  [table in a terminal: {_TABLE_ROWS}]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Cancel after that long.",
)
@click.option(
    "--watch",
    metavar="INTERVAL",
    callback=lambda _context, _parameter, value: _seconds(value),
    help="Run it again every 5s, 1m or so, until Ctrl-C; in a terminal in place of what was there.",
)
@click.option("--timing", is_flag=True, help="Say on stderr how long it took.")
@pass_location
def query(
    location: Location,
    /,
    data_source: str,
    text: str | None,
    file: str | None,
    format_: str | None,
    plot: bool,
    params: tuple[str, ...],
    keys: tuple[str, ...],
    **options: Any,
) -> None:
    """Run a query and print its rows, or write them to a file.

    TEXT is the query's main text (SQL, PromQL, a scenario), a query object in JSON, or - for stdin.
    """
    if plot and format_ is not None:
        raise click.UsageError("give --plot or --output, one of them")
    format_name = "plot" if plot else _format(format_, options["out"])
    if options["limit"] is None:
        options["limit"] = _default_limit(format_name, options["out"])
    chosen = QueryOptions(
        params=dict(map(parse_assignment, params)),
        keys=dict(map(parse_assignment, keys)),
        format=format_name,
        **options,
    )
    if chosen.watch is not None and chosen.out is not None:
        raise click.UsageError("give --watch or --out, one of them")
    asked = _read_query(text, file)
    run = _run if chosen.watch is None else _watch
    interrupted = threading.Event()
    try:
        with open_target(location) as target:
            run(target, data_source, asked, chosen, interrupted)
    except BrokenPipeError:
        # Whoever read the rows wants no more (`| head`). Python would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(READER_GONE) from None


def _format(chosen: str | None, out: Path | None) -> str:
    if chosen is None:
        return _format_of_file(out) if out is not None else "table"
    if chosen in BINARY_FORMATS and out is None and sys.stdout.isatty():
        raise click.UsageError(f"{chosen} is not for a terminal; use --out FILE, or a pipe")
    return chosen


def _format_of_file(out: Path) -> str:
    if out.is_dir():
        raise click.UsageError(f"{out} is a directory")
    try:
        return FORMATS_BY_SUFFIX[out.suffix.lower()]
    except KeyError:
        known = ", ".join(FORMATS_BY_SUFFIX)
        raise click.UsageError(
            f"no format has the suffix {out.suffix!r}; name the file with one of {known}, or give --output"
        ) from None


def _default_limit(format_name: str, out: Path | None) -> int | None:
    """Only what somebody looks at is cut: a table in the terminal, and a plot."""
    if format_name == "table" and out is None and sys.stdout.isatty():
        return _TABLE_ROWS
    return _PLOT_ROWS if format_name == "plot" else None


def _read_query(text: str | None, file: str | None) -> str | dict[str, Any]:
    """The query's text, or a query object if the text is one."""
    if (text is None) == (file is None):
        raise click.UsageError("give the query as TEXT or with -f FILE, one of them")
    if file is not None:
        text = read_text(file)
    elif text == "-":
        text = read_text("-")
    assert text is not None
    if not text.strip():
        raise click.UsageError("the query is empty")
    return _query_object(text) or text


def _query_object(text: str) -> dict[str, Any] | None:
    import json

    if not text.lstrip().startswith("{"):
        return None
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _seconds(interval: str | None) -> float | None:
    if interval is None:
        return None
    from headwater.errors import ValidationError
    from headwater.frames import parse_interval_string

    try:
        seconds = parse_interval_string(interval).total_seconds()
    except ValidationError as error:
        raise click.BadParameter(f"{error}; write 5s or 1m") from error
    if seconds <= 0:
        raise click.BadParameter("give more than no time")
    return seconds


def _watch(
    target: Target,
    data_source: str,
    asked: str | dict[str, Any],
    options: QueryOptions,
    interrupted: threading.Event,
) -> None:
    """Until Ctrl-C, or an error that another try would not mend."""
    from headwater.errors import HeadwaterError

    assert options.watch is not None
    while not interrupted.is_set():
        try:
            _run(target, data_source, asked, options, interrupted)
        except HeadwaterError as error:
            if not error.retryable:
                raise
            report(error)
        if not interrupted.is_set():
            time.sleep(options.watch)
    raise KeyboardInterrupt


def _run(
    target: Target,
    data_source: str,
    asked: str | dict[str, Any],
    options: QueryOptions,
    interrupted: threading.Event,
) -> None:
    from headwater import CallContext

    from .destination import Destination
    from .interrupt import cancel_on_interrupt
    from .progress import progress_bar

    started = time.perf_counter()
    with (
        Destination(options.out) as destination,
        progress_bar(wanted=options.waits_silently) as bar,
        CallContext(timeout=options.timeout, limits=target.limits, on_progress=bar.show) as context,
        cancel_on_interrupt(context, destination.discard, interrupted),
        _rows(target, data_source, asked, options, context, bar.hide) as stream,
    ):
        first = time.perf_counter()
        if options.watch is not None and sys.stdout.isatty():
            bar.hide()
            click.clear()
        writer(options.format)(stream, destination.sink)
    _say_notices(stream)
    if stream.truncated and options.format == "table" and options.limit == _TABLE_ROWS:
        click.echo("A table in a terminal shows the first rows only; --limit 0 shows all.", err=True)
    if options.timing:
        ended = time.perf_counter()
        click.echo(
            f"{stream.rows:,} rows, {stream.bytes:,} bytes of Arrow in {ended - started:.3f} s "
            f"(first rows after {first - started:.3f} s)",
            err=True,
        )


def _rows(
    target: Target,
    data_source: str,
    asked: str | dict[str, Any],
    options: QueryOptions,
    context: CallContext,
    on_end: Callable[[], object],
) -> FrameStream:
    from headwater_server.output.rows import rows_of

    query_object = target.text_query(data_source, asked) if isinstance(asked, str) else asked
    query_object = {**query_object, **options.keys}
    if options.params:
        query_object["params"] = options.params
    chunks = target.query_chunks(
        data_source,
        query_object,
        from_=options.from_ or "now-1h",
        to=options.to or "now",
        context=context,
    )
    return rows_of(chunks, context, on_end).limited(max_rows=options.limit or None)


def _say_notices(stream: FrameStream) -> None:
    for notice in stream.meta.notices if stream.meta is not None else ():
        click.echo(f"{notice.severity}: {notice.text}", err=True)
