"""`GarbageCollection`: gives back the memory of calls that were cut short."""

from __future__ import annotations

import asyncio
import gc

from headwater.calls import WorkerPool

_SECONDS = 0.5


class GarbageCollection:
    """Runs the garbage collector soon after a call was cut short.

    A call that is cancelled ends by an exception, which keeps the frames it went through, and these keep
    the exception: a cycle that holds the call's rows until the garbage collector comes. That counts objects,
    not bytes, and would let hundreds of megabytes wait. So it runs soon after such a call, at most twice
    a second; and only where start-up froze what stays (`gc.freeze`), so that there is little to look through.
    Used from one event loop.
    """

    def __init__(self, workers: WorkerPool) -> None:
        self._workers = workers
        self._due: asyncio.TimerHandle | None = None

    def collect_soon(self) -> None:
        if self._due is None and gc.get_freeze_count():
            self._due = asyncio.get_running_loop().call_later(_SECONDS, self._collect)

    def close(self) -> None:
        if self._due is not None:
            self._due.cancel()

    def _collect(self) -> None:
        self._due = None
        self._workers.submit(gc.collect)
