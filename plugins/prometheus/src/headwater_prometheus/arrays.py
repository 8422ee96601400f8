"""numpy to Arrow and back without copying.

pyarrow's own conversions (`pa.array`, `ChunkedArray.to_numpy`) import pandas if it is installed, which costs
more than decoding a million samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_TYPES = {np.dtype(np.int64): pa.int64(), np.dtype(np.int32): pa.int32(), np.dtype(np.float64): pa.float64()}


def to_arrow(
    values: npt.NDArray[np.generic],
    type_: pa.DataType | None = None,
    *,
    valid: npt.NDArray[np.bool_] | None = None,
) -> pa.Array:
    """`values` as an Arrow array over the same memory; null where `valid` is false.

    `type_` may name another type of the same width, such as a timestamp for int64.
    """
    values = np.ascontiguousarray(values)
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(type_ or _TYPES[values.dtype], len(values), [bitmap, pa.py_buffer(values)])


def to_strings(texts: Sequence[str]) -> pa.Array:
    """Together less than 2 GiB."""
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))


def to_float64(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """A float64 column without nulls as one array."""
    parts = [
        np.frombuffer(chunk.buffers()[1], np.float64, count=len(chunk), offset=8 * chunk.offset)
        for chunk in column.chunks
        if len(chunk)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty(0)
