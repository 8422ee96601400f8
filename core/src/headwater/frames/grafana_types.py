"""From Arrow's types down to the fifteen of Grafana's frames. Only encoders do this; frames keep their types.

The table of types is in docs/reference/frames.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from .errors import FrameTypeError
from .field_config import FieldConfig
from .field_type import ARROW_TYPES, FieldType
from .nested_json import iso_interval, json_texts
from .schema import TS_TYPE, field_config

Convert = Callable[[pa.Array], pa.Array]

_SAME = {
    arrow_type: field_type
    for field_type, arrow_type in ARROW_TYPES.items()
    if field_type not in {FieldType.TIME, FieldType.JSON, FieldType.ENUM}
}
_DURATION_UNITS = {"s": "s", "ms": "ms", "us": "µs", "ns": "ns"}


@frozen(eq=False)
class Conversion:
    """How one Arrow column becomes a Grafana field.

    `convert` maps an array (any slice of the column) to `type`'s own Arrow type, save that times keep their
    unit, JSON is a string array of texts, and strings may be of any string type or a dictionary of strings.
    """

    type: FieldType
    convert: Convert | None
    config: FieldConfig | None

    def apply(self, array: pa.Array) -> pa.Array:
        return array if self.convert is None else self.convert(array)


def conversion(field: pa.Field) -> Conversion:
    """How to turn the column `field` describes into a Grafana field.

    :raises FrameTypeError: no Grafana type can hold it.
    :raises FrameDecodeError: the field's config is malformed.
    """
    config = field_config(field)
    marked = (field.metadata or {}).get(TS_TYPE)
    if marked == b"other" and (_is_text(field.type) or _is_bytes(field.type)):
        return Conversion(FieldType.JSON, _cast(pa.string()), config)
    if field.type == pa.uint16() and (marked == b"enum" or (config and config.enum_texts is not None)):
        return Conversion(FieldType.ENUM, None, config)
    if pa.types.is_dictionary(field.type) and config and config.enum_texts is not None:
        return Conversion(FieldType.ENUM, _enum_indices(config.enum_texts), config)
    if pa.types.is_duration(field.type):
        config = config or FieldConfig()
        unit = config.unit or _DURATION_UNITS[field.type.unit]
        return Conversion(FieldType.INT64, _cast(pa.int64()), attrs.evolve(config, unit=unit))
    field_type, convert = _plan(field.type)
    return Conversion(field_type, convert, config)


def _plan(type_: pa.DataType) -> tuple[FieldType, Convert | None]:
    types = pa.types
    if type_ in _SAME:
        return _SAME[type_], None
    if types.is_timestamp(type_):
        return FieldType.TIME, _cast(pa.timestamp(type_.unit)) if type_.tz is not None else None
    if types.is_date(type_):
        return FieldType.TIME, _cast(pa.timestamp("ms"))
    if types.is_large_string(type_) or types.is_string_view(type_):
        return FieldType.STRING, None
    if types.is_float16(type_):
        return FieldType.FLOAT32, _cast(pa.float32())
    if types.is_decimal(type_):
        return FieldType.FLOAT64, _cast(pa.float64())
    if types.is_null(type_) or types.is_time(type_):
        return FieldType.STRING, _cast(pa.string())
    if types.is_dictionary(type_):
        return _plan_dictionary(type_)
    if types.is_run_end_encoded(type_):
        return _after(pc.run_end_decode, type_.value_type)
    if isinstance(type_, pa.BaseExtensionType):
        return _plan_extension(type_)
    if _is_bytes(type_):
        return FieldType.STRING, _base64
    if type_ == pa.month_day_nano_interval():
        return FieldType.STRING, _iso_intervals
    if types.is_nested(type_):
        return FieldType.JSON, json_texts
    raise FrameTypeError(f"Arrow type {type_} has no counterpart in Grafana's frames")


def _plan_dictionary(type_: pa.DataType) -> tuple[FieldType, Convert | None]:
    if _is_text(type_.value_type):
        return FieldType.STRING, None  # encoders make use of the dictionary
    return _after(lambda array: array.dictionary_decode(), type_.value_type)


def _plan_extension(type_: pa.BaseExtensionType) -> tuple[FieldType, Convert | None]:
    if type_.extension_name == "arrow.json":
        return FieldType.JSON, lambda array: array.storage.cast(pa.string())
    if type_.extension_name == "arrow.uuid":
        return FieldType.STRING, _uuid_texts
    if type_.extension_name == "arrow.opaque" and type_.type_name == "numeric":
        return FieldType.FLOAT64, lambda array: array.storage.cast(pa.float64())
    if type_.extension_name == "arrow.bool8":
        return FieldType.BOOL, lambda array: array.storage.cast(pa.bool_())
    return _after(lambda array: array.storage, type_.storage_type)


def _after(first: Convert, type_: pa.DataType) -> tuple[FieldType, Convert]:
    """The plan for `type_`, which `first` produces."""
    field_type, then = _plan(type_)
    return field_type, first if then is None else lambda array: then(first(array))


def _is_text(type_: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_))


def _is_bytes(type_: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_binary(type_)
        or types.is_large_binary(type_)
        or types.is_fixed_size_binary(type_)
        or types.is_binary_view(type_)
    )


def _cast(type_: pa.DataType) -> Convert:
    return lambda array: array.cast(type_)


def _enum_indices(texts: tuple[str, ...]) -> Convert:
    places = pa.array(texts, pa.string())

    def convert(array: pa.DictionaryArray) -> pa.Array:
        lookup = pc.index_in(array.dictionary.cast(pa.string()), value_set=places)
        indices = lookup.take(array.indices)
        if indices.null_count > array.null_count:
            unknown = pc.filter(array.dictionary, pc.is_null(lookup))
            raise FrameTypeError(f"enum texts lack {unknown[0].as_py()!r}")
        return indices.cast(pa.uint16())

    return convert


def _base64(array: pa.Array) -> pa.Array:
    from base64 import b64encode

    return _texts(array, lambda value: b64encode(value).decode("ascii"))


def _uuid_texts(array: pa.Array) -> pa.Array:
    from uuid import UUID

    return _texts(array.storage, lambda value: str(UUID(bytes=value)))


def _iso_intervals(array: pa.Array) -> pa.Array:
    return _texts(array, iso_interval)


def _texts(array: pa.Array, text: Callable[[Any], str]) -> pa.Array:
    return pa.array([None if value is None else text(value) for value in array.to_pylist()], pa.string())
