"""The plugin object that the entry point names. Loads neither pyarrow nor DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.calls import CallContext
from headwater.models import (
    PluginInfo,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
    QueryExample,
)
from headwater.plugins import SourceReader, hookimpl
from headwater.sdk import json_schema

from . import __version__
from .query import ExpressionQuery

__all__ = ["ExpressionsPlugin"]


class ExpressionsPlugin:
    """Answers the queries of data source `__expr__` from the answers to the others of their request."""

    @hookimpl
    def describe_plugin(self) -> PluginInfo:
        return PluginInfo(
            id="__expr__",
            name="Expressions",
            version=__version__,
            description="Math, reduce, resample, conditions and SQL over the answers to other queries.",
            query_text_key="expression",
            query_language="sql",
            query_schema=json_schema(ExpressionQuery),
            settings_schema={"type": "object", "properties": {}, "additionalProperties": False},
            capabilities=frozenset({"cancel", "inputs"}),
            parameter_placeholders={
                f"{kind}{items}": text
                for kind in ("text", "integer", "number")
                for items, text in (("", "$name"), ("[]", "SELECT unnest($name)"))
            },
            examples=(
                QueryExample("Share in percent", {"type": "math", "expression": "$A / $B * 100"}),
                QueryExample("Mean of each series", {"type": "reduce", "expression": "A", "reducer": "mean"}),
                QueryExample(
                    "Join", {"type": "sql", "expression": "SELECT * FROM A JOIN B USING (time) ORDER BY time"}
                ),
            ),
            connection={},
        )

    @hookimpl
    def query_sources(
        self, request: QueryDataRequest, sources: SourceReader, context: CallContext
    ) -> Iterator[QueryChunk]:
        from .sql.over_sources import select

        (query,) = request.queries
        return select(query, sources, context)

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        from .evaluation import evaluate

        return QueryDataResponse(evaluate(request, context))
