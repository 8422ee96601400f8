"""Rows with times and numbers as a plot in the terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.errors import ValidationError
from headwater.frames import FrameStream

from .braille import Floats, Series, draw
from .columns import is_numeric, titles


def write_plot(stream: FrameStream, sink: IO[bytes]) -> None:
    """All rows at once: the axes depend on all of them. Raises ValidationError without times or numbers."""
    table = pa.Table.from_batches(list(stream), stream.schema)
    on_terminal = sink is sys.stdout.buffer and sys.stdout.isatty()
    lines = draw(list(series_of(table)), shutil.get_terminal_size().columns, colours=on_terminal)
    sink.write("".join(f"{line}\n" for line in lines).encode())


def series_of(table: pa.Table) -> Iterator[Series]:
    """One for each numeric column and each value of the text columns, which tell series apart.

    The first column of times counts, and without one that of dates. Nulls, NaN and infinities are left out.
    """
    kinds = [field.type for field in table.schema]
    times_or_days = (pa.types.is_timestamp, pa.types.is_date)
    when = next((at for is_it in times_or_days for at, kind in enumerate(kinds) if is_it(kind)), None)
    numbers = [index for index, kind in enumerate(kinds) if is_numeric(kind)]
    if when is None or not numbers:
        raise ValidationError("a plot needs a column of times and one of numbers", path="--plot")
    micros = pa.timestamp("us", getattr(kinds[when], "tz", None))
    times = _floats(table.column(when).cast(micros, safe=False).cast(pa.int64())) / 1e6
    labels, names = _labels(table), titles(table.schema)
    for label in dict.fromkeys(labels):
        for index in numbers:
            values = _floats(table.column(index))
            chosen = (labels == label) & np.isfinite(values) & np.isfinite(times)
            name = label if label and len(numbers) == 1 else f"{label} {names[index]}".strip()
            yield Series(name, times[chosen], values[chosen])


def _labels(table: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """The texts of each row, joined."""
    texts = [
        table.column(index).to_pylist() for index, field in enumerate(table.schema) if _is_text(field.type)
    ]
    rows = zip(*texts, strict=True) if texts else ((),) * table.num_rows
    labels = np.empty(table.num_rows, dtype=np.object_)
    labels[:] = [" ".join("" if text is None else str(text) for text in row) for row in rows]
    return labels


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _floats(column: pa.ChunkedArray) -> Floats:
    numbers: Floats = pc.fill_null(column.cast(pa.float64(), safe=False), float("nan")).to_numpy()
    return numbers
