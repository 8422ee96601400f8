"""What `query`, `sql` and their kin have in common: options about rows, and running what brings them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from attrs import frozen

from headwater_server.output import BINARY_FORMATS, FORMATS, FORMATS_BY_SUFFIX, writer

from .failures import INTERRUPTED, SECRET, USAGE, exit_code_of, report
from .inputs import parse_assignment, read_text
from .location import Location
from .targets import Target, open_target

if TYPE_CHECKING:
    from headwater import CallContext
    from headwater.frames import FrameStream

    OpenRows = Callable[[Target, "RowOptions", CallContext, Callable[[], object]], FrameStream]
    """Starts a query; the last argument is called once all rows are here."""

F = TypeVar("F", bound=Callable[..., Any])
_TABLE_ROWS = 1000
_PLOT_ROWS = 1_000_000


@frozen(kw_only=True)
class RowOptions:
    """What the command line says of how to run a query and what to do with its rows."""

    from_: str | None
    to: str | None
    timeout: float | None
    params: Mapping[str, Any]
    format: str
    out: Path | None
    limit: int | None
    watch: float | None
    timing: bool

    @classmethod
    def of(
        cls, *, params: tuple[str, ...], format_: str | None, plot: bool, limit: int | None, **options: Any
    ) -> RowOptions:
        """From the values of the options of `row_options`. Raises UsageError."""
        if plot and format_ is not None:
            raise click.UsageError("give --plot or --output, one of them")
        format_name = "plot" if plot else _format(format_, options["out"])
        if limit is None:
            limit = _default_limit(format_name, options["out"])
        chosen = cls(params=dict(map(parse_assignment, params)), format=format_name, limit=limit, **options)
        if chosen.watch is not None and chosen.out is not None:
            raise click.UsageError("give --watch or --out, one of them")
        return chosen

    @property
    def waits_silently(self) -> bool:
        """Whether the terminal stays empty until the query has ended."""
        return self.format in ("table", "plot") or self.out is not None or not sys.stdout.isatty()


_OPTIONS = (
    click.option(
        "--from", "from_", metavar="TIME", help="Start: now-6h, ISO 8601, or epoch milliseconds.  [now-1h]"
    ),
    click.option("--to", metavar="TIME", help="End.  [now]"),
    click.option(
        "--param",
        "params",
        multiple=True,
        metavar="NAME=VALUE",
        help="A parameter, bound where the query names it. A VALUE that is JSON is that: 5, '[1, 2]'.",
    ),
    click.option(
        "-o",
        "--output",
        "format_",
        type=click.Choice(FORMATS),
        help="Default: by the suffix of --out, else table.",
    ),
    click.option("--plot", is_flag=True, help="Draw numbers over time in the terminal."),
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write to FILE once all rows are there.",
    ),
    click.option(
        "--limit",
        type=click.IntRange(min=0),
        metavar="N",
        help=f"At most N rows, 0 for all.  [table in a terminal: {_TABLE_ROWS}]",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="Cancel after that long.",
    ),
    click.option(
        "--watch",
        metavar="INTERVAL",
        callback=lambda _context, _parameter, value: _seconds(value),
        help="Run it again every 5s, 1m or so, until Ctrl-C; in a terminal in place of what was there.",
    ),
    click.option("--timing", is_flag=True, help="Say on stderr how long it took."),
)


def row_options(command: F) -> F:
    """Decorates a command with what can be said about time, parameters and rows; see `RowOptions.of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def print_rows(location: Location, open_rows: OpenRows, options: RowOptions) -> None:
    """Run what `open_rows` starts and print its rows, or write them to a file; with --watch, repeatedly."""
    run = _run if options.watch is None else _watch
    interrupted = threading.Event()
    with open_target(location) as target:
        run(target, open_rows, options, interrupted)


def read_argument(text: str | None, file: str | None, what: str) -> str:
    """The query's text: the argument, or what -f FILE or - for stdin give. Raises UsageError."""
    if (text is None) == (file is None):
        raise click.UsageError(f"give {what} or with -f FILE, one of them")
    if file is not None:
        text = read_text(file)
    elif text == "-":
        text = read_text("-")
    assert text is not None
    if not text.strip():
        raise click.UsageError("the query is empty")
    return text


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
    open_rows: OpenRows,
    options: RowOptions,
    interrupted: threading.Event,
) -> None:
    """Until Ctrl-C, or an error that whoever watches has to mend here; what a data source says is shown, and
    it is asked again."""
    from headwater.errors import HeadwaterError

    from .interrupt import note_interrupt

    assert options.watch is not None
    with note_interrupt(interrupted):
        while not interrupted.is_set():
            try:
                _run(target, open_rows, options, interrupted)
            except HeadwaterError as error:
                if exit_code_of(error) in (USAGE, SECRET, INTERRUPTED):
                    raise
                report(error)
            _pause(options.watch, interrupted)
    raise KeyboardInterrupt


def _pause(seconds: float, interrupted: threading.Event) -> None:
    end = time.monotonic() + seconds
    while not interrupted.is_set() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))


def _run(
    target: Target,
    open_rows: OpenRows,
    options: RowOptions,
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
        open_rows(target, options, context, bar.hide).limited(options.limit or None) as stream,
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


def _say_notices(stream: FrameStream) -> None:
    for notice in stream.meta.notices if stream.meta is not None else ():
        click.echo(f"{notice.severity}: {notice.text}", err=True)
