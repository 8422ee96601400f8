"""Sizes of Arrow data, and how much of it fits into limits on rows and bytes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

import pyarrow as pa


def value_bytes(data: pa.RecordBatch | pa.Table | pa.ChunkedArray) -> int:
    """Bytes of the values; for view types in older pyarrow, of the buffers that hold them."""
    try:
        return int(data.nbytes)
    except pa.ArrowException:  # pragma: no cover - only in older pyarrow
        return int(data.get_total_buffer_size())


def within_limits(
    batches: Iterable[pa.RecordBatch],
    max_rows: int | None,
    max_bytes: int | None,
    measure: Callable[[pa.RecordBatch], int] = value_bytes,
) -> Generator[tuple[pa.RecordBatch, str], None, None]:
    """As many rows of `batches` as fit, and `""`; with the last of them, which may be none, the name of the
    limit ("row" or "byte") that cuts others off. `max_bytes` counts the bytes of values; `measure` gives
    those of the batch that has just come."""
    rows = size = 0
    for batch in batches:
        fitting, taken, limit = _fitting(batch, rows, size, max_rows, max_bytes, measure)
        yield (batch.slice(0, fitting) if limit else batch), limit
        if limit:
            return
        rows, size = rows + fitting, size + taken


def _fitting(
    batch: pa.RecordBatch,
    rows: int,
    size: int,
    max_rows: int | None,
    max_bytes: int | None,
    measure: Callable[[pa.RecordBatch], int],
) -> tuple[int, int, str]:
    """How many of the batch's rows fit after `rows` rows and `size` bytes, the bytes of that part, and which
    limit cuts the others off."""
    by_rows = batch.num_rows if max_rows is None else min(batch.num_rows, max_rows - rows)
    limit = "row" if by_rows < batch.num_rows else ""
    if max_bytes is None:
        return by_rows, 0, limit
    taken = value_bytes(batch.slice(0, by_rows)) if limit else measure(batch)
    if size + taken <= max_bytes:
        return by_rows, taken, limit
    return _rows_within(batch, by_rows, max_bytes - size), 0, "byte"


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
