"""The metadata commands of Flight SQL, as tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

from .catalog import NAMED_QUERY_TYPE, Catalog
from .messages import optional
from .server_info import sql_info, xdbc_types

_TEXT, _INT, _SMALL = pa.string(), pa.int32(), pa.uint8()


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


_CATALOGS: Final = pa.schema([_required("catalog_name", _TEXT)])
_SCHEMAS: Final = pa.schema([("catalog_name", _TEXT), _required("db_schema_name", _TEXT)])
_TABLES: Final = pa.schema(
    [
        ("catalog_name", _TEXT),
        ("db_schema_name", _TEXT),
        _required("table_name", _TEXT),
        _required("table_type", _TEXT),
    ]
)
_TABLES_WITH_SCHEMA: Final = _TABLES.append(_required("table_schema", pa.binary()))
_TABLE_TYPES: Final = pa.schema([_required("table_type", _TEXT)])
_PRIMARY_KEYS: Final = pa.schema(
    [
        ("catalog_name", _TEXT),
        ("db_schema_name", _TEXT),
        _required("table_name", _TEXT),
        _required("column_name", _TEXT),
        ("key_name", _TEXT),
        _required("key_sequence", _INT),
    ]
)
_FOREIGN_KEYS: Final = pa.schema(
    [
        ("pk_catalog_name", _TEXT),
        ("pk_db_schema_name", _TEXT),
        _required("pk_table_name", _TEXT),
        _required("pk_column_name", _TEXT),
        ("fk_catalog_name", _TEXT),
        ("fk_db_schema_name", _TEXT),
        _required("fk_table_name", _TEXT),
        _required("fk_column_name", _TEXT),
        _required("key_sequence", _INT),
        ("fk_key_name", _TEXT),
        ("pk_key_name", _TEXT),
        _required("update_rule", _SMALL),
        _required("delete_rule", _SMALL),
    ]
)


def _catalogs(catalog: Catalog, _command: Any) -> pa.Table:
    return pa.table([pa.array(catalog.names(), _TEXT)], schema=_CATALOGS)


def _schemas(catalog: Catalog, command: Any) -> pa.Table:
    found = catalog.schemas(optional(command, "catalog"), optional(command, "db_schema_filter_pattern"))
    return _rows(_SCHEMAS, found)


def _tables(catalog: Catalog, command: Any) -> pa.Table:
    found = catalog.tables(
        optional(command, "catalog"),
        optional(command, "db_schema_filter_pattern"),
        optional(command, "table_name_filter_pattern"),
        list(command.table_types),
    )
    rows: list[tuple[Any, ...]] = []
    for each in found:
        row = (each.catalog, each.schema, each.name, each.type)
        rows.append((*row, catalog.columns(each).serialize().to_pybytes()) if command.include_schema else row)
    return _rows(_TABLES_WITH_SCHEMA if command.include_schema else _TABLES, rows)


def _table_types(_catalog: Catalog, _command: Any) -> pa.Table:
    return _rows(_TABLE_TYPES, [("TABLE",), ("VIEW",), ("METRIC",), (NAMED_QUERY_TYPE,)])


def _no_rows(schema: pa.Schema) -> Callable[[Catalog, Any], pa.Table]:
    """Keys are not told by plugins: tools take an empty list for "none known"."""
    return lambda _catalog, _command: schema.empty_table()


def _rows(schema: pa.Schema, rows: list[Any]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
    )


ANSWERS: Final[dict[str, tuple[pa.Schema | None, Callable[[Catalog, Any], pa.Table]]]] = {
    "CommandGetCatalogs": (_CATALOGS, _catalogs),
    "CommandGetDbSchemas": (_SCHEMAS, _schemas),
    "CommandGetTables": (None, _tables),
    "CommandGetTableTypes": (_TABLE_TYPES, _table_types),
    "CommandGetPrimaryKeys": (_PRIMARY_KEYS, _no_rows(_PRIMARY_KEYS)),
    "CommandGetExportedKeys": (_FOREIGN_KEYS, _no_rows(_FOREIGN_KEYS)),
    "CommandGetImportedKeys": (_FOREIGN_KEYS, _no_rows(_FOREIGN_KEYS)),
    "CommandGetCrossReference": (_FOREIGN_KEYS, _no_rows(_FOREIGN_KEYS)),
    "CommandGetSqlInfo": (None, lambda _catalog, command: sql_info(list(command.info))),
    "CommandGetXdbcTypeInfo": (None, lambda _catalog, command: xdbc_types(command)),
}
"""By command: the schema of its answer where it is always the same, and what makes the answer."""


def answer_schema(name: str, command: Any) -> pa.Schema:
    """The schema of the answer to a metadata command."""
    schema = ANSWERS[name][0]
    if schema is not None:
        return schema
    if name == "CommandGetTables":
        return _TABLES_WITH_SCHEMA if command.include_schema else _TABLES
    return (sql_info([]) if name == "CommandGetSqlInfo" else xdbc_types(command)).schema
