"""From a file back into a store, of whatever engine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, Table, func, select

from headwater.datasources import Subscribers
from headwater.errors import StoreError
from headwater_server.store import tables
from headwater_server.store.engine import open_engine, store_errors, writer_of
from headwater_server.store.schema import known_versions, upgrade
from headwater_server.store.transactions import Transactions

from .backup_file import Backup, Row, decoded, kept_tables, read_backup, write_backup

_BATCH = 500


def restore(engine: Engine, backup: Backup, *, replace: bool = False) -> None:
    """Put the rows of `backup` into a store whose schema is up to date, all in one transaction.

    Raises StoreError if the store has something in it, unless `replace` says that it may go.
    """
    with _of_this_schema(backup) as current, Transactions(engine, Subscribers()).write() as write:
        _make_empty(write.connection, replace=replace)
        _insert(write.connection, tables.metadata, current.rows())
        _check_counts(write.connection, current)
        _count_on(write.connection)
        # Running hosts take what they remember for outdated: no revision is one that they have seen.
        revision = max(write.revision, current.revision + 1)
        write.connection.execute(tables.revision.update().values(value=revision))
        write.connection.execute(tables.data_source.update().values(revision=revision))
        write.revision = revision
        write.changed += write.connection.execute(select(tables.data_source.c.uid)).scalars()


@contextmanager
def _of_this_schema(backup: Backup) -> Iterator[Backup]:
    """The backup itself; one of an older schema goes through a database of that schema, which is migrated."""
    if backup.schema == known_versions()[-1]:
        yield backup
        return
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/old.db", lock_timeout=1)
        try:
            upgrade(engine, to=backup.schema)
            old = MetaData()
            with store_errors(), writer_of(engine).begin() as connection:
                old.reflect(connection)
                connection.execute(tables.revision.update().values(value=backup.revision))
                _insert(connection, old, backup.rows())
            upgrade(engine)
            write_backup(engine, Path(folder, "current"))
        finally:
            engine.dispose()
        yield read_backup(Path(folder, "current"))


def _make_empty(connection: Connection, *, replace: bool) -> None:
    found = {
        table.name: count
        for table in kept_tables()
        if table is not tables.revision
        and (count := connection.execute(select(func.count()).select_from(table)).scalar_one())
    }
    if found and not replace:
        inside = ", ".join(f"{count} rows of {name}" for name, count in found.items())
        raise StoreError(
            f"The store is not empty ({inside}); nothing was restored. Choose an empty one, or --replace."
        )
    for table in reversed(kept_tables()):
        if table is not tables.revision:
            connection.execute(table.delete())


def _insert(connection: Connection, metadata: MetaData, rows: Iterable[Row]) -> None:
    for name, group in groupby(rows, key=lambda row: row[0]):
        if name == tables.revision.name:
            continue
        table = metadata.tables[name]
        batch: list[dict[str, Any]] = []
        for _, values in group:
            batch.append(decoded(table, values))
            if len(batch) == _BATCH:
                connection.execute(table.insert(), batch)
                batch = []
        if batch:
            connection.execute(table.insert(), batch)


def _check_counts(connection: Connection, backup: Backup) -> None:
    for table in kept_tables():
        if table is not tables.revision:
            count = connection.execute(select(func.count()).select_from(table)).scalar_one()
            if count != backup.counts.get(table.name, 0):
                raise StoreError(f"The store kept {count} rows of {table.name}; nothing was restored.")


def _count_on(connection: Connection) -> None:
    """PostgreSQL numbers rows from a sequence, which does not see numbers that were given."""
    if connection.dialect.name != "postgresql":
        return
    for table in kept_tables():
        if table.autoincrement_column is not None:
            _set_sequence(connection, table, table.autoincrement_column.name)


def _set_sequence(connection: Connection, table: Table, column: str) -> None:
    last = connection.execute(select(func.coalesce(func.max(table.c[column]), 0))).scalar_one()
    sequence = func.pg_get_serial_sequence(table.name, column)
    connection.execute(select(func.setval(sequence, last + 1, False)))
