"""What a caller says to add or change a data source; plain secrets become opaque at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from headwater.secrets.secret import Secret

from .fields import DataSourceFields, edited_fields
from .model import DataSource


def _opaque(values: Mapping[str, str | Secret]) -> dict[str, Secret]:
    return {name: value if isinstance(value, Secret) else Secret(value) for name, value in values.items()}


@frozen(kw_only=True)
class AddDataSource(DataSourceFields):
    """A new data source. An empty `name` becomes the type's name, an empty `uid` a random one."""

    name: str = ""
    uid: str = ""
    secure_json_data: Mapping[str, Secret] = field(factory=dict, converter=_opaque)


@frozen(kw_only=True)
class UpdateDataSource(DataSourceFields):
    """The whole new state of data source `uid`, except its secrets.

    `secure_json_data` names only the secrets to change: an empty string removes one, and what is not named
    stays as it is stored, byte for byte. A `version` other than 0 must be the stored one, or the update is
    refused."""

    uid: str
    secure_json_data: Mapping[str, Secret] = field(factory=dict, converter=_opaque)
    version: int = 0

    @classmethod
    def of(cls, data_source: DataSource, **changes: Any) -> UpdateDataSource:
        """An update that keeps everything but `changes`, and expects the version of `data_source`."""
        kept = edited_fields(data_source)
        return cls(**{"uid": data_source.uid, "version": data_source.version, **kept, **changes})
