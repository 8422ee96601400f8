"""Sizes of Arrow data, and how much of it fits into limits on rows and bytes."""

from __future__ import annotations

import pyarrow as pa


def value_bytes(data: pa.RecordBatch | pa.Table | pa.ChunkedArray) -> int:
    """Bytes of the values; for view types in older pyarrow, of the buffers that hold them."""
    try:
        return int(data.nbytes)
    except pa.ArrowException:
        return int(data.get_total_buffer_size())


def fitting_rows(
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
