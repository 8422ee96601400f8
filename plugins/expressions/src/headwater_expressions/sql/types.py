"""Arrow types that DuckDB cannot read, as the nearest ones that it can."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from headwater.errors import QueryRequestError
from headwater_expressions.errors import sql_failed

__all__ = ["readable_schema", "readable_table", "unreadable"]

_MOST_DIGITS = 38


def readable_schema(name: str, schema: pa.Schema) -> pa.Schema:
    """`schema` without metadata, its columns of types that DuckDB reads. `name` is the table's.

    Raises QueryRequestError for a column of a type that has no near one, and for names that repeat: SQL does
    not tell upper from lower case.
    """
    names = Counter(str(column).lower() for column in schema.names)
    if repeated := [column for column, count in names.items() if count > 1]:
        raise sql_failed(
            f"[{name}] has several columns named {repeated[0]!r}; give them different names in its query."
        )
    return pa.schema([field.remove_metadata().with_type(_readable(name, field)) for field in schema])


def readable_table(name: str, table: pa.Table) -> pa.Table:
    """As `readable_schema`, with the rows."""
    schema = readable_schema(name, table.schema)
    try:
        return table.replace_schema_metadata(None).cast(schema)
    except pa.ArrowInvalid as error:
        raise unreadable(name, error) from error


def unreadable(name: str, error: pa.ArrowException) -> QueryRequestError:
    """Values of the table `name` are beyond what SQL has types for."""
    return sql_failed(f"[{name}] cannot be read by SQL: {error}")


def _readable(name: str, field: pa.Field) -> pa.DataType:
    type_ = field.type
    if pa.types.is_float16(type_):
        return pa.float32()
    if pa.types.is_decimal256(type_):
        return pa.decimal128(_MOST_DIGITS, min(type_.scale, _MOST_DIGITS))
    if pa.types.is_union(type_):
        raise sql_failed(f"[{name}] column {field.name!r} is a {type_}, which SQL cannot read; leave it out.")
    return type_
