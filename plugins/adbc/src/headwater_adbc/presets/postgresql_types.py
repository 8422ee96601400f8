"""What the driver gives for PostgreSQL's types, and what is delivered.

The driver knows the common types. What it knows as bytes only (inet, ranges, geometry, composites, …) is
asked for once more as text, which is what PostgreSQL's other drivers give for them.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from headwater.errors import QueryError
from headwater.frames import Notice
from headwater_adbc.preset import quoted
from headwater_adbc.presets.finite_times import FiniteTimes, has_times

_NUMERIC: Final = "numeric"
_CAST_TO: Final = {"oid": "int8", "money": "text", "regproc": "text"}
_TIME_NAMES: Final = frozenset({"time", "time_sec", "timeend"})
_DIMENSIONS: Final = "headwater array dimensions"


def readable(sql: str, schema: pa.Schema) -> str:
    """`sql`, or around it a query that casts what the driver can't read to text.

    It also tells of arrays with several dimensions, which the driver would flatten, and has all begin at 1,
    as a slice does: the driver reads no others.
    """
    casts = [_cast(field) for field in schema]
    arrays = [number for number, field in enumerate(schema) if pa.types.is_list(field.type)]
    if _DIMENSIONS in schema.names or not (arrays or any(casts)):
        return sql
    names = [f"c{number}" for number in range(len(schema))]
    columns = [
        f"{f'({name}::{cast})' if cast else name}{'[:]' if number in arrays else ''} AS {quoted(field.name)}"
        for number, (name, cast, field) in enumerate(zip(names, casts, schema, strict=True))
    ]
    if arrays:
        dimensions = ", ".join(f"array_ndims({names[number]})" for number in arrays)
        columns.append(f"GREATEST({dimensions}) AS {quoted(_DIMENSIONS)}")
    # The line breaks keep a comment at the statement's end from swallowing the bracket.
    return f"SELECT {', '.join(columns)} FROM (\n{sql}\n) AS q({', '.join(names)})"  # noqa: S608


def numbers_of(table: pa.Table) -> pa.Table:
    """`table` to be drawn: exact numbers of any length, which are text, as the nearest float64, and UUIDs as
    text, which names series."""
    for index, field in enumerate(table.schema):
        if _opaque(field.type) == _NUMERIC:
            chunks = [chunk.storage.cast(pa.float64()) for chunk in table.column(index).chunks]
            values = pa.chunked_array(chunks, pa.float64())
            table = table.set_column(index, field.with_type(pa.float64()), values)
        elif isinstance(field.type, pa.UuidType):
            texts = [None if each is None else str(each) for each in table.column(index).to_pylist()]
            table = table.set_column(index, field.with_type(pa.string()), pa.array(texts, pa.string()))
    return table


class PostgreSQLColumns(FiniteTimes):
    """numeric(p, s) as decimals, others of numeric as exact text; times without end become null.

    4714-11-24 BC is the first day: the driver wraps infinity, and times near the end of PostgreSQL's, around.
    """

    first_timestamp = -211_813_488_000_000_000
    last_timestamp = 2**63 - 1
    first_date = -2_451_507
    last_date = 2**31 - 1

    def __init__(self, schema: pa.Schema) -> None:
        self._hidden = schema.get_field_index(_DIMENSIONS)
        fields = [field.with_type(_delivered(field)).remove_metadata() for field in schema]
        self._lost_numbers = 0
        super().__init__(pa.schema(fields if self._hidden < 0 else fields[: self._hidden]))

    @property
    def notices(self) -> tuple[Notice, ...]:
        return super().notices + self.lost(self._lost_numbers, "NaN or infinite numeric(s)")

    def convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self._hidden >= 0:
            self._check_dimensions(batch)
        arrays = [self._converted(batch.column(index), field.type) for index, field in enumerate(self.schema)]
        if not arrays:
            return batch
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _converted(self, array: pa.Array, type_: pa.DataType) -> pa.Array:
        if has_times(type_):
            return self.finite(array)
        if pa.types.is_decimal(type_):
            return self._decimals(array.storage, type_)
        if pa.types.is_floating(type_) and _opaque(array.type):
            return array.storage.cast(type_)
        if array.type != type_:
            return array.cast(type_)
        return array

    def _decimals(self, texts: pa.Array, type_: pa.DataType) -> pa.Array:
        try:
            return texts.cast(type_)
        except pa.ArrowInvalid:
            finite = pc.match_substring_regex(texts, "[0-9]$")
            self._lost_numbers += pc.sum(pc.invert(finite)).as_py() or 0
            return pc.if_else(finite, texts, pa.scalar(None, texts.type)).cast(type_)

    def _check_dimensions(self, batch: pa.RecordBatch) -> None:
        most = pc.max(batch.column(self._hidden)).as_py()
        if most is not None and most > 1:
            raise QueryError(
                f"the result has arrays of {most} dimensions, which the driver flattens; cast them, such as "
                "to_json(column) or column::text"
            )


def _cast(field: pa.Field) -> str:
    """What the column must be cast to for the driver to read it; empty if it can as it is."""
    declared = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    if declared in _CAST_TO:
        return _CAST_TO[declared]
    if pa.types.is_list(field.type):
        cast = _CAST_TO.get(declared.removeprefix("_"), "text" if _unreadable(field.type.value_type) else "")
        return f"{cast}[]" if cast else ""
    return "text" if _unreadable(field.type) else ""


def _unreadable(type_: pa.DataType) -> bool:
    return _opaque(type_) not in ("", _NUMERIC) or pa.types.is_struct(type_)


def _opaque(type_: pa.DataType) -> str:
    return str(type_.type_name) if isinstance(type_, pa.OpaqueType) else ""


def _delivered(field: pa.Field) -> pa.DataType:
    type_ = field.type
    if _opaque(type_) == _NUMERIC and field.name.lower() in _TIME_NAMES:
        return pa.float64()  # seconds, as macros compute them
    if _opaque(type_) == _NUMERIC:
        return _decimal(int((field.metadata or {}).get(b"POSTGRESQL:typmod", b"-1"))) or type_
    if pa.types.is_list(type_) and _opaque(type_.value_type) == _NUMERIC:
        return pa.list_(pa.string())
    return type_


def _decimal(typmod: int) -> pa.DataType | None:
    """The type of numeric(precision, scale); None where it says none, or what Arrow's decimals can't hold."""
    if typmod < 4:
        return None
    precision, scale = (typmod - 4) >> 16 & 0xFFFF, ((typmod - 4 & 0x7FF) ^ 1024) - 1024
    if not 0 <= scale <= precision <= 76:
        return None
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
