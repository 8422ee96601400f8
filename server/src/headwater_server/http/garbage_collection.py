"""`GarbageCollection`: gives back the memory of calls that are over."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Callable

from headwater.calls import WorkerPool

_COLLECT_SECONDS = 0.5
_TRIM_SECONDS = 15.0


class GarbageCollection:
    """Runs the garbage collector soon after a call was cut short, and glibc's own now and then.

    A call that is cancelled ends by an exception, which keeps the frames it went through, and these keep
    the exception: a cycle that holds the call's rows until the garbage collector comes. That counts objects,
    not bytes, and would let hundreds of megabytes wait. So it runs soon after such a call, at most twice
    a second.

    What results leave behind lies in pieces between what is in use, which glibc keeps. So it is asked for
    them while there are calls, four times a minute, after the garbage that lies between them has gone.

    A call may still hold rows for a while when its request has ended. So each is followed by a run that
    begins no sooner than half a second, or a quarter of a minute, later.

    Both only where start-up froze what stays (`gc.freeze`): so that there is little to look through, and
    the process is the host's own. Used from one event loop.
    """

    def __init__(self, workers: WorkerPool) -> None:
        self._workers = workers
        self._due: dict[Callable[[], object], asyncio.TimerHandle] = {}
        self._again: set[Callable[[], object]] = set()

    def collect_soon(self) -> None:
        self._run_in(_COLLECT_SECONDS, gc.collect)

    def trim_later(self) -> None:
        self._run_in(_TRIM_SECONDS, trim)

    def close(self) -> None:
        for due in self._due.values():
            due.cancel()

    def _run_in(self, seconds: float, work: Callable[[], object]) -> None:
        if work in self._due:
            self._again.add(work)
        elif gc.get_freeze_count():
            self._due[work] = asyncio.get_running_loop().call_later(seconds, self._run, seconds, work)

    def _run(self, seconds: float, work: Callable[[], object]) -> None:
        del self._due[work]
        self._workers.submit(work)
        if work in self._again:
            self._again.remove(work)
            self._run_in(seconds, work)


def trim() -> None:
    """Give pages that nothing needs back to the system; no pages with another C library than glibc."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return
