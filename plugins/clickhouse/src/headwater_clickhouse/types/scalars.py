"""Conversions of single columns, vectorised. Nulls stay null."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .validation import check_values

_FIXED_ZONE = re.compile(r"Fixed/UTC([+-]\d\d:\d\d):00")


def seconds_to_timestamp(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Unix seconds, uint32, as timestamps."""
    if not len(array):
        return pa.nulls(0, wanted)
    # Arrow's own cast takes three times as long.
    wide = np.frombuffer(array.buffers()[1], np.uint32, len(array), 4 * array.offset).astype(np.int64)
    return pa.Array.from_buffers(wanted, len(array), [_validity(array), pa.py_buffer(wide)])


def time_to_duration(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Times, which Arrow confines to a day, as durations: ClickHouse's span -1000 to 1000 hours."""
    if pa.types.is_time32(array.type):
        return array.view(pa.int32()).cast(pa.int64()).view(wanted)
    return array.view(pa.int64()).view(wanted)


def decimal_to_duration(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Decimals of seconds, whose 128 bits hold counts of the duration's unit."""
    words = np.frombuffer(array.buffers()[1] or b"", np.int64)
    counts = words[2 * array.offset : 2 * (array.offset + len(array)) : 2].copy()
    return pa.Array.from_buffers(wanted, len(array), [_validity(array), pa.py_buffer(counts)])


def count_to_duration(array: pa.Array, seconds: int) -> pa.Array:
    """Counts of a fixed length, such as minutes. Raises ArrowInvalid past 64 bits of seconds."""
    return pc.multiply_checked(array, seconds).view(pa.duration("s"))


def count_to_calendar(array: pa.Array, *, months: int = 0, days: int = 0) -> pa.Array:
    """Counts of months or days as Arrow's calendar intervals. Raises ArrowInvalid past its 32 bits."""
    intervals = np.zeros(len(array), [("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
    filled = array.fill_null(0) if array.null_count else array
    intervals["months" if months else "days"] = pc.multiply_checked(filled, months or days).cast(pa.int32())
    buffers = [_validity(array), pa.py_buffer(intervals.tobytes())]
    return pa.Array.from_buffers(pa.month_day_nano_interval(), len(array), buffers)


def zone_for_arrow(name: str) -> str:
    """A zone's name as Arrow's readers know it: `Fixed/UTC+05:30:00` is ClickHouse's own for `+05:30`.

    An offset with seconds has no name elsewhere: its instants are labelled with UTC.
    """
    if not name.startswith("Fixed/UTC"):
        return name
    offset = _FIXED_ZONE.fullmatch(name)
    return offset[1] if offset else "UTC"


def json_nulls(array: pa.Array) -> pa.Array:
    """JSON values without the text `null`, which ClickHouse writes for a NULL of Dynamic.

    Raises ArrowInvalid for an array that is damaged.
    """
    array.storage.validate(full=True)
    is_null = pc.equal(array.storage, "null")
    if not pc.any(is_null).as_py():
        return array
    return pa.ExtensionArray.from_storage(array.type, pc.if_else(is_null, None, array.storage))


def enum_to_dictionary(
    members: Sequence[tuple[str, int]],
) -> tuple[pa.DataType, Callable[[pa.Array], pa.Array]]:
    """The dictionary type of an enum, and the conversion from its values. Names keep the enum's order.

    The conversion raises ArrowInvalid for a value that has no name.
    """
    ordered = sorted(members, key=lambda member: member[1])
    names = _texts([name for name, _ in ordered])
    index_type = pa.int8() if len(ordered) <= 128 else pa.int16()
    lowest, highest = ordered[0][1], ordered[-1][1]
    is_gapless = highest - lowest + 1 == len(ordered)
    positions = np.full(highest - lowest + 1, -1, dtype=index_type.to_pandas_dtype())
    positions[[value - lowest for _, value in ordered]] = range(len(ordered))

    def convert(array: pa.Array) -> pa.Array:
        values = np.asarray(array.fill_null(lowest) if array.null_count else array)
        if values.size and not lowest <= int(values.min()) <= int(values.max()) <= highest:
            raise pa.ArrowInvalid("an enum's value has no name")
        if is_gapless and lowest == 0 and array.type == index_type:
            indices = array
        else:
            places = positions[values.astype(np.int32) - lowest]
            if places.size and places.min() < 0:
                raise pa.ArrowInvalid("an enum's value has no name")
            buffers = [_validity(array), pa.py_buffer(places)]
            indices = pa.Array.from_buffers(index_type, len(places), buffers)
        return pa.DictionaryArray.from_arrays(indices, names, safe=False)

    return pa.dictionary(index_type, pa.string()), convert


def ipv4_to_text(array: pa.Array) -> pa.Array:
    octets = [
        pc.bit_wise_and(pc.shift_right(array, pa.scalar(shift, pa.uint32())), pa.scalar(255, pa.uint32()))
        for shift in (24, 16, 8, 0)
    ]
    return pc.binary_join_element_wise(*(octet.cast(pa.string()) for octet in octets), ".")


def ipv6_to_text(array: pa.Array) -> pa.Array:
    return _map_distinct(array, _ipv6_name)


def long_to_decimal(array: pa.Array, *, signed: bool) -> pa.Array:
    """Little-endian 128-bit integers as decimal256(39, 0), which holds each of them exactly."""
    count = len(array)
    words = np.frombuffer(array.buffers()[1], np.uint64, 2 * count, 16 * array.offset).reshape(count, 2)
    wide = np.zeros((count, 4), np.uint64)
    wide[:, :2] = words
    if signed:
        wide[:, 2:] = np.where(words[:, 1:] >> np.uint64(63), np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0))
    validity = _validity(array)
    return pa.Array.from_buffers(pa.decimal256(39, 0), count, [validity, pa.py_buffer(wide.tobytes())])


def long_to_text(array: pa.Array, *, signed: bool) -> pa.Array:
    """Little-endian 256-bit integers in decimal digits: no Arrow type holds all of them."""
    return _map_distinct(array, lambda raw: str(int.from_bytes(raw, "little", signed=signed)))


def long_to_float(array: pa.Array, *, signed: bool) -> pa.Array:
    """Little-endian 256-bit integers as the nearest float64."""
    return long_to_text(array, signed=signed).cast(pa.float64())


def bfloat_to_float(array: pa.Array) -> pa.Array:
    """Two-byte binary values as float32: a bfloat16 is the upper half of one."""
    filled = array.fill_null(b"\0\0") if array.null_count else array
    raw = np.frombuffer(b"".join(filled.to_pylist()), np.uint16).astype(np.uint32) << 16
    mask = np.asarray(array.is_null()) if array.null_count else None
    return pa.array(raw.view(np.float32), pa.float32(), mask=mask)


def without_padding(array: pa.Array) -> pa.Array:
    """Fixed-size binary as text without trailing NULs. Raises ArrowInvalid for bytes that are not UTF-8."""
    # A cast from fixed-size binary shares the buffer; the kernel trims valid text only.
    return pc.ascii_rtrim(array.cast(pa.binary()).cast(pa.string()), characters="\0")


def text_to_bytes(array: pa.Array) -> pa.Array:
    """Supposed text as the bytes that it is. Raises ArrowInvalid for an array that is damaged."""
    raw = array.cast(pa.binary())
    raw.validate(full=True)
    return raw


def is_text(array: pa.Array) -> bool:
    """Whether bytes or supposed text are UTF-8. Raises ArrowInvalid for an array that is damaged."""
    if pa.types.is_string(array.type):
        with contextlib.suppress(pa.ArrowInvalid):
            check_values(array)
            return True
    raw = text_to_bytes(array)
    try:
        raw.cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _texts(values: Sequence[str]) -> pa.Array:
    """A string array. `pa.array` would load pandas wherever that is installed: half a second and 50 MB."""
    encoded = [value.encode() for value in values]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def _ipv6_name(raw: bytes) -> str:
    address = ipaddress.IPv6Address(raw)
    mapped = address.ipv4_mapped
    return f"::ffff:{mapped}" if mapped is not None else str(address)


def _map_distinct(array: pa.Array, function: Callable[[bytes], str]) -> pa.Array:
    """`function` of each value, computed once for each distinct one."""
    encoded = array.dictionary_encode()
    mapped = _texts([function(value) for value in encoded.dictionary.to_pylist()])
    return mapped.take(encoded.indices)


def _validity(array: pa.Array) -> pa.Buffer | None:
    if not array.null_count:
        return None
    return pa.array(np.asarray(array.is_valid()), pa.bool_()).buffers()[1]
