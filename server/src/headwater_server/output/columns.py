"""Arrow columns as text and JSON values, as databases' own clients print them: nothing is rounded, NaN is
not null."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from headwater.frames import FieldType, conversion, field_labels, unique_names

Convert: TypeAlias = Callable[[pa.Array], pa.Array]

_FRACTION_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def titles(schema: pa.Schema) -> list[str]:
    """Names of the columns, unique: where a name repeats, with its labels, and then with a number."""
    counts = Counter(schema.names)
    return unique_names([_with_labels(field) if counts[field.name] > 1 else field.name for field in schema])


def _with_labels(field: pa.Field) -> str:
    labels: Mapping[str, str] = field_labels(field) or {}
    shown = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    return f"{field.name}{{{shown}}}" if shown else str(field.name)


@frozen
class Plain:
    """A column as booleans, integers, floats or text: `kind`, and how to get there."""

    kind: pa.DataType
    convert: Convert


def plain(field: pa.Field) -> Plain:
    """How to make a column plain.

    Times become ISO 8601 (instants in UTC, with `Z`), durations `HH:MM:SS` of any number of hours, decimals
    all their digits, bytes base64, nested values JSON. Short floats become the shortest number that reads
    back as the same.
    """
    kind, types = field.type, pa.types
    if types.is_dictionary(kind):
        return _after(lambda array: array.dictionary_decode(), field, kind.value_type)
    if types.is_run_end_encoded(kind):
        return _after(pc.run_end_decode, field, kind.value_type)
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_float64(kind):
        return Plain(kind, lambda array: array)
    if types.is_float32(kind):
        return Plain(pa.float64(), lambda array: array.cast(pa.string()).cast(pa.float64()))
    if types.is_float16(kind):
        return Plain(pa.float64(), _shortest_halves)
    if types.is_decimal(kind):
        return Plain(pa.string(), _digits)
    if types.is_date(kind) or types.is_null(kind):
        return Plain(pa.string(), lambda array: array.cast(pa.string()))
    if types.is_timestamp(kind):
        return Plain(pa.string(), _iso_timestamps)
    if types.is_duration(kind):
        return Plain(pa.string(), _clock_times)
    to_grafana = conversion(field)
    return Plain(pa.string(), lambda array: to_grafana.apply(array).cast(pa.string()))


def json_values(field: pa.Field) -> Callable[[pa.Array], list[Any]]:
    """How to turn a column into values for orjson. NaN and infinities become text, decimals too."""
    to_plain, types = plain(field).convert, pa.types
    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    if types.is_floating(kind):
        return lambda array: _finite_or_text(to_plain(array))
    if _is_json(field):
        return lambda array: [
            None if text is None else orjson.Fragment(text) for text in to_plain(array).to_pylist()
        ]
    return lambda array: list(to_plain(array).to_pylist())


def is_numeric(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _after(decode: Convert, field: pa.Field, kind: pa.DataType) -> Plain:
    inner = plain(pa.field(field.name, kind))
    return Plain(inner.kind, lambda array: inner.convert(decode(array)))


def _is_json(field: pa.Field) -> bool:
    types, kind = pa.types, field.type
    if types.is_nested(kind) or types.is_union(kind) or isinstance(kind, pa.BaseExtensionType):
        return conversion(field).type is FieldType.JSON
    return False


def _iso_timestamps(array: pa.Array) -> pa.Array:
    naive = array.cast(pa.timestamp(array.type.unit))  # keeps the instant: Arrow stores UTC
    text = pc.replace_substring(naive.cast(pa.string()), " ", "T", max_replacements=1)
    return text if array.type.tz is None else pc.binary_join_element_wise(text, "Z", "")


def _clock_times(array: pa.Array) -> pa.Array:
    """`-838:59:59`, `10:02:30.500000`: the fraction has all digits of the unit, or is left out if it is 0."""
    digits = _FRACTION_DIGITS[array.type.unit]
    return pa.array(
        [
            None if count is None else _clock_time(count, digits)
            for count in array.cast(pa.int64()).to_pylist()
        ],
        pa.string(),
    )


def _clock_time(count: int, digits: int) -> str:
    seconds, fraction = divmod(abs(count), 10**digits)
    hours, minutes = divmod(seconds // 60, 60)
    text = f"{'-' if count < 0 else ''}{hours:02d}:{minutes:02d}:{seconds % 60:02d}"
    return f"{text}.{fraction:0{digits}d}" if fraction else text


def _digits(array: pa.Array) -> pa.Array:
    """Never with an exponent, which Arrow writes for numbers near zero."""
    texts = array.cast(pa.string())
    if not pc.any(pc.match_substring(texts, "E")).as_py():
        return texts
    return pa.array(
        [text if text is None else format(Decimal(text), "f") for text in texts.to_pylist()], pa.string()
    )


def _shortest_halves(array: pa.Array) -> pa.Array:
    return pa.array(
        [None if value is None else float(str(np.float16(value))) for value in array.to_pylist()],
        pa.float64(),
    )


def _finite_or_text(array: pa.Array) -> list[Any]:
    values: list[Any] = array.to_pylist()
    if pc.all(pc.is_finite(array)).as_py() in (True, None):
        return values
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return [value if value is None else names.get(str(value), value) for value in values]
