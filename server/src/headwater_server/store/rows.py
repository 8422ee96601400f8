"""Between rows and data sources."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, RowMapping, Select, select

from headwater.datasources import DataSource
from headwater.errors import StoreError
from headwater.secrets import SealedSecrets

from . import tables

ORG_ID = 1
"""This host has one organisation."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RENAMED = {name: column for name, column in tables.COLUMN_NAMES.items() if name != column}
_SAME = (
    *("org_id", "uid", "version", "revision"),
    *(name for name, column in tables.COLUMN_NAMES.items() if name == column),
)


def has_uid(uid: str | BindParameter[str]) -> ColumnElement[bool]:
    """With the organisation, because the unique indexes begin with it."""
    return (tables.data_source.c.org_id == ORG_ID) & (tables.data_source.c.uid == uid)


def microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def moment(since_epoch: int) -> datetime:
    return _EPOCH + since_epoch * _MICROSECOND


def to_row(data_source: DataSource) -> dict[str, Any]:
    """The columns of table `data_source`, except its id."""
    return {
        **{name: getattr(data_source, name) for name in _SAME},
        **{column: getattr(data_source, name) for name, column in _RENAMED.items()},
        "json_data": json.dumps(dict(data_source.json_data), ensure_ascii=False, allow_nan=False),
        "created": microseconds(data_source.created),
        "updated": microseconds(data_source.updated),
    }


def load(connection: Connection, query: Select[Any]) -> Sequence[DataSource]:
    """The data sources that `query` selects, with their secrets. Three statements, however many there are."""
    rows = connection.execute(query).mappings().all()
    one = rows[0]["id"] if len(rows) == 1 else None
    records = _children(connection, tables.secret, "name", "record", one) if rows else {}
    data_keys = _children(connection, tables.data_key, "dek_id", "wrapped", one) if rows else {}
    return [
        _from_row(row, SealedSecrets(records.get(row["id"], {}), data_keys.get(row["id"], {})))
        for row in rows
    ]


def _children(
    connection: Connection, table: Any, key: str, value: str, parent: int | None
) -> Mapping[int, dict[str, bytes]]:
    query = select(table.c.data_source_id, table.c[key], table.c[value])
    if parent is not None:
        query = query.where(table.c.data_source_id == parent)
    children: dict[int, dict[str, bytes]] = {}
    found: Iterable[Any] = connection.execute(query)
    for parent_id, name, content in found:
        children.setdefault(parent_id, {})[name] = bytes(content)
    return children


def _from_row(row: RowMapping, secrets: SealedSecrets) -> DataSource:
    try:
        json_data = json.loads(row["json_data"])
    except ValueError:
        raise StoreError(f"The stored jsonData of data source {row['uid']!r} is damaged.") from None
    return DataSource(
        id=row["id"],
        **{name: row[name] for name in _SAME},
        **{name: row[column] for name, column in _RENAMED.items()},
        json_data=json_data,
        secrets=secrets,
        created=moment(row["created"]),
        updated=moment(row["updated"]),
    )
