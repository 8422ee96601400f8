"""The stored data source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import field, frozen

from headwater.secrets.cipher import SealedSecrets
from headwater.secrets.envelope import SecretOwner

from .fields import DataSourceFields

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ_WITH = ("type", "url", "user", "database", "basic_auth", "basic_auth_user", "json_data")


@frozen(kw_only=True)
class DataSource(DataSourceFields):
    """A data source as the store keeps it; field names are Grafana's, in Python spelling.

    `secrets` holds `secureJsonData` encrypted; `DataSourceService.decrypt` opens it. `version` counts the
    edits and is what clients lock by. `revision` is the store's own counter: it also changes where `version`
    does not, such as when a key rotation wraps a data key anew. `created` and `updated` are UTC."""

    uid: str
    id: int = 0
    org_id: int = 1
    secrets: SealedSecrets = field(factory=SealedSecrets)
    version: int = 1
    revision: int = 0
    created: datetime = _EPOCH
    updated: datetime = _EPOCH

    @property
    def secure_json_data(self) -> Mapping[str, bytes]:
        """The encrypted record of each secret."""
        return self.secrets.records

    @property
    def secure_json_fields(self) -> dict[str, bool]:
        """`True` for each secret that is set, readable or not: Grafana's `secureJsonFields`."""
        return dict.fromkeys(self.secrets.records, True)

    @property
    def fingerprint(self) -> str:
        """A digest of all that decides what its queries read, secrets apart: equal in every store."""
        read_with = {name: getattr(self, name) for name in _READ_WITH}
        text = json.dumps(read_with, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def owner(self) -> SecretOwner:
        """What its secrets are bound to."""
        return SecretOwner(str(self.org_id), self.uid)
