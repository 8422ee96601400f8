"""The one list of a data source's fields.

The stored model, the commands, the bodies of the HTTP API, provisioning files, exports and the columns of the
SQL store are made from it: a new field needs a line here, and a migration of that store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

import attrs
from attrs import NOTHING, field, frozen

if TYPE_CHECKING:
    from headwater.secrets.secret import Secret


def _text(max_length: int, default: Any = "") -> Any:
    return field(default=default, metadata={"max_length": max_length})


@frozen(kw_only=True)
class DataSourceFields:
    """The fields of a data source that a caller sets as they are."""

    name: str = _text(190, NOTHING)
    type: str = _text(100, NOTHING)
    access: str = _text(16, "proxy")
    url: str = _text(255)
    user: str = _text(255)
    database: str = _text(255)
    basic_auth: bool = False
    basic_auth_user: str = _text(255)
    with_credentials: bool = False
    is_default: bool = False
    read_only: bool = False
    api_version: str = _text(64)
    json_data: Mapping[str, Any] = field(factory=dict)


class DataSourceOptions(TypedDict, total=False):
    """The same fields as keyword arguments, and the secrets in plain text or as a Secret."""

    access: str
    url: str
    user: str
    database: str
    basic_auth: bool
    basic_auth_user: str
    with_credentials: bool
    is_default: bool
    read_only: bool
    api_version: str
    json_data: Mapping[str, Any]
    secure_json_data: Mapping[str, str | Secret]


class AddOptions(DataSourceOptions, total=False):
    """What `add_data_source` takes beside a name and a type. An empty `uid` becomes a random one."""

    uid: str


class UpdateOptions(DataSourceOptions, total=False):
    """What `update_data_source` changes. A `version` must be the stored one, else the update is refused."""

    name: str
    type: str
    version: int


@frozen
class PlainField:
    """A field that holds a text or a truth value, as code that reads or writes all of them needs it.

    `name` is the attribute, `key` what JSON and files call it, `kind` `str` or `bool`. `default` is None for
    a field that has to be given; `max_length`, of texts, is in characters.
    """

    name: str
    key: str
    kind: type
    default: str | bool | None
    max_length: int = 0


def json_key(name: str) -> str:
    """Grafana's spelling of a field's name: `basic_auth` is `basicAuth`."""
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


def edited_fields(holder: DataSourceFields) -> dict[str, Any]:
    """What `holder` says of the fields that a caller sets as they are."""
    return {each.name: getattr(holder, each.name) for each in attrs.fields(DataSourceFields)}


PLAIN_FIELDS: tuple[PlainField, ...] = tuple(
    PlainField(
        each.name,
        json_key(each.name),
        {"str": str, "bool": bool}[str(each.type)],
        None if each.default is NOTHING else each.default,
        each.metadata.get("max_length", 0),
    )
    for each in attrs.fields(DataSourceFields)
    if each.name != "json_data"
)

REQUEST_FIELDS: tuple[PlainField, ...] = tuple(each for each in PLAIN_FIELDS if each.name != "read_only")
"""Those that requests and files may set: whether a source is read-only follows from where it came from."""
