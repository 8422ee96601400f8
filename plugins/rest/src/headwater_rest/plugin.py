"""The plugin object that the entry point names. Loads neither pyarrow nor urllib3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from headwater.sdk import AnswerTraits, DataSourcePlugin, QueryExample, QueryMacro

from . import __version__
from .query import RestQuery
from .settings import RestSettings


class RestPlugin(DataSourcePlugin):
    """Any REST API that settings can describe."""

    id = "rest"
    name = "REST API"
    version = __version__
    description = "A REST API described by settings: endpoints, pages, authentication, columns."
    settings_type = RestSettings
    query_type = RestQuery
    query_text_key = "endpoint"
    table_query: ClassVar[Mapping[str, str]] = {"endpoint": "{table}"}
    connection: ClassVar[Mapping[str, str]] = {
        "url": "what all endpoints begin with, such as https://api.example.com/v1",
        "basicAuthUser": "the user of basic authentication; basicAuthPassword is a secret",
    }
    capabilities = frozenset({"cancel", "parameters", "resources", "stream"})
    examples = (
        QueryExample("An endpoint", {"endpoint": "orders"}),
        QueryExample(
            "With a parameter, its first rows",
            {"endpoint": "orders", "params": {"customer": 17}, "limit": 100},
        ),
    )
    macros = (
        QueryMacro("$__from", "the time range's beginning in milliseconds since 1970; $__to is its end"),
        QueryMacro(
            "${__from:date:iso}", "the same as 2026-03-01T06:00:00.000Z; date:seconds, date:YYYY-MM-DD"
        ),
        QueryMacro("$__interval", "the step between two points, such as 15s; $__interval_ms in milliseconds"),
        QueryMacro("$__range", "the length of the time range, such as 3600s; $__range_s and $__range_ms"),
    )
    data_source = "headwater_rest.data_source:RestDataSource"

    def answer_traits(self, query: RestQuery, settings: RestSettings) -> AnswerTraits:
        """Nothing but headers that are forwarded tells callers apart."""
        return AnswerTraits(user=False, headers=settings.forwarded_headers)
