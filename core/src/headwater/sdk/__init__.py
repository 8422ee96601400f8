"""What plugin authors use. Importing it loads neither pyarrow nor any driver."""

from headwater.context import CallContext
from headwater.hookspecs import hookimpl
from headwater.models import (
    CheckHealthResult,
    DataQuery,
    DataSourceInstanceSettings,
    QueryExample,
    TimeRange,
)
from headwater.secrets import Secret

from .data_source import DataSource, Query, QueryResult
from .plugin import DataSourcePlugin
from .resources import ResourceRequest, json_response, resource
from .schema import field, json_schema, parse, secret

__all__ = [
    "CallContext",
    "CheckHealthResult",
    "DataQuery",
    "DataSource",
    "DataSourceInstanceSettings",
    "DataSourcePlugin",
    "Query",
    "QueryExample",
    "QueryResult",
    "ResourceRequest",
    "Secret",
    "TimeRange",
    "field",
    "hookimpl",
    "json_response",
    "json_schema",
    "parse",
    "resource",
    "secret",
]
