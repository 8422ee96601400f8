"""The data sources of a host elsewhere, as this process may see them: without their secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headwater.datasources import PLAIN_FIELDS, DataSource, MemoryStore
from headwater.errors import DataSourceNotFoundError, DownstreamAuthError, DownstreamProtocolError
from headwater.secrets import SealedSecrets

from .api import HostApi

_UNAUTHORIZED = 401
_UID = re.compile(r"[a-zA-Z0-9_-]{1,40}")


class RemoteStore(MemoryStore):
    """Reads from the host. Changes go through `RemoteHeadwater`: here nobody could encrypt for the host.

    Of a data source that the token may query but not read there are uid, name and type.
    """

    def __init__(self, api: HostApi) -> None:
        super().__init__()
        self._api = api

    def get_by_uid(self, uid: str) -> DataSource:
        if _UID.fullmatch(uid):
            try:
                return read_data_source(self._api.ask("GET", "datasources", "uid", uid))
            except (DataSourceNotFoundError, DownstreamAuthError) as error:
                if error.status == _UNAUTHORIZED:
                    raise
        return _only(self._queryable(), "uid", uid)

    def get_by_id(self, id: int) -> DataSource:  # noqa: A002
        return read_data_source(self._api.ask("GET", "datasources", str(id)))

    def get_by_name(self, name: str) -> DataSource:
        return self.get_by_uid(_only(self._queryable(), "name", name).uid)

    def get_default(self) -> DataSource | None:
        return next((found for found in self._queryable() if found.is_default), None)

    def list(self) -> Sequence[DataSource]:
        try:
            answer = self._api.ask("GET", "datasources")
        except DownstreamAuthError as error:
            queryable = [] if error.status == _UNAUTHORIZED else self._queryable()
            if not queryable:
                raise
            return sorted(queryable, key=lambda each: each.name.lower())
        if not isinstance(answer, list):
            raise self._api.not_a_host()
        return [read_data_source(each) for each in answer]

    def _queryable(self) -> Sequence[DataSource]:
        answer = self._api.ask("GET", "frontend", "settings")
        sources = answer.get("datasources") if isinstance(answer, Mapping) else None
        if not isinstance(sources, Mapping):
            raise self._api.not_a_host()
        return [read_data_source(each) for each in sources.values()]


def _only(sources: Iterable[DataSource], field: str, value: str) -> DataSource:
    for found in sources:
        if getattr(found, field) == value:
            return found
    raise DataSourceNotFoundError(f"Data source {value!r} not found")


def read_data_source(body: Any) -> DataSource:
    """A data source from the host's JSON. `secrets` has the names of those that are set, and no bytes."""
    if not isinstance(body, Mapping) or not isinstance(body.get("uid"), str):
        raise DownstreamProtocolError("The host describes a data source without a uid.")
    plain = {field.name: body[field.key] for field in PLAIN_FIELDS if field.key in body}
    names = body.get("secureJsonFields") or {}
    return DataSource(
        **plain,
        uid=body["uid"],
        id=body.get("id", 0),
        org_id=body.get("orgId", 1),
        json_data=body.get("jsonData") or {},
        secrets=SealedSecrets(dict.fromkeys(names, b"")),
        version=body.get("version", 0),
    )


def write_data_source(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The host's JSON for these fields, named as in Python; secrets in clear, for the host to encrypt."""
    keys = {field.name: field.key for field in PLAIN_FIELDS}
    body = {keys[name]: value for name, value in fields.items() if name in keys}
    body |= {name: fields[name] for name in ("uid", "version") if name in fields}
    if "json_data" in fields:
        body["jsonData"] = dict(fields["json_data"])
    secrets = fields.get("secure_json_data") or {}
    if secrets:
        body["secureJsonData"] = {
            name: value if isinstance(value, str) else value.reveal() for name, value in secrets.items()
        }
    return body
