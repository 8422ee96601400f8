"""The entry points: what each kind of data source is, without loading a driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from headwater.sdk import AnswerTraits, DataSourcePlugin, QueryExample
from headwater.sdk.sql import SqlQuery, named_placeholders, whole_group_steps
from headwater_adbc.macro_help import DUCKDB, POSTGRESQL, SQLITE, STANDARD
from headwater_adbc.presets.file_settings import DuckDBSettings, SQLiteSettings
from headwater_adbc.presets.postgresql_settings import PostgreSQLSettings
from headwater_adbc.presets.remote_settings import (
    BigQuerySettings,
    FlightSQLSettings,
    OtherSettings,
    SnowflakeSettings,
)
from headwater_adbc.settings import AdbcSettings

_TABLE = QueryExample("Table", {"rawSql": "SELECT 1 AS one"})
_TIME_SERIES = QueryExample(
    "Time series",
    {
        "rawSql": "SELECT $__timeGroupAlias(created, '1m', NULL), region AS metric, sum(total) "
        "FROM orders WHERE $__timeFilter(created) GROUP BY 1, 2 ORDER BY 1",
        "format": "time_series",
    },
    "A value per minute and metric, gaps filled with null.",
)


class AdbcPlugin(DataSourcePlugin):
    """Base of all, and any driver that has no preset."""

    id = "adbc"
    name = "ADBC"
    version = "0.1.0"
    description = "Any database with an ADBC driver that the host's operator allows."
    settings_type: ClassVar[type[AdbcSettings]] = OtherSettings
    query_type = SqlQuery
    query_text_key = "rawSql"
    query_language = "sql"
    table_query: ClassVar[Mapping[str, str]] = {"rawSql": "SELECT * FROM {table}"}
    parameter_placeholders = named_placeholders()
    capabilities = frozenset({"cancel", "health", "parameters", "resources", "stream"})
    connection: ClassVar[Mapping[str, str]] = {
        "url": "the driver's uri; where it holds a password, use the secret uri",
        "user": "the user to log in as, if the driver wants one",
    }
    examples = (_TABLE, _TIME_SERIES)
    macros = STANDARD
    data_source = "headwater_adbc.data_source:AdbcDataSource"

    def answer_traits(self, query: SqlQuery, settings: AdbcSettings) -> AnswerTraits:
        """On nobody: the database knows the data source's user alone. Not kept if a query may change data."""
        from headwater_adbc.preset import preset_of

        steps = whole_group_steps(query, preset_of(settings).macros, settings.shortest_interval())
        return AnswerTraits(user=False, headers=(), steps=steps, kept=settings.read_only)


class PostgreSQLPlugin(AdbcPlugin):
    id = "postgresql"
    name = "PostgreSQL"
    description = "PostgreSQL, and what speaks its protocol, read in its binary format into Arrow."
    alias_ids = ("postgres", "grafana-postgresql-datasource")
    query_language = "postgresql"
    settings_type = PostgreSQLSettings
    connection: ClassVar[Mapping[str, str]] = {
        "url": "host, host:port or [ipv6]:port, port 5432 by default; or the folder of a Unix socket",
        "user": "the user to log in as; the password is a secret",
        "database": "the database to use; the user's name by default",
    }
    identifier_quote = '"'
    examples = (
        QueryExample("Table", {"rawSql": "SELECT schemaname, tablename FROM pg_catalog.pg_tables"}),
        _TIME_SERIES,
    )
    macros = POSTGRESQL


class SQLitePlugin(AdbcPlugin):
    id = "sqlite"
    name = "SQLite"
    description = "SQLite files, opened read-only."
    query_language = "sqlite"
    settings_type = SQLiteSettings
    identifier_quote = '"'
    capabilities = AdbcPlugin.capabilities - {"cancel"}  # its driver has none
    macros = SQLITE
    connection: ClassVar[Mapping[str, str]] = {"url": "the absolute path of the file"}


class DuckDBPlugin(AdbcPlugin):
    id = "duckdb"
    name = "DuckDB"
    description = "DuckDB files, opened read-only, and the folders that the operator allows."
    settings_type = DuckDBSettings
    identifier_quote = '"'
    macros = DUCKDB
    connection: ClassVar[Mapping[str, str]] = {"url": "the absolute path of the file; or :memory:"}


class FlightSQLPlugin(AdbcPlugin):
    id = "flightsql"
    name = "Flight SQL"
    description = "Databases and services that speak Arrow Flight SQL."
    settings_type = FlightSQLSettings
    connection: ClassVar[Mapping[str, str]] = {
        "url": "grpc+tls://host:port, or grpc://host:port in clear",
        "user": "the user to log in as; the password is a secret; or a token instead",
    }


class SnowflakePlugin(AdbcPlugin):
    id = "snowflake"
    name = "Snowflake"
    description = "Snowflake, through its ADBC driver."
    settings_type = SnowflakeSettings
    identifier_quote = '"'
    connection: ClassVar[Mapping[str, str]] = {
        "url": "the account, such as myorg-account1",
        "user": "the user to log in as",
        "database": "the database of unqualified names",
    }


class BigQueryPlugin(AdbcPlugin):
    id = "bigquery"
    name = "BigQuery"
    description = "Google BigQuery, through its ADBC driver."
    settings_type = BigQuerySettings
    identifier_quote = "`"
    connection: ClassVar[Mapping[str, str]] = {"database": "the data set of unqualified names"}
