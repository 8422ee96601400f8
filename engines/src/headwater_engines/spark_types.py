"""Arrow types as Spark has them: what it lacks becomes the nearest type that holds every value."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["cast_batch", "spark_schema", "spark_type"]

_WIDER = {
    pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0), pa.float16(): pa.float32(),
    pa.large_string(): pa.string(), pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(), pa.binary_view(): pa.binary(), pa.date64(): pa.date32(),
}  # fmt: skip
_DIGITS = 38


def spark_schema(schema: pa.Schema) -> pa.Schema:
    """`schema` with the types that `cast_batch` makes."""
    return pa.schema([pa.field(each.name, spark_type(each.type), each.nullable) for each in schema])


def cast_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`batch` with Spark's types. Times keep microseconds: what is finer is cut off.

    Raises ArrowInvalid for a duration that microseconds cannot count.
    """
    schema = spark_schema(batch.schema)
    return pa.record_batch(
        [_cast(column, each.type) for column, each in zip(batch.columns, schema, strict=True)], schema=schema
    )


def spark_type(kind: pa.DataType) -> pa.DataType:
    """The type of Spark, in Arrow's terms, for a column of type `kind`. Times of day are texts, for not every
    Spark has them; so are decimals of more than 38 digits."""
    if kind in _WIDER:
        return _WIDER[kind]
    if isinstance(kind, pa.BaseExtensionType):
        return spark_type(kind.storage_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", None if kind.tz is None else "UTC")
    if pa.types.is_duration(kind):
        return pa.duration("us")
    if pa.types.is_time(kind):
        return pa.string()
    if pa.types.is_decimal(kind):
        return pa.decimal128(kind.precision, kind.scale) if kind.precision <= _DIGITS else pa.string()
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return spark_type(kind.value_type)
    if pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    return _nested_type(kind)


def _nested_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_map(kind):
        return pa.map_(spark_type(kind.key_type), spark_type(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([each.with_type(spark_type(each.type)) for each in kind])
    if (
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    ):
        return pa.list_(spark_type(kind.value_type))
    return kind


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if pa.types.is_run_end_encoded(column.type):
        column = pc.run_end_decode(column)
    if column.type.equals(kind):
        return column
    if pa.types.is_list_view(column.type) or pa.types.is_large_list_view(column.type):
        return pa.array(column.to_pylist(), kind)  # Arrow's cast of sliced views is not valid
    return column.cast(kind, safe=getattr(column.type, "unit", "") != "ns")
