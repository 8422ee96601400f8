"""DuckDB: a file, opened read-only, in an engine that may read no other file unless the operator says so."""

from __future__ import annotations

import contextlib
import importlib.util
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Final

import adbc_driver_manager as adbc

from headwater.errors import (
    DownstreamServerError,
    ErrorSource,
    HeadwaterError,
    PluginUnavailableError,
    QueryError,
)
from headwater.sdk.sql import (
    NUMBERED,
    Cutter,
    Dialect,
    EpochUnit,
    MacroScope,
    ReadStatements,
    TimeMacros,
    seconds_text,
)
from headwater_adbc.errors import server_words
from headwater_adbc.preset import Preset, quoted
from headwater_adbc.presets.file_settings import DuckDBSettings, allowed, database_file
from headwater_adbc.presets.finite_times import FiniteTimes

DIALECT: Final = Dialect(quotes="'\"", heredocs=True, escape_strings=True, line_ends="\n\r")

_OF_THE_STATEMENT: Final = re.compile(
    r"\b(?:Binder|Catalog|Conversion|Invalid Input|Invalid Type|Not implemented|Out of Range|"
    r"Parser|Permission|Syntax) Error: "
)

_READS: Final = (["SELECT"], ["EXPLAIN"])
"""SHOW, DESCRIBE and the like are SELECTs to the engine."""

_FILES: Final = """
    SELECT '' AS schema, file AS name, 'file' AS kind, '' AS comment, false AS "needsSchema"
    FROM (SELECT file FROM glob({glob})
      WHERE $1 = '' AND regexp_matches(file, '\\.(parquet|csv|tsv|json|jsonl|ndjson)(\\.gz|\\.zst)?$')
      ORDER BY 1 LIMIT 500)"""
_COLUMNS_OF_FILE: Final = """
    SELECT column_name AS name, column_type AS type, true AS nullable, NULL AS "default", '' AS comment
    FROM (DESCRIBE SELECT * FROM {file})"""
_EXAMPLE_VIEW: Final = """
    CREATE VIEW example_weather AS
    SELECT make_timestamp(minute * 60000000) AS time, station,
      round(mean + swing * sin((day - 0.35) * 2 * pi()) + noise, 1) AS temperature_c,
      round(4 + 2 * cos(day * 6 * pi()) + noise, 1) AS wind_ms,
      round(greatest(0, sin(day * 10 * pi()) + noise - 1.2), 1) AS rain_mm
    FROM (
      SELECT minute, station, mean, swing, minute % 1440 / 1440 AS day,
        hash(minute, station) % 100 / 100 AS noise
      FROM (SELECT epoch_us(now()) // 60000000 - unnest(range(1440)) AS minute),
        (VALUES ('harbour', 11, 3), ('valley', 8, 7), ('ridge', 3, 5)) stations(station, mean, swing))
    ORDER BY time, station;
    COMMENT ON VIEW example_weather IS 'Made-up readings of the last day, one a minute'; """
"""Something to look at in an empty engine."""


class DuckDBMacros(TimeMacros):
    """Groups stay times: `time_bucket` knows them."""

    group_step = timedelta(milliseconds=1)

    def moment(self, seconds: int, scope: MacroScope) -> str:
        del scope
        return f"to_timestamp({seconds})"

    def unix_seconds(self, column: str, scope: MacroScope) -> str:
        scope.epoch_units.add(EpochUnit.SECONDS)
        return f"epoch({column})"

    def time_group(self, column: str, step: timedelta, scope: MacroScope) -> str:
        del scope
        origin = "TIMESTAMP '1970-01-01'"
        return f"time_bucket(INTERVAL '{seconds_text(step)} seconds', {column}::TIMESTAMP, {origin})"


class DuckDB(Preset[DuckDBSettings]):
    """The engine runs in this process; its configuration is locked once it is open."""

    title = "DuckDB"
    dialect = DIALECT
    placeholders = NUMBERED
    reads = ReadStatements(
        first_words=frozenset({"SELECT", "FROM", "VALUES", "TABLE", "SHOW", "DESCRIBE", "SUMMARIZE"})
    )
    macros = DuckDBMacros(DIALECT)
    columns = FiniteTimes
    cutter = Cutter(DIALECT, quoted, random="random()")
    version_sql = "SELECT version() AS version"
    catalog: Mapping[str, str] = {
        "schemas": """
            SELECT DISTINCT schema_name AS name FROM duckdb_schemas()
            WHERE NOT internal OR schema_name = 'main' ORDER BY 1""",
        "tables": """
            SELECT schema_name AS schema, table_name AS name, 'table' AS kind,
              coalesce(comment, '') AS comment, schema_name <> current_schema() AS "needsSchema"
            FROM duckdb_tables() WHERE NOT internal AND $1 IN ('', schema_name)
            UNION ALL
            SELECT schema_name, view_name, 'view', coalesce(comment, ''), schema_name <> current_schema()
            FROM duckdb_views() WHERE NOT internal AND $1 IN ('', schema_name) ORDER BY 1, 2""",
        "columns": """
            SELECT column_name AS name, data_type AS type, is_nullable AS nullable,
              column_default AS "default", coalesce(comment, '') AS comment
            FROM duckdb_columns() WHERE $1 IN ('', schema_name) AND table_name = $2 ORDER BY column_index""",
        "functions": """
            SELECT function_name AS name, coalesce(any_value(return_type), '') AS returns,
              coalesce(any_value(description), '') AS comment
            FROM duckdb_functions() WHERE function_name ~ '^[a-z]' GROUP BY 1 ORDER BY 1""",
    }

    def options(self, seconds: float) -> dict[str, str]:
        del seconds
        settings = self.settings
        engine = importlib.util.find_spec("_duckdb")
        if engine is None or engine.origin is None:
            raise PluginUnavailableError(
                "DuckDB is not installed. Install it: pip install 'headwater-adbc[duckdb]'"
            )
        options = {
            "driver": engine.origin,
            "entrypoint": "duckdb_adbc_init",
            "path": ":memory:" if self._in_memory else str(database_file(self.instance.url)),
            "access_mode": "READ_ONLY" if settings.read_only and not self._in_memory else "READ_WRITE",
            "threads": str(settings.threads or ""),
            "memory_limit": settings.memory_limit,
            # A file of another kind would have the engine fetch what reads it, and load that.
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        return {key: value for key, value in options.items() if value}

    def check(self, sql: str) -> None:
        """The driver runs each statement of a text, and the engine writes files where it may read them: what
        a text is, its own parser says."""
        if not self.settings.read_only:
            return
        parse, errors = _parser()
        with contextlib.suppress(errors):  # the engine says what is wrong when it is to run it
            if [each.type.name for each in parse(sql)] not in _READS:
                raise QueryError(
                    "Only one statement, which reads, is allowed here: the data source is read-only "
                    "(setting readOnly)."
                )

    def listing(self, kind: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        """The files of `folders` are tables, too, by their paths."""
        place = ".".join(filter(None, values))  # a path was taken apart at its last dot
        if kind == "tables":
            globs = [_FILES.format(glob=_quoted(f"{folder}*")) for folder in self._folders()]
            return " UNION ALL ".join([*globs, f"({self.catalog[kind]})"]), values
        if kind == "columns" and place.startswith("/"):
            return _COLUMNS_OF_FILE.format(file=_quoted(place)), ()
        return super().listing(kind, values)

    @property
    def _in_memory(self) -> bool:
        return self.instance.url in ("", ":memory:")

    def setup(self) -> str:
        is_empty = self._in_memory and not self.settings.folders
        return (_EXAMPLE_VIEW if is_empty else "") + (
            f"SET allowed_directories = [{', '.join(map(_quoted, self._folders()))}]; "
            "SET enable_external_access = false; SET lock_configuration = true"
        )

    def _folders(self) -> list[str]:
        return [str(allowed(folder, "jsonData.folders")) + "/" for folder in self.settings.folders]

    def explain(self, error: Exception, *, connecting: bool = False) -> HeadwaterError:
        if not connecting and _OF_THE_STATEMENT.search(str(error)) and isinstance(error, adbc.Error):
            described = DownstreamServerError(
                f"db query error: {server_words(error)}", status=400, source=ErrorSource.CALLER
            )
            described.__cause__ = error
            return described
        return super().explain(error, connecting=connecting)


@cache
def _parser() -> tuple[Callable[[str], list[Any]], type[Exception]]:
    """What cuts a text into statements, and what it raises for one that is no SQL."""
    engine = importlib.import_module("_duckdb")
    connection = engine.connect(":memory:", config={"threads": 1})
    return connection.extract_statements, engine.Error


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
