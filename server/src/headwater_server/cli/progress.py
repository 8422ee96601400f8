"""How far a query has come, on stderr, while someone is watching."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from headwater.calls import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar, TaskID


class ProgressBar:
    """`show` is a callback for `CallContext`; `hide` makes room for output. Both do nothing without a bar."""

    def __init__(self, bar: Bar | None = None, task: TaskID | None = None) -> None:
        self._bar = bar
        self._task = task

    def show(self, progress: Progress) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=progress.rows, total=progress.total_rows or None)

    def hide(self) -> None:
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def progress_bar(*, wanted: bool) -> Iterator[ProgressBar]:
    """A bar drawn by rich if `wanted` and stderr is a terminal; gone afterwards."""
    if not wanted or not sys.stderr.isatty():
        yield ProgressBar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress as Bar, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.completed:,.0f} rows"), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield ProgressBar(bar, bar.add_task("query", total=None))
