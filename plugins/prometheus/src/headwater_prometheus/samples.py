"""The numbers of an answer, decoded from JSON text without making a Python object per sample.

A series carries `"values": [[1435781430.781, "1.5"], …]`. msgspec hands that text over unparsed; one
`bytes.translate` turns it into CSV, which pyarrow reads in parallel. For small answers the CSV reader's
set-up costs more than it saves, so numpy reads those. Both are exact: NaN, ±Inf, −0 and subnormals included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from headwater.errors import DownstreamProtocolError

from .arrays import to_float64

Int64Array: TypeAlias = npt.NDArray[np.int64]
Float64Array: TypeAlias = npt.NDArray[np.float64]

_PART_BYTES = 8 * 1024 * 1024
_SMALL = 90_000  # bytes; where the two routes cross, measured
_NOISE = b'"+ \t\r\n'
_TO_LINES = bytes.maketrans(b"[", b"\n")
_MOST_SECONDS = 2.0**63 / 1000
_READ = csv.ReadOptions(column_names=["time", "value", "nothing"], block_size=1 << 20)
_PARSE = csv.ParseOptions(quote_char=False)
_CONVERT = csv.ConvertOptions(
    column_types={"time": pa.float64(), "value": pa.float64(), "nothing": pa.null()},
    include_columns=["time", "value"],
    null_values=[],
    strings_can_be_null=False,
)


def decode_samples(texts: Sequence[bytes]) -> tuple[Int64Array, Float64Array]:
    """Times (milliseconds since the epoch) and values of all `texts`, in order.

    Each text is a JSON array `[time, "value"]`, an array of such, or a part of one that `cut_samples` made.
    Raises DownstreamProtocolError for anything else.
    """
    decoded = [_decode(b",".join(group)) for group in _groups(texts)]
    if len(decoded) == 1:
        return decoded[0]
    if not decoded:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    times, values = zip(*decoded, strict=True)
    return np.concatenate(times), np.concatenate(values)


def _groups(texts: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Texts that are decoded together. Decoding takes several times the memory of the text."""
    group: list[bytes] = []
    size = 0
    for text in texts:
        if b'"' in text:  # `[]` would be an empty line
            group.append(text)
            size += len(text)
        if size >= _PART_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _decode(joined: bytes) -> tuple[Int64Array, Float64Array]:
    try:
        seconds, values = _by_numpy(joined) if len(joined) < _SMALL else _by_csv(joined)
    except (ValueError, DeprecationWarning, pa.ArrowInvalid) as error:
        raise _no_sample() from error
    return milliseconds(seconds), values


def milliseconds(seconds: Float64Array) -> Int64Array:
    """Times since the epoch. Raises DownstreamProtocolError for those that no 64-bit number of them holds."""
    if not (np.abs(seconds) < _MOST_SECONDS).all():
        raise _out_of_range()
    return np.rint(seconds * 1000.0).astype(np.int64)


def millisecond(seconds: float) -> int:
    """`milliseconds` of a single time."""
    if not abs(seconds) < _MOST_SECONDS:
        raise _out_of_range()
    return round(seconds * 1000)


def _no_sample() -> DownstreamProtocolError:
    return DownstreamProtocolError("The answer holds a sample that is not a time and a number.")


def _out_of_range() -> DownstreamProtocolError:
    return DownstreamProtocolError("The answer holds a time that is out of range.")


def cut_samples(array: msgspec.Raw) -> list[bytes]:
    """The text of an array of pairs, in parts of about 8 MiB that end after a pair.

    Raises DownstreamProtocolError for a pair that is longer.
    """
    text = memoryview(array)
    parts: list[bytes] = []
    start = 0
    while start < len(text):
        part = bytes(text[start : start + _PART_BYTES])
        if start + len(part) < len(text):
            part = part[: part.rfind(b"],") + 1]
        if not part:
            raise _no_sample()
        parts.append(part)
        start += len(part) + 1  # the comma
    return parts


def count_samples(parts: Sequence[bytes]) -> int:
    """How many samples an array of `[time, "value"]` pairs holds that was cut into `parts`."""
    return sum(part.count(b"[") for part in parts) - 1


def decode_number(text: str) -> float:
    """A sample value as Prometheus writes it: `1e+06`, `NaN`, `+Inf`."""
    try:
        return float(text)
    except ValueError as error:
        raise DownstreamProtocolError("The answer holds a value that is not a number.") from error


def _by_numpy(text: bytes) -> tuple[Float64Array, Float64Array]:
    plain = text.translate(None, b"[]" + _NOISE)
    flat = np.fromstring(plain, dtype=np.float64, sep=",")
    # numpy stops at the first text that is no number, with a warning only.
    if len(flat) % 2 or len(flat) != plain.count(b",") + 1:
        raise ValueError("not pairs of numbers")
    pairs = flat.reshape(-1, 2)
    return pairs[:, 0], np.ascontiguousarray(pairs[:, 1])


def _by_csv(text: bytes) -> tuple[Float64Array, Float64Array]:
    lines = text.translate(_TO_LINES, b"]" + _NOISE)
    # In memory of Arrow's own: one of its threads may be the last to let go of it, and for Python's memory it
    # would need Python's lock, which aborts the process if Python is about to end.
    table_text = pa.allocate_buffer(len(lines) + 2)
    # The comma between two pairs ends a line, so that each has an empty third column; so must the last.
    with memoryview(table_text).cast("B") as written:
        written[:-2], written[-2:] = lines, b",\n"
    table = csv.read_csv(pa.BufferReader(table_text), _READ, _PARSE, _CONVERT)
    return to_float64(table["time"]), to_float64(table["value"])
