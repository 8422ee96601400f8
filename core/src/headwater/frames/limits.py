"""Row and byte limits on a stream, never silent: whoever is cut off reads a notice."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pyarrow as pa

from .meta import Notice

if TYPE_CHECKING:
    from .stream import FrameStream


def value_bytes(data: pa.RecordBatch | pa.Table | pa.ChunkedArray) -> int:
    """Bytes of the values; for view types in older pyarrow, of the buffers that hold them."""
    try:
        return int(data.nbytes)
    except pa.ArrowException:
        return int(data.get_total_buffer_size())


def limit(stream: FrameStream, max_rows: int | None, max_bytes: int | None) -> FrameStream:
    """A stream of `stream`'s batches that ends at a limit; see `FrameStream.limited`."""
    from .stream import FrameStream

    def batches() -> Generator[pa.RecordBatch, None, None]:
        rows = size = 0
        for batch in stream:
            limited.meta = stream.meta
            fitting, reason = _fitting(batch, rows, size, max_rows, max_bytes)
            if fitting:
                part = batch.slice(0, fitting)
                rows += fitting
                size += value_bytes(part)
                yield part
            if fitting < batch.num_rows:
                limited.truncated = True
                limited.add_notice(
                    Notice.warning(
                        f"Results have been limited to {rows} because the {reason} limit was reached"
                    )
                )
                return
        limited.meta = stream.meta

    limited = FrameStream(
        stream.schema,
        batches(),
        name=stream.name,
        ref_id=stream.ref_id,
        meta=stream.meta,
        on_close=stream.close,
        on_cancel=stream.cancel,
    )
    return limited


def _fitting(
    batch: pa.RecordBatch, rows: int, size: int, max_rows: int | None, max_bytes: int | None
) -> tuple[int, str]:
    """How many of the batch's rows fit after `rows` rows and `size` bytes, and which limit says so."""
    by_rows = batch.num_rows if max_rows is None else min(batch.num_rows, max_rows - rows)
    if max_bytes is None or size + value_bytes(batch.slice(0, by_rows)) <= max_bytes:
        return by_rows, "row"
    return _rows_within(batch, by_rows, max_bytes - size), "byte"


def _rows_within(batch: pa.RecordBatch, most: int, budget: int) -> int:
    """The largest number of leading rows, below `most`, whose values take at most `budget` bytes."""
    low, high = 0, most
    while low + 1 < high:
        middle = (low + high) // 2
        if value_bytes(batch.slice(0, middle)) <= budget:
            low = middle
        else:
            high = middle
    return low
