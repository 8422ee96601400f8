"""JSON text of nested Arrow values: lists, structs, maps and unions."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from . import json_text
from .errors import FrameTypeError

Plain = Callable[[Any], Any]


def json_texts(array: pa.Array) -> pa.Array:
    """The JSON text of each value; null for a null.

    Maps with text keys become objects, other maps lists of pairs; decimals numbers, float32 values their
    shortest digits, times and calendar intervals ISO 8601, durations seconds, bytes base64.

    :raises FrameTypeError: a value holds something that JSON cannot say.
    """
    plain = _plain(array.type)
    try:
        texts = [
            None if value is None else json_text.dumps(plain(value)).decode() for value in array.to_pylist()
        ]
    except ValueError as error:
        raise FrameTypeError(f"a nested value is {error}") from error
    return pa.array(texts, pa.string())


def iso_interval(value: pa.MonthDayNano) -> str:
    """Months, days and nanoseconds as an ISO 8601 duration; each may have a sign of its own."""
    months, days, nanoseconds = value
    seconds, rest = divmod(abs(nanoseconds), 1_000_000_000)
    sign = "-" if nanoseconds < 0 else ""
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"P{months}M{days}DT{sign}{seconds}{fraction}S"


def _plain(type_: pa.DataType) -> Plain:
    """How to make values of `type_`, as `to_pylist` gives them, plain enough for JSON."""
    types = pa.types
    if types.is_map(type_):
        return _plain_map(type_)
    if types.is_struct(type_):
        members = {field.name: _optional(_plain(field.type)) for field in type_}
        return lambda value: {name: member(value[name]) for name, member in members.items()}
    if types.is_dictionary(type_) or types.is_run_end_encoded(type_):
        return _plain(type_.value_type)
    if types.is_nested(type_) and not types.is_union(type_):
        item = _optional(_plain(type_.value_type))
        return lambda value: [item(member) for member in value]
    if types.is_float32(type_):
        return _shortest_single
    return _plain_leaf


def _shortest_single(value: float) -> float:
    """The double with the fewest digits that reads back as the same float32, as in a column of them."""
    return float(str(np.float32(value)))


def _plain_map(type_: pa.MapType) -> Plain:
    key, item = _plain(type_.key_type), _optional(_plain(type_.item_type))
    if _is_text(type_.key_type):
        return lambda value: {name: item(member) for name, member in value}
    return lambda value: [[key(name), item(member)] for name, member in value]


def _is_text(type_: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_))


def _optional(plain: Plain) -> Plain:
    return lambda value: None if value is None else plain(value)


def _plain_leaf(value: Any) -> Any:
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    if isinstance(value, pa.MonthDayNano):
        return iso_interval(value)
    # Inside a union, types are not followed; only a map has pairs.
    if isinstance(value, list) and value and all(type(item) is tuple for item in value):
        pairs = [(_optional(_plain_leaf)(key), _optional(_plain_leaf)(item)) for key, item in value]
        return (
            dict(pairs) if all(isinstance(key, str) for key, _ in value) else [list(pair) for pair in pairs]
        )
    if isinstance(value, list):
        return [_optional(_plain_leaf)(item) for item in value]
    if isinstance(value, dict):
        return {name: _optional(_plain_leaf)(item) for name, item in value.items()}
    return str(value)
