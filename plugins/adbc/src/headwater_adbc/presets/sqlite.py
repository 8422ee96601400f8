"""SQLite: a file, opened read-only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from headwater.errors import HeadwaterError, QueryError
from headwater.frames import Notice
from headwater.sdk.sql import (
    Cutter,
    Dialect,
    EpochUnit,
    MacroScope,
    ReadStatements,
    TimeMacros,
    seconds_text,
    statement_words,
)
from headwater_adbc.driver import bundled
from headwater_adbc.preset import Columns, Preset, quoted
from headwater_adbc.presets.file_settings import SQLiteSettings, database_file

DIALECT: Final = Dialect(quotes="'\"`[")

_ROUNDED: Final = r"^-?\d\.\d{6}e[+-]\d{2,3}$"


class SQLiteMacros(TimeMacros):
    """Times are texts such as `2024-01-02 03:04:05`, as SQLite's own functions read and write them."""

    def time(self, column: str, scope: MacroScope) -> str:
        return f'{self.unix_seconds(column, scope)} AS "time"'

    def moment(self, seconds: int, scope: MacroScope) -> str:
        del scope
        return f"datetime({seconds}, 'unixepoch')"

    def unix_seconds(self, column: str, scope: MacroScope) -> str:
        scope.epoch_units.add(EpochUnit.SECONDS)
        return f"CAST(strftime('%s', {column}) AS INTEGER)"

    def multiple(self, number: str, step: timedelta, scope: MacroScope) -> str:
        width = seconds_text(step)
        if scope.start < 0:
            return f"(({number}) - (({number}) % {width} + {width}) % {width})"
        return f"({number}) / {width} * {width}"


class SQLiteColumns(Columns):
    """Text that is text: SQLite keeps any bytes as such. Tells of numbers that the driver rounds for it."""

    def __init__(self, schema: pa.Schema) -> None:
        super().__init__(schema)
        self._rounded: dict[str, None] = {}

    @property
    def notices(self) -> tuple[Notice, ...]:
        return tuple(
            Notice.warning(
                f"column {name!r} holds numbers and text: its numbers are given with seven digits; "
                f"CAST({quoted(name)} AS TEXT) keeps them"
            )
            for name in self._rounded
        )

    def convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        for field, column in zip(self.schema, batch.columns, strict=True):
            if pa.types.is_string(column.type):
                _check_text(field.name, column)
                if _has_rounded(column):
                    self._rounded[field.name] = None
        return batch


def _check_text(name: str, column: pa.Array) -> None:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        raise QueryError(
            f"column {name!r} holds bytes that are not UTF-8 text; select CAST({quoted(name)} AS BLOB)"
        ) from error


def _has_rounded(column: pa.Array) -> bool:
    """Whether a text is a number as C's `%e` writes it."""
    return bool(pc.any(pc.match_substring_regex(column, _ROUNDED)).as_py())


class SQLite(Preset[SQLiteSettings]):
    """The driver chooses a column's type by its first rows: a later value that does not fit is an error."""

    title = "SQLite"
    dialect = DIALECT
    reads = ReadStatements(first_words=frozenset({"SELECT", "VALUES"}))
    macros = SQLiteMacros(DIALECT)
    columns = SQLiteColumns
    cutter = Cutter(DIALECT, quoted, random="random()", typed_by_rows=True)
    version_sql = "SELECT sqlite_version() AS version"
    catalog: Mapping[str, str] = {
        "schemas": "SELECT 'main' AS name",
        "tables": """
            SELECT 'main' AS schema, name, type AS kind, '' AS comment FROM sqlite_schema
            WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' AND ? IN ('', 'main')
            ORDER BY name""",
        "columns": """
            SELECT name, type, NOT "notnull" AS nullable, dflt_value AS "default", pk > 0 AS "primaryKey"
            FROM (SELECT ? AS wanted), pragma_table_info(?) WHERE wanted IN ('', 'main')""",
        "functions": "SELECT DISTINCT name FROM pragma_function_list ORDER BY name",
    }

    def check(self, sql: str) -> None:
        """One that may write does so to its own file: the paths of others are not for queries to name."""
        if self.settings.read_only:
            return
        words = statement_words(sql, DIALECT)
        if words[:1] == ["ATTACH"] or (words[:1] == ["VACUUM"] and "INTO" in words):
            raise QueryError(f"{words[0]} is not allowed here: a query names no file of the host's machine.")

    def bound(self, value: Any) -> Any:
        """Times as the macros write them: the driver's own text has a `T`, which sorts behind every time of
        its day that SQLite wrote."""
        if not isinstance(value, datetime):
            return value
        in_utc = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return in_utc.isoformat(sep=" ")

    def options(self, seconds: float) -> dict[str, str]:
        del seconds
        path = database_file(self.instance.url)
        mode = "ro" if self.settings.read_only else "rw"
        driver = bundled("adbc_driver_sqlite", "sqlite")
        return {"driver": driver, "uri": f"file:{quote(str(path))}?mode={mode}"}

    def statement_options(self, verb: str) -> dict[str, str]:
        del verb
        return {"adbc.sqlite.query.batch_rows": "8192"}

    def explain(self, error: Exception, *, connecting: bool = False) -> HeadwaterError:
        if not connecting and "type mismatch" in str(error).lower():
            return QueryError(
                f"a column holds values of several types ({error}); cast it, such as CAST(column AS TEXT)"
            )
        return super().explain(error, connecting=connecting)
