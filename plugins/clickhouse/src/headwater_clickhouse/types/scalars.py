"""Conversions of single columns, vectorised. Nulls stay null."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def seconds_to_timestamp(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Unix seconds, uint32, as timestamps."""
    return array.cast(pa.int64()).cast(wanted)


def enum_to_dictionary(
    members: Sequence[tuple[str, int]],
) -> tuple[pa.DataType, Callable[[pa.Array], pa.Array]]:
    """The dictionary type of an enum, and the conversion from its values. Names keep the enum's order."""
    ordered = sorted(members, key=lambda member: member[1])
    names = _texts([name for name, _ in ordered])
    index_type = pa.int8() if len(ordered) <= 128 else pa.int16()
    lowest, highest = ordered[0][1], ordered[-1][1]
    is_gapless = highest - lowest + 1 == len(ordered)
    positions = np.zeros(highest - lowest + 1, dtype=index_type.to_pandas_dtype())
    positions[[value - lowest for _, value in ordered]] = range(len(ordered))

    def convert(array: pa.Array) -> pa.Array:
        if is_gapless:
            wide = array if lowest == 0 else pc.subtract(array.cast(pa.int32()), lowest)
            indices = wide.cast(index_type)
        else:
            values = np.asarray(array.fill_null(lowest) if array.null_count else array)
            mask = np.asarray(array.is_null()) if array.null_count else None
            indices = pa.array(positions[values.astype(np.int32) - lowest], index_type, mask=mask)
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


def is_text(array: pa.Array) -> bool:
    """Whether bytes or supposed text are UTF-8. Raises ArrowInvalid for an array that is damaged."""
    raw = array.cast(pa.binary())
    raw.validate(full=True)
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
