"""Kill a worker in the midst of a read, as a machine that is lost does, as often as it is asked for."""

from __future__ import annotations

import os
import random
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


def lose_workers(
    read: Callable[[], tuple[int, int]], find: Callable[[], list[int]], ready: Callable[[], bool], runs: int
) -> None:
    """`read` says how many numbers from 0 it found, and their sum. It is right each time that the first of
    `find` is killed in its midst, at another moment of the time that it takes undisturbed.

    `ready` says whether all workers are there again.
    """
    whole = read()
    assert whole[1] == whole[0] * (whole[0] - 1) // 2
    began = time.monotonic()
    assert read() == whole
    takes = time.monotonic() - began

    moments, lost = random.Random(18), 0
    for _ in range(2 * runs):
        if lost == runs:
            return
        _wait_for(ready)
        after = takes * moments.uniform(0.1, 0.8)
        with killed_soon(find, after=after) as killed:
            assert read() == whole
        lost += len(killed)  # none, if it took less time than before
        print(f"{lost} of {runs}: {killed} was killed after {after:.1f} s, {whole[0]:,} rows came, each once")
    assert lost == runs, f"only {lost} of {runs} workers were lost while they read"


def _wait_for(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < end, "the workers did not come back"
        time.sleep(0.1)


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
