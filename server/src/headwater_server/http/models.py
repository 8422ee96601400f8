"""Bodies of requests and answers, as structs; the OpenAPI description is made from these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import NODEFAULT, UNSET, Meta, Struct, UnsetType, defstruct, field, structs

from headwater.datasources import PLAIN_FIELDS, REQUEST_FIELDS, DataSource, PlainField
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


def _plain_fields(name: str, fields: Iterable[PlainField], *, nullable: bool) -> type[Struct]:
    """A struct of `fields`, to derive a body from. With `nullable`, null says the same as absence."""
    definitions: list[Any] = []
    for each in fields:
        kind: Any = each.kind
        if kind is str:
            shortest = 1 if each.default is None else None
            kind = Annotated[str, Meta(min_length=shortest, max_length=each.max_length)]
        if each.default is None:
            definitions.append((each.name, kind))
        else:
            definitions.append((each.name, kind | None if nullable else kind, each.default))
    return defstruct(name, definitions, rename="camel", kw_only=True)


if TYPE_CHECKING:

    class _RequestFields(Struct):
        type: str

    class _AnswerFields(Struct):
        pass

    class _ListFields(Struct):
        pass

else:
    _NOT_LISTED = ("basic_auth_user", "with_credentials")
    _RequestFields = _plain_fields("_RequestFields", REQUEST_FIELDS, nullable=True)
    _AnswerFields = _plain_fields("_AnswerFields", PLAIN_FIELDS, nullable=False)
    _ListFields = _plain_fields(
        "_ListFields", (each for each in PLAIN_FIELDS if each.name not in _NOT_LISTED), nullable=False
    )


class AddDataSourceBody(_RequestFields, rename="camel", kw_only=True):
    """A new data source. An empty `name` becomes the type's name, an empty `uid` a random one.

    `secureJsonData` holds secrets; they are encrypted, and no answer ever shows them. Null says the same as
    leaving a key out.
    """

    name: Name | None = ""
    uid: Uid | None = ""
    json_data: dict[str, Any] | None = field(default_factory=dict)
    secure_json_data: dict[str, str | None] | None = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Every field by its name in Python; what is null or absent has its default."""
        values = {each.name: _value(self, each) for each in structs.fields(self)}
        secrets = values["secure_json_data"].items()
        return {**values, "secure_json_data": {name: text for name, text in secrets if text is not None}}


class UpdateDataSourceBody(AddDataSourceBody, rename="camel", kw_only=True):
    """The whole new state, except secrets: those not named stay, an empty text removes one.

    A `version` other than 0 must be the stored one.
    """

    name: Annotated[str, Meta(min_length=1, max_length=190)]
    version: int | None = 0


def _value(body: Struct, info: structs.FieldInfo) -> Any:
    value = getattr(body, info.name)
    if value is not None:
        return value
    return info.default if info.default_factory is NODEFAULT else info.default_factory()


class DataSourceBody(_AnswerFields, rename="camel", kw_only=True):
    """A data source. `secureJsonFields` names the secrets that are set, `secretState` whether they can be
    opened: ok, key_missing, tampered or corrupt."""

    id: int
    uid: str
    org_id: int
    type_logo_url: str = TYPE_LOGO
    json_data: dict[str, Any] = field(default_factory=dict)
    secure_json_fields: dict[str, bool] = field(default_factory=dict)
    secret_state: dict[str, str] = field(default_factory=dict)
    version: int = 0

    @classmethod
    def of(cls, stored: DataSource, states: Mapping[str, FieldState]) -> DataSourceBody:
        return cls(
            **_plain_values(stored, cls),
            secure_json_fields=dict(stored.secure_json_fields),
            secret_state={name: state.state.value for name, state in states.items()},
            version=stored.version,
        )


class DataSourceListItem(_ListFields, rename="camel", kw_only=True):
    id: int
    uid: str
    org_id: int
    type_name: str
    type_logo_url: str = TYPE_LOGO
    json_data: dict[str, Any]

    @classmethod
    def of(cls, stored: DataSource, type_name: str) -> DataSourceListItem:
        return cls(**_plain_values(stored, cls), type_name=type_name)


def _plain_values(stored: DataSource, body: type[Struct]) -> dict[str, Any]:
    """What `stored` and `body` have in common, as keywords for `body`, without secrets and version."""
    plain = {each.name: getattr(stored, each.name) for each in PLAIN_FIELDS}
    own = {"id": stored.id, "uid": stored.uid, "org_id": stored.org_id, "json_data": dict(stored.json_data)}
    return {name: value for name, value in {**plain, **own}.items() if name in body.__struct_fields__}


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
    """With what a form for data sources of this plugin needs; schemas are JSON Schema.

    `connection` has the fields beside `jsonData` that the plugin uses, each with what it means to it; null if
    the plugin does not say.
    """

    settings_schema: dict[str, Any]
    query_schema: dict[str, Any]
    query_text_key: str
    query_language: str
    secret_keys: list[str]
    examples: list[dict[str, Any]]
    macros: list[dict[str, str]]
    connection: dict[str, str] | None
    table_query: dict[str, str] = {}
    identifier_quote: str = ""
    parameter_placeholders: dict[str, str] = {}
    json_data: dict[str, Any] = {}
    secure_json_fields: dict[str, bool] = {}


class PluginErrorBody(Struct, rename="camel"):
    plugin_id: str
    error_code: str
    message: str
