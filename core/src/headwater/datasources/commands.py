"""What a caller says to add or change a data source; plain secrets become opaque at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from headwater.secrets.secret import Secret

from .model import DataSource


def _opaque(values: Mapping[str, str | Secret]) -> dict[str, Secret]:
    return {name: value if isinstance(value, Secret) else Secret(value) for name, value in values.items()}


@frozen(kw_only=True)
class AddDataSource:
    """A new data source. An empty `name` becomes the type's name, an empty `uid` a random one."""

    type: str
    name: str = ""
    uid: str = ""
    access: str = "proxy"
    url: str = ""
    user: str = ""
    database: str = ""
    basic_auth: bool = False
    basic_auth_user: str = ""
    with_credentials: bool = False
    is_default: bool = False
    read_only: bool = False
    api_version: str = ""
    json_data: Mapping[str, Any] = field(factory=dict)
    secure_json_data: Mapping[str, Secret] = field(factory=dict, converter=_opaque)


@frozen(kw_only=True)
class UpdateDataSource:
    """The whole new state of data source `uid`, except its secrets.

    `secure_json_data` names only the secrets to change: an empty string removes one, and what is not named
    stays as it is stored, byte for byte. A `version` other than 0 must be the stored one, or the update is
    refused."""

    uid: str
    name: str
    type: str
    access: str = "proxy"
    url: str = ""
    user: str = ""
    database: str = ""
    basic_auth: bool = False
    basic_auth_user: str = ""
    with_credentials: bool = False
    is_default: bool = False
    read_only: bool = False
    api_version: str = ""
    json_data: Mapping[str, Any] = field(factory=dict)
    secure_json_data: Mapping[str, Secret] = field(factory=dict, converter=_opaque)
    version: int = 0

    @classmethod
    def of(cls, data_source: DataSource, **changes: Any) -> UpdateDataSource:
        """An update that keeps everything but `changes`, and expects the version of `data_source`."""
        kept = {name: getattr(data_source, name) for name in _EDITABLE}
        return cls(**{"uid": data_source.uid, "version": data_source.version, **kept, **changes})


_EDITABLE = (
    "name",
    "type",
    "access",
    "url",
    "user",
    "database",
    "basic_auth",
    "basic_auth_user",
    "with_credentials",
    "is_default",
    "read_only",
    "api_version",
    "json_data",
)


def edited_fields(command: AddDataSource | UpdateDataSource) -> dict[str, Any]:
    """The fields of a data source that `command` sets as they are."""
    return {name: getattr(command, name) for name in _EDITABLE}
