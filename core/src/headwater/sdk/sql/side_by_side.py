"""One result read over several connections, each of which reads a part of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Final

import pyarrow as pa

from headwater.calls.context import CallContext
from headwater.errors import QueryError
from headwater.frames import FrameStream, Notice
from headwater.sdk.prefetch import PrefetchQueue

__all__ = ["read_side_by_side"]

_BATCHES_AHEAD: Final = 2
"""Batches that each connection may have ready before the consumer takes them."""

_NOTICE: Final = Notice.info(
    "Read over several connections: rows arrive in no order, and changes made meanwhile may be seen by some "
    "connections only."
)


def read_side_by_side(
    statements: Sequence[str], start: Callable[[str, CallContext], FrameStream], context: CallContext
) -> FrameStream:
    """The rows of all `statements`, in the order in which they come.

    The first is started by the caller, which tells the columns. Raises what `start` raises.
    """
    child = context.child()
    first = start(statements[0], child)

    def read(number: int) -> Generator[pa.RecordBatch, None, None]:
        with start(statements[number], child) if number else first as stream:
            if stream.schema.remove_metadata() != first.schema.remove_metadata():
                raise QueryError("the partitions have different columns")
            yield from stream

    queue = PrefetchQueue(
        [read(number) for number in range(len(statements))],
        ahead=_BATCHES_AHEAD * len(statements),
        interrupt=partial(child.cancel, "the partitioned read was closed"),
        name="headwater-sql-read",
    )

    def batches() -> Generator[pa.RecordBatch, None, None]:
        with queue:
            yield from queue
        context.check()

    def cancel() -> None:
        queue.stop()
        child.cancel()

    def close() -> None:
        queue.close()
        first.close()
        child.close()

    meta = first.meta.with_notice(_NOTICE) if first.meta else None
    return FrameStream(first.schema.remove_metadata(), batches(), meta=meta, on_close=close, on_cancel=cancel)
