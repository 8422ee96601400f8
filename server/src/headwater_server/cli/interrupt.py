"""Ctrl-C: the first one cancels the query at its data source, the second one leaves."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from headwater.calls import CallContext

from .failures import INTERRUPTED


@contextmanager
def cancel_on_interrupt(
    context: CallContext, on_leave: Callable[[], object], interrupted: threading.Event
) -> Iterator[None]:
    """Within the block, SIGINT sets `interrupted` and cancels `context`, which may have ended just before; a
    second one runs `on_leave` and ends the process."""

    def cancel(_signal: int, _frame: FrameType | None) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, leave)
        click.echo("Cancelling; press Ctrl-C again to leave at once.", err=True)
        # Not in this thread: it may hold the very locks that cancelling takes.
        threading.Thread(target=context.cancel, name="headwater-cancel", daemon=True).start()

    def leave(_signal: int, _frame: FrameType | None) -> None:
        on_leave()
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, cancel)
    try:
        if interrupted.is_set():  # before this context was there
            context.cancel()
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def note_interrupt(interrupted: threading.Event) -> Iterator[None]:
    """Within the block, SIGINT sets `interrupted`; a second one does what the first did before.

    Python raises KeyboardInterrupt wherever it is, and drops it in a finalizer. Nobody may wait for
    `interrupted`: setting it takes the lock that a waiter holds.
    """

    def note(_signal: int, _frame: FrameType | None) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
