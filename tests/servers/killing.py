"""Kill a worker in the midst of a read, as a machine that is lost does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

PATIENCE = 60.0


def children_running(text: str) -> list[int]:
    """Ids of the processes below this one whose command line holds `text`, without those that just ended."""
    import psutil  # in the session engines only

    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a zombie is one, too
            if text in " ".join(child.cmdline()):
                found.append(child.pid)
    return found


@contextmanager
def killed_soon(find: Callable[[], list[int]], *, after: float) -> Iterator[list[int]]:
    """Kill the first process that `find` names, `after` seconds from now or as soon as there is one.

    The list has its id once it is killed.
    """
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        over.wait(after)
        end = time.monotonic() + PATIENCE
        while not over.is_set() and time.monotonic() < end:
            if found := find():
                os.kill(found[0], signal.SIGKILL)
                killed.append(found[0])
                return
            time.sleep(0.05)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()
