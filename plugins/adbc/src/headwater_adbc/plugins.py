"""The entry points: what each kind of data source is, without loading a driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from headwater.sdk import DataSourcePlugin, QueryExample
from headwater.sdk.sql import SqlQuery
from headwater_adbc.presets.postgresql_settings import PostgreSQLSettings


class AdbcPlugin(DataSourcePlugin):
    """Base of all: they differ in what they are called and in their settings."""

    id = "adbc"
    name = "ADBC"
    version = "0.1.0"
    query_type = SqlQuery
    query_text_key = "rawSql"
    query_language = "sql"
    capabilities = frozenset({"cancel", "health", "parameters", "resources", "stream"})
    data_source = "headwater_adbc.data_source:AdbcDataSource"


class PostgreSQLPlugin(AdbcPlugin):
    id = "postgresql"
    name = "PostgreSQL"
    description = "PostgreSQL, and what speaks its protocol, read in its binary format into Arrow."
    alias_ids = ("postgres", "grafana-postgresql-datasource")
    settings_type = PostgreSQLSettings
    connection: ClassVar[Mapping[str, str]] = {
        "url": "host, host:port or [ipv6]:port, port 5432 by default; or the folder of a Unix socket",
        "user": "the user to log in as; the password is a secret",
        "database": "the database to use; the user's name by default",
    }
    examples = (
        QueryExample("Table", {"rawSql": "SELECT schemaname, tablename FROM pg_catalog.pg_tables"}),
        QueryExample(
            "Time series",
            {
                "rawSql": "SELECT $__timeGroupAlias(created, '1m', NULL), region AS metric, sum(total) "
                "FROM orders WHERE $__timeFilter(created) GROUP BY 1, 2 ORDER BY 1",
                "format": "time_series",
            },
            "A value per minute and metric, gaps filled with null.",
        ),
    )
