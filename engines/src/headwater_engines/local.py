"""Read tasks in this process, several side by side: what engines without a cluster use."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence

import pyarrow as pa

from headwater import CallContext, Headwater, ReadTask
from headwater.sdk import PrefetchQueue

__all__ = ["read_side_by_side"]

_BATCHES_AHEAD = 2
_MOST_CONNECTIONS = 8
"""As many as a data source takes at a time by default."""


def read_side_by_side(
    headwater: Headwater, tasks: Sequence[ReadTask]
) -> Generator[pa.RecordBatch, None, None]:
    """The batches of all tasks as they come; those of one task alone in its order.

    Close the generator to end the queries. Raises the first error of any task.
    """
    lanes = min(len(tasks), _MOST_CONNECTIONS, max(2, os.cpu_count() or 1))
    with CallContext() as context:

        def read(lane: int) -> Generator[pa.RecordBatch, None, None]:
            for task in tasks[lane::lanes]:
                with headwater.read_task(task, context=context) as stream:
                    yield from stream

        if lanes == 1:
            yield from read(0)
            return
        producers = [read(lane) for lane in range(lanes)]
        with PrefetchQueue(
            producers, ahead=_BATCHES_AHEAD * lanes, interrupt=context.cancel, name="headwater-part"
        ) as queue:
            yield from queue
