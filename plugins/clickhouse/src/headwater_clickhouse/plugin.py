"""The plugin object that the entry point names. Loads neither pyarrow nor a client nor the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from headwater.sdk import AnswerTraits, DataSourcePlugin, QueryExample

from . import __version__
from .macro_help import MACROS
from .query_model import ClickHouseQuery
from .settings import ClickHouseSettings


class ClickHousePlugin(DataSourcePlugin):
    """ClickHouse over HTTP, or embedded."""

    id = "clickhouse"
    name = "ClickHouse"
    version = __version__
    description = "ClickHouse: Arrow straight from a server over HTTP, or from an engine in this process."
    alias_ids = ("grafana-clickhouse-datasource",)
    settings_type = ClickHouseSettings
    query_type = ClickHouseQuery
    query_text_key = "rawSql"
    query_language = "sql"
    table_query: ClassVar[Mapping[str, str]] = {"rawSql": "SELECT * FROM {table}"}
    identifier_quote = "`"
    parameter_placeholders: ClassVar[Mapping[str, str]] = {
        "text": "{name:String}",
        "integer": "{name:Int64}",
        "number": "{name:Float64}",
        "text[]": "{name:Array(String)}",
        "integer[]": "{name:Array(Int64)}",
        "number[]": "{name:Array(Float64)}",
    }
    connection: ClassVar[Mapping[str, str]] = {
        "url": "http://HOST:8123 or https://HOST:8443; chdb:// for an engine in this process, which needs no "
        "server and reads files with file('…'); chdb:///FOLDER for one that keeps its tables",
        "user": "the user to log in as",
        "database": "the default database of queries",
        "basicAuthUser": "for a proxy that asks for it",
    }
    capabilities = frozenset(
        {"cancel", "logs", "partitions", "progress", "pushdown", "resources", "stream", "traces"}
    )
    examples = (
        QueryExample("Table", {"rawSql": "SELECT number, number * number AS square FROM numbers(10)"}),
        QueryExample(
            "Time series",
            {
                "rawSql": "$__columns(event_time, query_kind, count()) FROM system.query_log",
                "format": "time_series",
            },
            "Queries per interval and kind.",
        ),
    )
    macros = MACROS
    data_source = "headwater_clickhouse.data_source:ClickHouseDataSource"

    def answer_traits(self, query: ClickHouseQuery, settings: ClickHouseSettings) -> AnswerTraits:
        """On the headers that are forwarded; not at all kept if a query may change data."""
        return AnswerTraits(
            user=False,
            headers=None if settings.forward_grafana_headers else settings.forwarded_headers,
            kept=not settings.allow_writes,
        )
