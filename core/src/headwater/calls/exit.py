"""What a program leaves open is closed when it ends, while threads can still start."""

from __future__ import annotations

import atexit
import time
import weakref
from typing import Protocol

from .context import run_in_thread

__all__ = ["close_at_exit"]

_EXIT_SECONDS = 2.0


class Closable(Protocol):
    def close(self) -> None: ...


_open: weakref.WeakSet[Closable] = weakref.WeakSet()


def close_at_exit(each: Closable) -> None:
    """Close `each` at the end of the program, if it still lives then; safe if it was closed before."""
    _open.add(each)


@atexit.register
def _close_what_is_open() -> None:
    """End what runs at data sources: a stream that is released later, when the interpreter clears its
    modules, would wait for a thread for ever."""
    closing = [run_in_thread(each.close) for each in list(_open)]
    end = time.monotonic() + _EXIT_SECONDS
    for thread in closing:
        if thread.is_alive():
            thread.join(max(0.0, end - time.monotonic()))
