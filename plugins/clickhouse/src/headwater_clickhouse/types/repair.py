"""Plan how a column is mended, from its Arrow type, its declared type and its first values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs
import pyarrow as pa
from attrs import frozen

from headwater.errors import DownstreamProtocolError, QueryError

from .declared import DeclaredType, parse_type
from .scalars import (
    bfloat_to_float,
    enum_to_dictionary,
    ipv4_to_text,
    ipv6_to_text,
    is_text,
    long_to_decimal,
    long_to_text,
    seconds_to_timestamp,
    without_padding,
)


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
    """What a plan needs to know of a column besides its types."""

    name: str
    time_zone: str
    binary: bool


def needs_declared_type(arrow: pa.DataType) -> bool:
    """Whether ClickHouse sends several of its types as `arrow`, so that only DESCRIBE can tell."""
    if pa.types.is_dictionary(arrow):
        return needs_declared_type(arrow.value_type)
    if pa.types.is_map(arrow):
        return needs_declared_type(arrow.key_type) or needs_declared_type(arrow.item_type)
    if pa.types.is_union(arrow) or pa.types.is_struct(arrow) or pa.types.is_list(arrow):
        return any(needs_declared_type(arrow.field(index).type) for index in range(arrow.num_fields))
    return bool(
        pa.types.is_uint32(arrow)
        or pa.types.is_int8(arrow)
        or pa.types.is_int16(arrow)
        or pa.types.is_binary(arrow)
        or pa.types.is_fixed_size_binary(arrow)
    )


def plan_repair(
    arrow: pa.DataType, declared: DeclaredType | None, column: Column, sample: pa.Array | None
) -> Repair:
    """The repair of one column; `declared` is None where `needs_declared_type` is false.

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
    if bare is None:
        return Unchanged(arrow)
    return _plan_scalar(arrow, bare, column, sample)


def _plan_scalar(
    arrow: pa.DataType, declared: DeclaredType, column: Column, sample: pa.Array | None
) -> Repair:
    match declared.name:
        case "DateTime" if pa.types.is_uint32(arrow):
            zone = str(declared.literals[0]) if declared.literals else column.time_zone
            return Convert(
                wanted := pa.timestamp("s", zone), lambda array: seconds_to_timestamp(array, wanted)
            )
        case "Enum8" | "Enum16" if pa.types.is_integer(arrow):
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
            return Convert(pa.string(), lambda array: long_to_text(array, signed=signed))
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
    return Convert(pa.binary(), lambda array: array.cast(pa.binary()))


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
            return Convert(repair.type, lambda array: repair.apply(array.dictionary_decode()))
        return OfDictionary(pa.dictionary(arrow.index_type, repair.type, arrow.ordered), repair)
    if pa.types.is_list(arrow):
        values = None if sample is None else sample.values
        if declared is not None and declared.name == "Nested":
            declared = DeclaredType("Array", (DeclaredType("Tuple", declared.arguments, declared.names),))
        item = child(0, arrow.value_type, values)
        return OfList(pa.list_(arrow.value_field.with_type(item.type)), item)
    if pa.types.is_map(arrow):
        key = child(0, arrow.key_type, None if sample is None else sample.keys)
        item = child(1, arrow.item_type, None if sample is None else sample.items)
        wanted = pa.map_(arrow.key_field.with_type(key.type), arrow.item_field.with_type(item.type))
        return OfMap(wanted, key, item)
    fields = [arrow.field(index) for index in range(arrow.num_fields)]
    parts = [None if sample is None else sample.field(index) for index in range(arrow.num_fields)]
    if pa.types.is_union(arrow):
        alternatives = tuple(
            _plan_alternative(field, column, part) for field, part in zip(fields, parts, strict=True)
        )
        wanted = pa.dense_union(
            [pa.field(field.name, repair.type) for field, repair in zip(fields, alternatives, strict=True)],
            list(arrow.type_codes),
        )
        return OfUnion(wanted, alternatives)
    elements = tuple(child(index, field.type, parts[index]) for index, field in enumerate(fields))
    wanted = pa.struct([field.with_type(part.type) for field, part in zip(fields, elements, strict=True)])
    return OfStruct(wanted, elements)


def _plan_alternative(field: pa.Field, column: Column, sample: pa.Array | None) -> Repair:
    declared = None if pa.types.is_null(field.type) else parse_type(field.name)
    return plan_repair(field.type, declared, column, sample)


def _mismatch(column: Column, arrow: pa.DataType) -> DownstreamProtocolError:
    return DownstreamProtocolError(f"Column {column.name!r} arrived as {arrow}, which does not fit its type.")
