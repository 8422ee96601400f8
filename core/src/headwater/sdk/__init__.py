"""What plugin authors use. Importing it loads neither pyarrow nor any driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import load_lazily
from headwater.calls.context import CallContext
from headwater.models import (
    AnswerSteps,
    AnswerTraits,
    CheckHealthResult,
    Consistency,
    DataQuery,
    DataSourceInstanceSettings,
    Filter,
    Partition,
    Partitions,
    QueryExample,
    QueryMacro,
    TimeRange,
)
from headwater.plugins.hookspecs import hookimpl
from headwater.secrets import Secret

from .data_source import AsyncDataSource, DataSource, Query, QueryResult
from .plugin import DataSourcePlugin
from .positions import at_byte, at_offset, located_errors
from .resources import ResourceRequest, json_response, resource
from .schema import HEADER_NAME, ONE_LINE, field, json_schema, parse, secret

if TYPE_CHECKING:
    from .prefetch import PrefetchQueue as PrefetchQueue

__all__ = [
    "HEADER_NAME",
    "ONE_LINE",
    "AnswerSteps",
    "AnswerTraits",
    "AsyncDataSource",
    "CallContext",
    "CheckHealthResult",
    "Consistency",
    "DataQuery",
    "DataSource",
    "DataSourceInstanceSettings",
    "DataSourcePlugin",
    "Filter",
    "Partition",
    "Partitions",
    "PrefetchQueue",
    "Query",
    "QueryExample",
    "QueryMacro",
    "QueryResult",
    "ResourceRequest",
    "Secret",
    "TimeRange",
    "at_byte",
    "at_offset",
    "field",
    "hookimpl",
    "json_response",
    "json_schema",
    "located_errors",
    "parse",
    "resource",
    "secret",
]

load_lazily(__name__, {"prefetch": ("PrefetchQueue",)})
