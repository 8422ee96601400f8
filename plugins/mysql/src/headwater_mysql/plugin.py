"""The entry point: what the plugin is, without loading a driver."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import ClassVar

from headwater.sdk import AnswerTraits, DataSourcePlugin, QueryExample
from headwater.sdk.sql import named_placeholders, whole_group_steps
from headwater_mysql.dialect import DEFAULT
from headwater_mysql.macro_help import MACROS
from headwater_mysql.query_model import MySQLQuery
from headwater_mysql.settings import MySQLSettings

__all__ = ["MySQLPlugin"]


class MySQLPlugin(DataSourcePlugin):
    id = "mysql"
    name = "MySQL"
    version = "0.1.0"
    description = "MySQL and MariaDB, read over the binary protocol straight into Arrow."
    alias_ids = ("mariadb", "grafana-mysql-datasource")
    settings_type = MySQLSettings
    query_type = MySQLQuery
    query_text_key = "rawSql"
    query_language = "mysql"
    table_query: ClassVar[Mapping[str, str]] = {"rawSql": "SELECT * FROM {table}"}
    identifier_quote = "`"
    parameter_placeholders = named_placeholders()
    connection: ClassVar[Mapping[str, str]] = {
        "url": "host, host:port or [ipv6]:port, port 3306 by default; or the path of a Unix socket",
        "user": "the user to log in as; the password is a secret",
        "database": "the default database of queries",
    }
    capabilities = frozenset({"cancel", "health", "parameters", "pushdown", "resources", "stream"})
    examples = (
        QueryExample("Table", {"rawSql": "SELECT table_name, table_rows FROM information_schema.tables"}),
        QueryExample(
            "Time series",
            {
                "rawSql": "SELECT $__timeGroupAlias(created, '1m', NULL), region AS metric, SUM(total) "
                "FROM orders WHERE $__timeFilter(created) GROUP BY 1, 2 ORDER BY 1",
                "format": "time_series",
            },
            "A value per minute and metric, gaps filled with null.",
        ),
    )
    macros = MACROS
    data_source = "headwater_mysql.datasource:MySQLDataSource"

    def answer_traits(self, query: MySQLQuery, settings: MySQLSettings) -> AnswerTraits:
        """On nobody: the server knows the data source's user alone. Not kept if a query may change data."""
        from headwater_mysql.macros import macros_of

        steps = whole_group_steps(query, macros_of(DEFAULT), settings.shortest_interval())
        return AnswerTraits(user=False, headers=(), steps=steps, kept=settings.read_only)

    def notes(self) -> tuple[str, ...]:
        """Which row decoder is active. Looks for the extension's file: loading it would load pyarrow."""
        folder = Path(__file__).parent / "decode"
        if any((folder / f"_native{suffix}").is_file() for suffix in EXTENSION_SUFFIXES):
            return ("native row decoder",)
        return ("numpy row decoder: the native one was not built",)
