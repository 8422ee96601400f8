"""Bodies of requests and answers, as structs; the OpenAPI description is made from these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from headwater.datasources import DataSource
from headwater.secrets import FieldState

TYPE_LOGO = "public/img/icn-datasource.svg"
Uid = Annotated[str, Meta(max_length=40, pattern="^[a-zA-Z0-9_-]*$")]
Name = Annotated[str, Meta(max_length=190)]


class ErrorBody(
    Struct, rename={"status_code": "statusCode", "message_id": "messageId", "trace_id": "traceID"}
):
    """Every error of the API. `traceID` is the request's id in the log."""

    status_code: int
    message_id: str
    message: str
    trace_id: str
    extra: dict[str, Any] | UnsetType = UNSET


class DataSourceReference(Struct):
    uid: str
    type: str = ""


class QueryBody(Struct, rename="camel"):
    """One query. All other keys belong to the data source."""

    ref_id: str = "A"
    datasource: DataSourceReference | None = None
    datasource_id: int | None = None
    max_data_points: int = 100
    interval_ms: int = 1000
    query_type: str = ""


class MetricRequestBody(Struct, rename={"from_": "from"}, kw_only=True):
    """`from` and `to` are epoch milliseconds as text, or relative such as `now-6h`."""

    queries: Annotated[list[QueryBody], Meta(min_length=1)]
    from_: str
    to: str


class AddDataSourceBody(Struct, rename="camel", kw_only=True):
    """A new data source. An empty `name` becomes the type's name, an empty `uid` a random one.

    `secureJsonData` holds secrets; they are encrypted, and no answer ever shows them.
    """

    type: Annotated[str, Meta(min_length=1, max_length=100)]
    name: Name = ""
    uid: Uid = ""
    access: str = "proxy"
    url: str = ""
    user: str = ""
    database: str = ""
    basic_auth: bool = False
    basic_auth_user: str = ""
    with_credentials: bool = False
    is_default: bool = False
    api_version: str = ""
    json_data: dict[str, Any] | None = None
    secure_json_data: dict[str, str] | None = None


class UpdateDataSourceBody(AddDataSourceBody, rename="camel", kw_only=True):
    """The whole new state, except secrets: those not named stay, an empty text removes one.

    A `version` other than 0 must be the stored one.
    """

    name: Annotated[str, Meta(min_length=1, max_length=190)]
    version: int = 0


class DataSourceBody(Struct, rename="camel", kw_only=True):
    """A data source. `secureJsonFields` names the secrets that are set, `secretState` whether they can be
    opened: ok, key_missing, tampered or corrupt."""

    id: int
    uid: str
    org_id: int
    name: str
    type: str
    type_logo_url: str = TYPE_LOGO
    access: str = "proxy"
    url: str = ""
    user: str = ""
    database: str = ""
    basic_auth: bool = False
    basic_auth_user: str = ""
    with_credentials: bool = False
    is_default: bool = False
    json_data: dict[str, Any] = {}
    secure_json_fields: dict[str, bool] = {}
    secret_state: dict[str, str] = {}
    version: int = 0
    read_only: bool = False
    api_version: str = ""

    @classmethod
    def of(cls, stored: DataSource, states: Mapping[str, FieldState]) -> DataSourceBody:
        return cls(
            id=stored.id,
            uid=stored.uid,
            org_id=stored.org_id,
            name=stored.name,
            type=stored.type,
            access=stored.access,
            url=stored.url,
            user=stored.user,
            database=stored.database,
            basic_auth=stored.basic_auth,
            basic_auth_user=stored.basic_auth_user,
            with_credentials=stored.with_credentials,
            is_default=stored.is_default,
            json_data=dict(stored.json_data),
            secure_json_fields=dict(stored.secure_json_fields),
            secret_state={name: state.state.value for name, state in states.items()},
            version=stored.version,
            read_only=stored.read_only,
            api_version=stored.api_version,
        )


class DataSourceListItem(Struct, rename="camel", kw_only=True):
    id: int
    uid: str
    org_id: int
    name: str
    type: str
    type_name: str
    type_logo_url: str
    access: str
    url: str
    user: str
    database: str
    basic_auth: bool
    is_default: bool
    json_data: dict[str, Any]
    read_only: bool
    api_version: str

    @classmethod
    def of(cls, stored: DataSource, type_name: str) -> DataSourceListItem:
        return cls(
            id=stored.id,
            uid=stored.uid,
            org_id=stored.org_id,
            name=stored.name,
            type=stored.type,
            type_name=type_name,
            type_logo_url=TYPE_LOGO,
            access=stored.access,
            url=stored.url,
            user=stored.user,
            database=stored.database,
            basic_auth=stored.basic_auth,
            is_default=stored.is_default,
            json_data=dict(stored.json_data),
            read_only=stored.read_only,
            api_version=stored.api_version,
        )


class ChangeBody(Struct, kw_only=True):
    """What a change answers."""

    message: str
    id: int | UnsetType = UNSET
    name: str | UnsetType = UNSET
    datasource: DataSourceBody | UnsetType = UNSET


class IdBody(Struct):
    id: int


class HealthBody(Struct, kw_only=True):
    """`status` is OK, ERROR or UNKNOWN."""

    status: str
    message: str
    details: dict[str, Any] | UnsetType = UNSET


class HostHealthBody(Struct, kw_only=True):
    """`database` is `ok` or `failing`."""

    database: str
    version: str
    commit: str = ""


class PluginBody(Struct, rename="camel", kw_only=True):
    name: str
    type: str
    id: str
    enabled: bool
    pinned: bool
    info: dict[str, Any]
    dependencies: dict[str, Any]
    latest_version: str
    has_update: bool
    category: str
    state: str
    signature: str
    signature_type: str = ""
    signature_org: str = ""
    default_nav_url: str = ""
    angular_detected: bool = False
    capabilities: list[str]


class PluginSettingsBody(PluginBody, rename="camel", kw_only=True):
    """With what a form for data sources of this plugin needs; schemas are JSON Schema."""

    settings_schema: dict[str, Any]
    query_schema: dict[str, Any]
    query_text_key: str
    query_language: str
    secret_keys: list[str]
    examples: list[dict[str, Any]]
    macros: list[dict[str, str]]
    json_data: dict[str, Any] = {}
    secure_json_fields: dict[str, bool] = {}


class PluginErrorBody(Struct, rename="camel"):
    plugin_id: str
    error_code: str
    message: str
