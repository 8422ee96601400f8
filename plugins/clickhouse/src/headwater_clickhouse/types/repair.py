"""Plan how a column is mended, from its Arrow type, its declared type and its first values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs
import pyarrow as pa
from attrs import frozen

from headwater.errors import DownstreamProtocolError, QueryError

from .declared import DeclaredType
from .scalars import (
    bfloat_to_float,
    count_to_calendar,
    count_to_duration,
    decimal_to_duration,
    enum_to_dictionary,
    ipv4_to_text,
    ipv6_to_text,
    is_text,
    json_nulls,
    long_to_decimal,
    long_to_float,
    long_to_text,
    seconds_to_timestamp,
    text_to_bytes,
    time_to_duration,
    without_padding,
    zone_for_arrow,
)

_UNITS = {0: "s", 3: "ms", 6: "us", 9: "ns"}


class Repair(Protocol):
    """Turns arrays as they arrive into arrays of `type`."""

    @property
    def type(self) -> pa.DataType: ...

    def apply(self, array: pa.Array) -> pa.Array: ...


@frozen
class Unchanged:
    """Arrow has it right."""

    type: pa.DataType

    def apply(self, array: pa.Array) -> pa.Array:
        return array


@frozen
class Convert:
    type: pa.DataType
    function: Callable[[pa.Array], pa.Array]

    def apply(self, array: pa.Array) -> pa.Array:
        return self.function(array)


@frozen
class Text:
    """A column that is text as far as its first values show. Whether later ones are is checked per batch."""

    type: pa.DataType = attrs.field(factory=pa.string, init=False)

    def apply(self, array: pa.Array) -> pa.Array:
        return array if pa.types.is_string(array.type) else array.cast(pa.string())


@frozen
class PaddedText:
    """FixedString as text, without the NULs at its end."""

    type: pa.DataType = attrs.field(factory=pa.string, init=False)

    def apply(self, array: pa.Array) -> pa.Array:
        return without_padding(array)


@frozen
class NullableJson:
    """A Dynamic. The server says that it is never null, and writes its nulls as JSON."""

    type: pa.DataType

    def apply(self, array: pa.Array) -> pa.Array:
        return json_nulls(array)


@frozen
class OfList:
    type: pa.DataType
    item: Repair

    def apply(self, array: pa.Array) -> pa.Array:
        mask = array.is_null() if array.null_count else None
        return pa.ListArray.from_arrays(
            array.offsets, self.item.apply(array.values), type=self.type, mask=mask
        )


@frozen
class OfMap:
    type: pa.DataType
    key: Repair
    item: Repair

    def apply(self, array: pa.Array) -> pa.Array:
        return pa.MapArray.from_arrays(
            array.offsets, self.key.apply(array.keys), self.item.apply(array.items), type=self.type
        )


@frozen
class OfStruct:
    type: pa.DataType
    elements: tuple[Repair, ...]

    def apply(self, array: pa.Array) -> pa.Array:
        children = [repair.apply(array.field(index)) for index, repair in enumerate(self.elements)]
        mask = array.is_null() if array.null_count else None
        fields = [self.type.field(index) for index in range(self.type.num_fields)]
        return pa.StructArray.from_arrays(children, fields=fields, mask=mask)


@frozen
class OfUnion:
    """A Variant. Arrow names the alternatives after their types."""

    type: pa.DataType
    alternatives: tuple[Repair, ...]

    def apply(self, array: pa.Array) -> pa.Array:
        children = [repair.apply(array.field(index)) for index, repair in enumerate(self.alternatives)]
        names = [self.type.field(index).name for index in range(self.type.num_fields)]
        codes = list(self.type.type_codes)
        return pa.UnionArray.from_dense(array.type_codes, array.offsets, children, names, codes)


@frozen
class OfDictionary:
    type: pa.DataType
    values: Repair

    def apply(self, array: pa.Array) -> pa.Array:
        return pa.DictionaryArray.from_arrays(
            array.indices, self.values.apply(array.dictionary), ordered=self.type.ordered, safe=False
        )


@frozen
class Column:
    """What a plan needs to know of a column besides its types.

    `binary`: its text stays bytes. `drawn`: its numbers become points of a series, also those that only
    text or a calendar interval says exactly.
    """

    name: str
    time_zone: str
    binary: bool
    drawn: bool = False


def needs_declared_type(arrow: pa.DataType, *, intervals: bool = False) -> bool:
    """Whether ClickHouse sends several of its types as `arrow`, so that only DESCRIBE can tell.

    `intervals`: whether the result may hold some, which come as int64.
    """
    if pa.types.is_dictionary(arrow):
        return needs_declared_type(arrow.value_type)
    if (
        pa.types.is_map(arrow)
        or pa.types.is_union(arrow)
        or pa.types.is_struct(arrow)
        or pa.types.is_list(arrow)
    ):
        children = (arrow.field(index).type for index in range(arrow.num_fields))
        return any(needs_declared_type(child, intervals=intervals) for child in children)
    return bool(
        pa.types.is_uint32(arrow)
        or (intervals and pa.types.is_int64(arrow))
        or _is_json(arrow)
        or pa.types.is_int8(arrow)
        or pa.types.is_int16(arrow)
        or pa.types.is_binary(arrow)
        or pa.types.is_fixed_size_binary(arrow)
    )


def plan_repair(
    arrow: pa.DataType, declared: DeclaredType | None, column: Column, sample: pa.Array | None
) -> Repair:
    """The repair of one column; `declared` is None where nothing told it.

    `sample` are the first values: String and FixedString become text if these are UTF-8, else stay bytes.
    Raises QueryError for AggregateFunction, whose Arrow form is a pointer of the server's memory.
    """
    bare = declared.bare if declared is not None else None
    if bare is not None and bare.name == "AggregateFunction":
        raise QueryError(
            f"Column {column.name!r} is an intermediate aggregation state. "
            "Wrap it in finalizeAggregation(…), or use the -Merge form of the function."
        )
    if pa.types.is_nested(arrow) or pa.types.is_dictionary(arrow):
        return _plan_nested(arrow, bare, column, sample)
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return _plan_text(pa.binary(), column, sample, padded=False)
    if pa.types.is_time(arrow):
        duration = pa.duration(arrow.unit)
        return Convert(duration, lambda array: time_to_duration(array, duration))
    if pa.types.is_timestamp(arrow) and (zone := zone_for_arrow(arrow.tz or "")) != (arrow.tz or ""):
        zoned = pa.timestamp(arrow.unit, zone)
        return Convert(zoned, lambda array: array.cast(zoned))
    if bare is None:
        return Unchanged(arrow)
    return _plan_scalar(arrow, bare, column, sample)


def mended_field(field: pa.Field, repair: Repair) -> pa.Field:
    """`field` after its repair."""
    return field.with_type(repair.type).with_nullable(field.nullable or isinstance(repair, NullableJson))


def _plan_scalar(
    arrow: pa.DataType, declared: DeclaredType, column: Column, sample: pa.Array | None
) -> Repair:
    match declared.name:
        case "DateTime" if pa.types.is_uint32(arrow):
            zone = str(declared.literals[0]) if declared.literals else column.time_zone
            wanted = pa.timestamp("s", zone_for_arrow(zone))
            return Convert(wanted, lambda array: seconds_to_timestamp(array, wanted))
        case "Enum8" | "Enum16" if pa.types.is_integer(arrow) and declared.members:
            return Convert(*enum_to_dictionary(declared.members))
        case "IPv4" if pa.types.is_uint32(arrow):
            return Convert(pa.string(), ipv4_to_text)
        case "IPv6" if pa.types.is_fixed_size_binary(arrow):
            return Convert(pa.string(), ipv6_to_text)
        case "Int128" | "UInt128" if pa.types.is_fixed_size_binary(arrow):
            signed = declared.name == "Int128"
            return Convert(pa.decimal256(39, 0), lambda array: long_to_decimal(array, signed=signed))
        case "Int256" | "UInt256" if pa.types.is_fixed_size_binary(arrow):
            signed = declared.name == "Int256"
            if column.drawn:
                return Convert(pa.float64(), lambda array: long_to_float(array, signed=signed))
            return Convert(pa.string(), lambda array: long_to_text(array, signed=signed))
        case "IntervalMinute" | "IntervalHour" if pa.types.is_int64(arrow):
            seconds = {"IntervalMinute": 60, "IntervalHour": 3600}[declared.name]
            return Convert(pa.duration("s"), lambda array: count_to_duration(array, seconds))
        case "IntervalDay" | "IntervalWeek" if pa.types.is_int64(arrow) and not column.drawn:
            days = {"IntervalDay": 1, "IntervalWeek": 7}[declared.name]
            return Convert(pa.month_day_nano_interval(), lambda array: count_to_calendar(array, days=days))
        case "IntervalMonth" | "IntervalQuarter" | "IntervalYear" if (
            pa.types.is_int64(arrow) and not column.drawn
        ):
            months = {"IntervalMonth": 1, "IntervalQuarter": 3, "IntervalYear": 12}[declared.name]
            return Convert(
                pa.month_day_nano_interval(), lambda array: count_to_calendar(array, months=months)
            )
        case "Time" if pa.types.is_int64(arrow):
            return Convert(pa.duration("s"), lambda array: count_to_duration(array, 1))
        case "Time64" if pa.types.is_decimal128(arrow):
            duration = pa.duration(_UNITS[arrow.scale])
            return Convert(duration, lambda array: decimal_to_duration(array, duration))
        case "Dynamic" if _is_json(arrow):
            return NullableJson(arrow)
        case "BFloat16":
            return Convert(pa.float32(), bfloat_to_float)
        case "FixedString" if pa.types.is_fixed_size_binary(arrow):
            return _plan_text(arrow, column, sample, padded=True)
        case _:
            return Unchanged(arrow)


def _plan_text(as_bytes: pa.DataType, column: Column, sample: pa.Array | None, *, padded: bool) -> Repair:
    if not column.binary and (sample is None or is_text(sample)):
        return PaddedText() if padded else Text()
    if padded:
        return Unchanged(as_bytes)
    return Convert(pa.binary(), text_to_bytes)


def _plan_nested(
    arrow: pa.DataType, declared: DeclaredType | None, column: Column, sample: pa.Array | None
) -> Repair:
    def child(index: int, arrow_child: pa.DataType, values: Any) -> Repair:
        inner = None
        if declared is not None:
            if index >= len(declared.arguments):
                raise _mismatch(column, arrow)
            inner = declared.arguments[index]
        return plan_repair(arrow_child, inner, column, values)

    if pa.types.is_dictionary(arrow):
        values = None if sample is None else sample.dictionary
        repair = plan_repair(arrow.value_type, declared, column, values)
        if isinstance(repair, Convert) and pa.types.is_dictionary(repair.type):
            return Convert(repair.type, lambda array: repair.apply(_decoded(array)))
        return OfDictionary(pa.dictionary(arrow.index_type, repair.type, arrow.ordered), repair)
    if arrow.num_fields == 0:
        return Unchanged(arrow)  # an empty tuple
    if declared is not None and not declared.arguments:
        declared = None  # a name for something nested, such as Geometry
    # Nested values are shown, not drawn.
    column = attrs.evolve(column, drawn=False)
    if pa.types.is_list(arrow):
        values = None if sample is None else sample.values
        if declared is not None and declared.name == "Nested":
            declared = DeclaredType("Array", (DeclaredType("Tuple", declared.arguments, declared.names),))
        item = child(0, arrow.value_type, values)
        return OfList(pa.list_(mended_field(arrow.value_field, item)), item)
    if pa.types.is_map(arrow):
        key = child(0, arrow.key_type, None if sample is None else sample.keys)
        item = child(1, arrow.item_type, None if sample is None else sample.items)
        wanted = pa.map_(arrow.key_field.with_type(key.type), mended_field(arrow.item_field, item))
        return OfMap(wanted, key, item)
    fields = [arrow.field(index) for index in range(arrow.num_fields)]
    parts = [None if sample is None else sample.field(index) for index in range(arrow.num_fields)]
    # A union's alternatives are in the order of the declared ones; NULL is one more, which nothing declares.
    elements = tuple(
        Unchanged(field.type) if pa.types.is_null(field.type) else child(index, field.type, part)
        for index, (field, part) in enumerate(zip(fields, parts, strict=True))
    )
    mended = [mended_field(field, repair) for field, repair in zip(fields, elements, strict=True)]
    if pa.types.is_union(arrow):
        names = [pa.field(field.name, field.type) for field in mended]
        return OfUnion(pa.dense_union(names, list(arrow.type_codes)), elements)
    return OfStruct(pa.struct(mended), elements)


def _decoded(array: pa.DictionaryArray) -> pa.Array:
    array.validate(full=True)
    return array.dictionary_decode()


def _is_json(arrow: pa.DataType) -> bool:
    return getattr(arrow, "extension_name", "") == "arrow.json"


def _mismatch(column: Column, arrow: pa.DataType) -> DownstreamProtocolError:
    return DownstreamProtocolError(f"Column {column.name!r} arrived as {arrow}, which does not fit its type.")
