"""The part of the store that knows the key-encryption keys and the data keys they wrap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, bindparam, func, select

from headwater.datasources.rules import check_can_activate, check_can_retire, check_can_wrap, no_active_key
from headwater.secrets import KeyRecord, KeyState, StoredDataKey, wrapping_key_id

from . import tables
from .rows import has_uid, microseconds, moment
from .transactions import Transactions

_keys = tables.encryption_key
_data_keys = tables.data_key
_sources = tables.data_source


class SqlKeyRegister:
    """Implements the key methods of `DataSourceStore`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def key_records(self) -> Sequence[KeyRecord]:
        with self._transactions.read() as connection:
            rows = connection.execute(select(_keys).order_by(_keys.c.created, _keys.c.id)).mappings()
            return [_record(row) for row in rows]

    def active_key(self) -> str:
        with self._transactions.read() as connection:
            active = connection.execute(select(_keys.c.id).where(_keys.c.state == KeyState.ACTIVE)).scalar()
        if active is None:
            raise no_active_key()
        return str(active)

    def register_key(self, key_id: str, check: bytes) -> KeyRecord:
        with self._transactions.write() as write:
            present = find_key(write.connection, key_id)
            if present is not None:
                return present
            count = write.connection.execute(select(func.count()).select_from(_keys)).scalar_one()
            record = KeyRecord(key_id, KeyState.ADDED if count else KeyState.ACTIVE, check, datetime.now(UTC))
            write.connection.execute(
                _keys.insert().values(
                    id=record.id,
                    state=record.state,
                    check_record=record.check,
                    created=microseconds(record.created),
                )
            )
            return record

    def activate_key(self, key_id: str) -> None:
        with self._transactions.write() as write:
            check_can_activate(key_id, find_key(write.connection, key_id))
            for where, state in (
                (_keys.c.state == KeyState.ACTIVE, KeyState.ADDED),
                (_keys.c.id == key_id, KeyState.ACTIVE),
            ):
                write.connection.execute(_keys.update().where(where).values(state=state))

    def retire_key(self, key_id: str) -> None:
        with self._transactions.write() as write:
            used = write.connection.execute(
                select(func.count()).select_from(_data_keys).where(_data_keys.c.kek_id == key_id)
            ).scalar_one()
            check_can_retire(key_id, find_key(write.connection, key_id), used)
            write.connection.execute(
                _keys.update().where(_keys.c.id == key_id).values(state=KeyState.RETIRED)
            )

    def key_usage(self) -> Mapping[str, int]:
        query = select(_data_keys.c.kek_id, func.count().label("data_keys")).group_by(_data_keys.c.kek_id)
        with self._transactions.read() as connection:
            return {row.kek_id: row.data_keys for row in connection.execute(query)}

    def data_keys_not_under(
        self, key_id: str, *, after: str = "", limit: int = 500
    ) -> Sequence[StoredDataKey]:
        query = (
            select(_sources.c.uid, _data_keys.c.dek_id, _data_keys.c.wrapped, _sources.c.org_id)
            .join_from(_data_keys, _sources)
            .where(_data_keys.c.kek_id != key_id, _data_keys.c.dek_id > after)
            .order_by(_data_keys.c.dek_id)
            .limit(limit)
        )
        with self._transactions.read() as connection:
            return [
                StoredDataKey(uid, dek_id, bytes(wrapped), org_id)
                for uid, dek_id, wrapped, org_id in connection.execute(query)
            ]

    def replace_data_keys(self, swaps: Iterable[tuple[StoredDataKey, bytes]]) -> int:
        swapped: list[StoredDataKey] = []
        with self._transactions.write() as write:
            usable: set[str] = set()
            for old, wrapped in swaps:
                key_id = wrapping_key_id(wrapped)
                if key_id not in usable:
                    check_can_wrap(key_id, find_key(write.connection, key_id))
                    usable.add(key_id)
                changed = _data_keys.update().values(wrapped=wrapped, kek_id=key_id)
                unless_changed = (_data_keys.c.dek_id == old.dek_id) & (_data_keys.c.wrapped == old.wrapped)
                if write.connection.execute(changed.where(unless_changed)).rowcount:
                    swapped.append(old)
            if swapped:
                revised = _sources.update().values(revision=write.revision)
                one_of_them = has_uid(bindparam("changed_uid"))
                uids = sorted({old.uid for old in swapped})
                write.connection.execute(revised.where(one_of_them), [{"changed_uid": uid} for uid in uids])
                write.changed += uids
        return len(swapped)


def find_key(connection: Connection, key_id: str) -> KeyRecord | None:
    row = connection.execute(select(_keys).where(_keys.c.id == key_id)).mappings().first()
    return None if row is None else _record(row)


def _record(row: RowMapping) -> KeyRecord:
    return KeyRecord(row["id"], KeyState(row["state"]), bytes(row["check_record"]), moment(row["created"]))
