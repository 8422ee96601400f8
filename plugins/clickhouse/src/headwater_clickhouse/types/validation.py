"""Check arrays from outside, fast for what most columns are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: Of so few values Arrow's own check costs less than any other.
_FEW = 1_024
_NOT_ASCII = np.uint64(0x8080808080808080)


def check_values(array: pa.Array) -> None:
    """As `array.validate(full=True)`, which looks at text value by value. Raises ArrowInvalid.

    `array.validate()` has passed.
    """
    if len(array) <= _FEW and not pa.types.is_dictionary(array.type):
        is_sound = False
    elif pa.types.is_dictionary(array.type):
        check_values(array.dictionary)
        is_sound = _is_within(array.indices, len(array.dictionary))
    else:
        is_sound = pa.types.is_string(array.type) and len(array) > 0 and _is_ascii(array)
    if not is_sound:
        array.validate(full=True)


def _is_within(indices: pa.Array, count: int) -> bool:
    if not indices.null_count and len(indices):
        # What is negative is large without its sign.
        unsigned = indices.to_numpy().view(f"u{indices.type.byte_width}")
        return int(unsigned.max()) < count
    found = pc.min_max(indices).as_py()
    return found["min"] is None or (found["min"] >= 0 and found["max"] < count)


def _is_ascii(array: pa.StringArray) -> bool:
    """Whether each value ends where the next one begins, and none has a byte that UTF-8 knows otherwise."""
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int32, len(array) + 1, 4 * array.offset)
    if (bounds[1:] < bounds[:-1]).any():
        return False
    used = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    words = used[: len(used) // 8 * 8].view(np.uint64)
    seen = np.bitwise_or.reduce(words, initial=np.uint64(0), keepdims=True) & _NOT_ASCII
    return not seen.any() and not (used[len(words) * 8 :] & 0x80).any()
