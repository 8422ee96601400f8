"""The store in a SQL database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, event, func, select

from headwater.datasources import DataSource, Subscribers
from headwater.datasources.rules import check_can_wrap, name_taken, not_found, uid_taken, version_conflict
from headwater.secrets import SealedSecrets, wrapping_key_id

from . import tables
from .engine import open_engine
from .key_register import SqlKeyRegister, find_key
from .named_queries import SqlNamedQueryStore
from .rows import ORG_ID, has_uid, load, to_row
from .schema import upgrade
from .transactions import Transactions, WriteTransaction

_sources = tables.data_source


class SqlStore(SqlKeyRegister):
    """`DataSourceStore` for SQLite, PostgreSQL, MySQL and MariaDB. Several processes may share the database.

    A data source, its data keys and its secrets change in one transaction, and all writes happen one after
    another. An update writes only the secrets that differ. Another process sees a change by `revision()`; on
    PostgreSQL it is told at once (`subscribe`), and on every database subscribers of this object are."""

    def __init__(self, engine: Engine, *, keep_connections: bool = True) -> None:
        """For an engine whose schema is up to date; `open` is the usual way."""
        self._engine = engine
        self._keeps_connections = keep_connections
        self._subscribers = Subscribers()
        self._listener: Any = None
        super().__init__(Transactions(engine, self._subscribers))

    @classmethod
    def open(cls, url: str, *, lock_timeout: float = 10.0, keep_connections: bool = True) -> SqlStore:
        """Connects to an SQLAlchemy URL and brings the schema up to date.

        `sqlite:////var/lib/headwater/headwater.db`, `postgresql://user:password@host/database`,
        `mysql://user:password@host/database`. A write waits up to `lock_timeout` seconds for another process.
        `keep_connections=False` is for a process that is one of very many, such as a worker of an engine: it
        holds a connection only while it asks something, and sees changes of others by `revision()` alone.
        Raises StoreError, also for a schema from a newer version, which is left untouched.
        """
        engine = open_engine(url, lock_timeout=lock_timeout, keep_connections=keep_connections)
        try:
            upgrade(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, keep_connections=keep_connections)

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def named_queries(self) -> SqlNamedQueryStore:
        """The named queries of the same database."""
        return SqlNamedQueryStore(self._transactions)

    def get_by_uid(self, uid: str) -> DataSource:
        return self._one(select(_sources).where(has_uid(uid)))

    def get_by_id(self, id: int) -> DataSource:  # noqa: A002
        return self._one(select(_sources).where(_sources.c.id == id))

    def get_by_name(self, name: str) -> DataSource:
        return self._one(select(_sources).where(_has_name(name)))

    def get_default(self) -> DataSource | None:
        with self._transactions.read() as connection:
            found = load(connection, select(_sources).where(_sources.c.is_default).limit(1))
        return found[0] if found else None

    def list(self) -> Sequence[DataSource]:
        with self._transactions.read() as connection:
            found = load(connection, select(_sources))
        return sorted(found, key=lambda each: (each.name.lower(), each.name))

    def add(self, data_source: DataSource) -> DataSource:
        with self._transactions.write() as write:
            count = write.connection.execute(select(func.count()).select_from(_sources)).scalar_one()
            if _exists(write.connection, has_uid(data_source.uid)):
                raise uid_taken(data_source.uid)
            if _exists(write.connection, _has_name(data_source.name)):
                raise name_taken(data_source.name)
            new = attrs.evolve(
                data_source, is_default=data_source.is_default or not count, revision=write.revision
            )
            inserted = write.connection.execute(_sources.insert().values(**to_row(new)))
            added = attrs.evolve(new, id=(inserted.inserted_primary_key or (0,))[0])
            _write_secrets(write.connection, added, SealedSecrets())
            _note(write, added)
        return added

    def update(self, data_source: DataSource, *, expected_revision: int) -> DataSource:
        with self._transactions.write() as write:
            stored = _require(load(write.connection, select(_sources).where(has_uid(data_source.uid))))
            if stored.revision != expected_revision:
                raise version_conflict()
            same_name = _has_name(data_source.name) & (_sources.c.uid != data_source.uid)
            if _exists(write.connection, same_name):
                raise name_taken(data_source.name)
            updated = attrs.evolve(data_source, id=stored.id, revision=write.revision)
            write.connection.execute(
                _sources.update().where(_sources.c.id == stored.id).values(**to_row(updated))
            )
            _write_secrets(write.connection, updated, stored.secrets)
            _note(write, updated)
        return updated

    def delete(self, uid: str) -> None:
        with self._transactions.write() as write:
            if not write.connection.execute(_sources.delete().where(has_uid(uid))).rowcount:
                raise not_found()
            write.changed.append(uid)

    def revision(self) -> int:
        with self._transactions.read() as connection:
            return int(connection.execute(select(tables.revision.c.value)).scalar_one())

    def revisions(self) -> Mapping[str, int]:
        with self._transactions.read() as connection:
            rows = connection.execute(select(_sources.c.uid, _sources.c.revision))
            return {row[0]: row[1] for row in rows}

    def subscribe(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        """Calls `changed` for every change made by this object, and on PostgreSQL for those of other
        processes too, if connections are kept."""
        if self._keeps_connections and self._engine.dialect.name == "postgresql" and self._listener is None:
            from .notifications import Listener

            self._listener = Listener(self._engine.url, self._subscribers)
        return self._subscribers.add(changed)

    def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        event.listen(self._engine, "checkin", _close)  # of what is still in use, or is used once more
        self._engine.dispose()

    def _one(self, query: Select[Any]) -> DataSource:
        with self._transactions.read() as connection:
            return _require(load(connection, query))


def _has_name(name: str) -> ColumnElement[bool]:
    return (_sources.c.org_id == ORG_ID) & (_sources.c.name == name)


def _require(found: Sequence[DataSource]) -> DataSource:
    if not found:
        raise not_found()
    return found[0]


def _exists(connection: Connection, condition: Any) -> bool:
    return connection.execute(select(_sources.c.id).where(condition)).first() is not None


def _note(write: WriteTransaction, data_source: DataSource) -> None:
    """Marks it as changed, together with the one that stops being the default because of it."""
    write.changed.append(data_source.uid)
    if not data_source.is_default:
        return
    others = _sources.c.is_default & (_sources.c.id != data_source.id)
    write.changed += write.connection.execute(select(_sources.c.uid).where(others)).scalars()
    write.connection.execute(
        _sources.update().where(others).values(is_default=False, revision=write.revision)
    )


def _write_secrets(connection: Connection, data_source: DataSource, stored: SealedSecrets) -> None:
    """Writes what differs from `stored`; what does not keeps its rows, and so its bytes."""
    records = _changed(stored.records, data_source.secrets.records)
    _delete(connection, tables.secret, "name", data_source.id, records)
    for name, record in records.items():
        if record is not None:
            row = {"data_source_id": data_source.id, "name": name, "record": record}
            connection.execute(tables.secret.insert().values(row))
    data_keys = _changed(stored.data_keys, data_source.secrets.data_keys)
    _delete(connection, tables.data_key, "dek_id", data_source.id, data_keys)
    for dek_id, wrapped in data_keys.items():
        if wrapped is not None:
            key_id = wrapping_key_id(wrapped)
            check_can_wrap(key_id, find_key(connection, key_id))
            key_row = {
                "data_source_id": data_source.id,
                "dek_id": dek_id,
                "wrapped": wrapped,
                "kek_id": key_id,
            }
            connection.execute(tables.data_key.insert().values(key_row))


def _changed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """What is new or different in `after`, and None for what is gone."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: after.get(name) for name in names}


def _delete(connection: Connection, table: Table, key: str, parent: int, names: Iterable[str]) -> None:
    for name in names:
        connection.execute(table.delete().where(table.c.data_source_id == parent, table.c[key] == name))


def _close(connection: Any, _record: object) -> None:
    if connection is not None:  # it is None if it was lost
        connection.close()
