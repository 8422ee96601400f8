"""How far a query has come, on stderr, while someone is watching."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from headwater.context import Progress

OnProgress: TypeAlias = Callable[[Progress], object]


@contextmanager
def progress_bar(*, wanted: bool) -> Iterator[OnProgress]:
    """A callback for `CallContext`, drawn by rich if `wanted` and stderr is a terminal; gone afterwards."""
    if not wanted or not sys.stderr.isatty():
        yield lambda _progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.completed:,.0f} rows"), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("query", total=None)

        def show(progress: Progress) -> None:
            bar.update(task, completed=progress.rows, total=progress.total_rows or None)

        yield show
