"""Ctrl-C between two queries, wherever it comes."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from headwater.calls import CallContext
from headwater_server.cli.interrupt import cancel_on_interrupt, note_interrupt


class Finalized:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def test_one_that_comes_while_python_frees_an_object_counts() -> None:
    interrupted = threading.Event()
    with note_interrupt(interrupted):
        Finalized()
    assert interrupted.is_set()


def test_a_second_one_interrupts_whatever_runs() -> None:
    before = signal.getsignal(signal.SIGINT)
    with note_interrupt(threading.Event()):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_query_that_begins_after_one_is_cancelled() -> None:
    interrupted = threading.Event()
    with note_interrupt(interrupted):
        os.kill(os.getpid(), signal.SIGINT)
        with CallContext() as context, cancel_on_interrupt(context, lambda: None, interrupted):
            assert context.cancelled
