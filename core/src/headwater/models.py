"""What travels between host and plugin. Field names are Grafana's SDK's, in Python spelling.

All are frozen and serialisable without pickle (see `headwater.plugins.serialization`), so that a plugin may
one day run in another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from attrs import field, frozen

from .frames.responses import DataResponse, QueryChunk, QueryDataResponse
from .frames.times.time_range import TimeRange

if TYPE_CHECKING:
    import pyarrow as pa

    from .network import AddressPolicy
    from .secrets import Secret

__all__ = [
    "AnswerSteps",
    "AnswerTraits",
    "CallResourceRequest",
    "CallResourceResponse",
    "CheckHealthRequest",
    "CheckHealthResult",
    "Consistency",
    "DataQuery",
    "DataResponse",
    "DataSourceInstanceSettings",
    "Filter",
    "HealthStatus",
    "Partition",
    "Partitions",
    "PluginContext",
    "PluginInfo",
    "QueryChunk",
    "QueryDataRequest",
    "QueryDataResponse",
    "QueryExample",
    "QueryMacro",
    "ResourceOptions",
    "TimeRange",
    "User",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _last_hour() -> TimeRange:
    return TimeRange.last(timedelta(hours=1))


@frozen
class DataQuery:
    """One query of a request. `json` is the query object as the caller wrote it, all keys kept.

    `interval_ms` is the step in milliseconds that the caller suggests for `max_data_points` points.
    """

    ref_id: str = "A"
    query_type: str = ""
    max_data_points: int = 100
    interval_ms: int = 1000
    time_range: TimeRange = field(factory=_last_hour)
    json: Mapping[str, Any] = field(factory=dict)


@frozen
class User:
    """Who asks; empty where that is not known."""

    login: str = ""
    name: str = ""
    email: str = ""
    role: str = ""


@frozen
class DataSourceInstanceSettings:
    """A data source as its plugin sees it: secrets are decrypted, and opaque `Secret` objects.

    A plugin builds a new instance whenever `version` or `updated` differs from what it has. `address_policy`
    is the operator's, None for the defaults: `headwater.sdk.http` heeds it, and whoever opens sockets
    gives it to `headwater.network.resolve`.
    """

    uid: str
    name: str
    type: str
    id: int = 0
    url: str = ""
    user: str = ""
    database: str = ""
    basic_auth_enabled: bool = False
    basic_auth_user: str = ""
    json_data: Mapping[str, Any] = field(factory=dict)
    decrypted_secure_json_data: Mapping[str, Secret] = field(factory=dict, repr=False)
    version: int = 0
    updated: datetime = _EPOCH
    api_version: str = ""
    address_policy: AddressPolicy | None = None


@frozen
class PluginContext:
    """Who asks, and on behalf of which data source. `config` holds the host's settings for plugins."""

    plugin_id: str
    plugin_version: str = ""
    org_id: int = 1
    user: User | None = None
    data_source_instance_settings: DataSourceInstanceSettings | None = None
    config: Mapping[str, str] = field(factory=dict)
    user_agent: str = ""
    namespace: str = "default"
    api_version: str = ""


@frozen
class QueryDataRequest:
    """Queries for one data source. `headers` are the caller's that a plugin may see.

    `inputs` are for expressions: the outcomes of the request's queries of data sources, by ref id.
    """

    plugin_context: PluginContext
    queries: tuple[DataQuery, ...]
    headers: Mapping[str, str] = field(factory=dict)
    inputs: Mapping[str, DataResponse] = field(factory=dict)


class Consistency(StrEnum):
    """What the parts of one result have in common."""

    NONE = "none"
    """Each part shows the data as they are when it is read: a row that changes meanwhile may be in two parts
    or in none, and a part that is read again may have other rows."""
    STATEMENT = "statement"
    """The result is one part, and so one state of the data; read again, it may be a later one."""
    SNAPSHOT = "snapshot"
    """All parts show one state of the data, however often each is read."""


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | set | frozenset) else value


FilterOperator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "in", "is null", "is not null"]


@frozen
class Filter:
    """A condition on a column of a result, with SQL's meaning: a comparison with null holds for no row.

    `value` is a bool, int, float, str, bytes, Decimal, date or datetime; for `in` a tuple or list of them,
    and None for the two tests for null. A datetime without a time zone is one of a column without one.
    """

    column: str
    operator: FilterOperator
    value: Any = field(default=None, converter=_hashable)


@frozen
class Partition:
    """One part of a result: a query of the same plugin that returns the part's rows.

    `query` says all that a reader elsewhere and later needs: its time range is absolute, and its `json` holds
    what JSON can. The estimates are of rows and of bytes as Arrow, None where nothing tells.
    """

    query: DataQuery
    estimated_rows: int | None = None
    estimated_bytes: int | None = None


@frozen
class Partitions:
    """How a result is divided: each of its rows is in one part.

    * `schema`: of the result with all of its columns. None lets the host find it out, by starting the first
      part's query.
    * `columns_handled`: the parts return the columns asked for, and only them. Needs a `schema`.
    * `handled_filters`: those of the filters asked for that the parts apply exactly.
    * `notices`: what a person should know, such as why there is one part only.
    """

    parts: tuple[Partition, ...]
    consistency: Consistency = Consistency.NONE
    schema: pa.Schema | None = None
    columns_handled: bool = False
    handled_filters: tuple[Filter, ...] = ()
    notices: tuple[str, ...] = ()

    @classmethod
    def whole(cls, query: DataQuery, *notices: str) -> Partitions:
        """The result of `query` as one part; `notices` say why."""
        return cls((Partition(query),), Consistency.STATEMENT, notices=notices)


class HealthStatus(IntEnum):
    """The outcome of a health check."""

    UNKNOWN = 0
    OK = 1
    ERROR = 2


@frozen
class CheckHealthRequest:
    """A question whether the data source of a context is well."""

    plugin_context: PluginContext
    headers: Mapping[str, str] = field(factory=dict)


@frozen
class CheckHealthResult:
    """`details` is a JSON object that hosts show to administrators only."""

    status: HealthStatus
    message: str = ""
    details: Mapping[str, Any] = field(factory=dict)

    @classmethod
    def ok(cls, message: str, **details: Any) -> CheckHealthResult:
        """The data source is well."""
        return cls(HealthStatus.OK, message, details)

    @classmethod
    def failed(cls, message: str, **details: Any) -> CheckHealthResult:
        """The data source is not; `message` says what to mend."""
        return cls(HealthStatus.ERROR, message, details)


@frozen
class CallResourceRequest:
    """`path` has no leading slash; `url` is `path?query`; header names are in the caller's spelling."""

    plugin_context: PluginContext
    path: str
    method: str = "GET"
    url: str = ""
    headers: Mapping[str, tuple[str, ...]] = field(factory=dict)
    body: bytes = b""


class ResourceOptions(TypedDict, total=False):
    """What a resource call may have besides its path."""

    method: str
    query_string: str
    headers: Mapping[str, tuple[str, ...]] | None
    body: bytes


@frozen
class CallResourceResponse:
    """The first response of a call carries status and headers; later ones only append to the body."""

    status: int = 200
    headers: Mapping[str, tuple[str, ...]] = field(factory=dict)
    body: bytes = b""


@frozen
class AnswerSteps:
    """An answer that is made of points of time at multiples of `step_ms`, moved by `-offset_ms`.

    What it says of one point does not depend on the range that is asked for, as long as `query` asks: it
    pins the step. Each frame begins with its times, ascending; frames of equal name, columns and labels are
    parts of one series, and series are in the order of their labels. `first_frame_keys` are those of
    `meta.custom` that stand on the first frame alone, because they tell of the answer as a whole.

    With `rows` there is one frame, of any number of rows for each point, in the order of their times. With
    `wide` these are long series, and what was asked for is the wide ones that they make.
    """

    step_ms: int
    query: DataQuery
    offset_ms: int = 0
    first_frame_keys: tuple[str, ...] = ()
    rows: bool = False
    wide: bool = False


@frozen
class AnswerTraits:
    """What the answer to a query depends on besides data source, query and time range.

    `user`: on who asks. `headers`: on these headers of the caller, None for any of them. `kept` is False for
    what no host may remember, such as an answer that is made of other answers.
    """

    user: bool = True
    headers: tuple[str, ...] | None = None
    steps: AnswerSteps | None = None
    kept: bool = True


@frozen
class QueryExample:
    """A query that shows what a plugin can do; `query` holds the keys of its query model."""

    title: str
    query: Mapping[str, Any]
    description: str = ""


@frozen
class QueryMacro:
    """A macro that users may write: how it is written, and what the query says in its place."""

    usage: str
    expansion: str


@frozen
class PluginInfo:
    """What a plugin says of itself.

    `query_text_key` names the query's main text (`rawSql`, `expr`), so that hosts can offer
    `query(source, "SELECT 1")`. Schemas are JSON Schema objects; `secret_keys` are the keys of
    `secureJsonData`; `capabilities` are short words such as `cancel`, `stream`, `resources`. `notes` tell
    operators of this installation, such as which of two decoders it uses. `connection` says which of the
    fields that every data source has it uses, by their JSON keys (`url`, `user`, `database`,
    `basicAuthUser`), and what each means to it: forms show no others. None leaves that open. `table_query` is
    the query that reads a whole table, with `{table}` for its name, each part of which is put between two
    `identifier_quote`; without quotes a name has one part, of letters, digits, `_` and `:`.
    `parameter_placeholders` say how the main text names a parameter, for which the query's `params` hold the
    value, by the value's type: `text`, `integer` or `number`, with `[]` behind for a list of them. `name`
    stands for the parameter's name: `{"text": ":name"}`. A type that is not there cannot be bound.
    """

    id: str
    name: str = ""
    version: str = ""
    description: str = ""
    type: str = "datasource"
    alias_ids: tuple[str, ...] = ()
    query_text_key: str = ""
    query_language: str = ""
    query_schema: Mapping[str, Any] = field(factory=dict)
    settings_schema: Mapping[str, Any] = field(factory=dict)
    secret_keys: tuple[str, ...] = ()
    capabilities: frozenset[str] = frozenset()
    examples: tuple[QueryExample, ...] = ()
    macros: tuple[QueryMacro, ...] = ()
    notes: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    connection: Mapping[str, str] | None = None
    table_query: Mapping[str, str] = field(factory=dict)
    identifier_quote: str = ""
    parameter_placeholders: Mapping[str, str] = field(factory=dict)
