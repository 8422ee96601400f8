"""What an editor completes: databases, tables, columns and more, from `system.*`, remembered a while."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.calls import CallContext
from headwater.errors import ValidationError
from headwater.sdk.sql import KeptAnswers

from .dialect import quote_name
from .embedded_files import data_files
from .engine import Engine, Statement
from .parameters import encode_parameters

_MAP_KEYS_ROWS = 100_000

_DATABASES = "SELECT name, engine, comment FROM system.databases ORDER BY name"
_TABLES = """
SELECT database, name, engine, comment, total_rows AS rows, total_bytes AS bytes,
       primary_key AS primaryKey, sorting_key AS sortingKey, partition_key AS partitionKey
FROM system.tables
WHERE database = if({database:String} = '', currentDatabase(), {database:String}) AND NOT is_temporary
ORDER BY name
"""
_COLUMNS_OF_FILE = "DESCRIBE TABLE file({file:String})"
_COLUMNS = """
SELECT database, table, name, type, comment,
       default_kind AS defaultKind, default_expression AS defaultExpression,
       is_in_primary_key = 1 AS isInPrimaryKey, is_in_sorting_key = 1 AS isInSortingKey,
       is_in_partition_key = 1 AS isInPartitionKey
FROM system.columns
WHERE database = if({database:String} = '', currentDatabase(), {database:String})
  AND (table = {table:String} OR {table:String} = '')
ORDER BY table, position
"""
_FUNCTIONS = """
SELECT name, is_aggregate = 1 AS isAggregate, case_insensitive = 1 AS caseInsensitive, alias_to AS aliasTo
FROM system.functions ORDER BY name
"""
_SETTINGS = """
SELECT name, type, value, changed = 1 AS changed, description FROM system.settings ORDER BY name
"""
_MAP_KEYS = """
SELECT DISTINCT arrayJoin(mapKeys({column})) AS key
FROM (SELECT {column} FROM {table} LIMIT {limit}) ORDER BY key LIMIT 1000
"""


class Catalog:
    """Lists for editors. `ttl` seconds of memory; 0 turns it off. Thread-safe."""

    def __init__(self, engine: Engine, *, default_database: str = "", ttl: float = 60.0) -> None:
        self._engine = engine
        self._default_database = default_database
        self._kept = KeptAnswers(ttl)

    def databases(self, context: CallContext) -> list[dict[str, Any]]:
        return self._ask(_DATABASES, {}, context)

    def tables(self, database: str, context: CallContext) -> list[dict[str, Any]]:
        """Tables and views of `database` (default: the data source's), with engine, keys, rows and bytes.

        The embedded engine's default database has the files of the working folder, too.
        """
        place = database or self._default_database
        files = [
            {"database": place, "name": name, "engine": "File", "comment": ""} for name in self._files(place)
        ]
        return self._ask(_TABLES, {"database": place}, context) + files

    def columns(self, database: str, table: str, context: CallContext) -> list[dict[str, Any]]:
        """Columns of a table, or of all tables of the database, with type, comment, default and keys.

        `table` may be `database.table`.
        """
        if table in self._files(database or self._default_database):
            columns = self._ask(_COLUMNS_OF_FILE, {"file": table}, context)
            return [
                {"table": table, "comment": "", "name": each["name"], "type": each["type"]}
                for each in columns
            ]
        if not database and "." in table:
            database, _, table = table.partition(".")
        return self._ask(_COLUMNS, {"database": database or self._default_database, "table": table}, context)

    def functions(self, context: CallContext) -> list[dict[str, Any]]:
        return self._ask(_FUNCTIONS, {}, context)

    def settings(self, context: CallContext) -> list[dict[str, Any]]:
        return self._ask(_SETTINGS, {}, context)

    def map_keys(self, database: str, table: str, column: str, context: CallContext) -> list[str]:
        """The keys of a Map column, seen in the first rows of the table. Raises ValidationError."""
        if not table or not column:
            raise ValidationError("table and column are required", path="query")
        place = ".".join(quote_name(part) for part in (database or self._default_database, table) if part)
        sql = _MAP_KEYS.format(column=quote_name(column), table=place, limit=_MAP_KEYS_ROWS)
        return [row["key"] for row in self._ask(sql, {}, context)]

    def _files(self, database: str) -> list[str]:
        return data_files() if self._engine.kind == "embedded" and database in ("", "default") else []

    def _ask(self, sql: str, parameters: Mapping[str, str], context: CallContext) -> list[dict[str, Any]]:
        statement = Statement(sql, encode_parameters(parameters))
        key = (sql, *sorted(parameters.items()))
        return self._kept.get(key, lambda: self._engine.rows(statement, context), context)
