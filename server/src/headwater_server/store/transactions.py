"""Transactions of the store: snapshots to read, and writes that happen one after another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field
from sqlalchemy import Connection, Engine, select, text

from headwater.datasources import Subscribers

from . import tables
from .engine import reader_of, store_errors, writer_of

CHANNEL = "headwater_changes"
"""PostgreSQL's notification channel; the payload is `uid:revision`."""


@define
class WriteTransaction:
    """An open write: its connection, the revision it makes, and the data sources it has changed so far."""

    connection: Connection
    revision: int
    changed: list[str] = field(factory=list)


class Transactions:
    """Opens transactions on `engine`, and tells `subscribers` of changes after the commit."""

    def __init__(self, engine: Engine, subscribers: Subscribers) -> None:
        self._reader = reader_of(engine)
        self._writer = writer_of(engine)
        self._subscribers = subscribers
        self._notifies = engine.dialect.name == "postgresql"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with store_errors(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[WriteTransaction]:
        with store_errors(), self._writer.begin() as connection:
            write = WriteTransaction(connection, _next_revision(connection))
            yield write
            if self._notifies:
                self._tell_other_processes(write)
        self._subscribers.notify(*write.changed)

    def _tell_other_processes(self, write: WriteTransaction) -> None:
        for uid in write.changed:
            write.connection.execute(
                text("SELECT pg_notify(:channel, :payload)"),
                {"channel": CHANNEL, "payload": f"{uid}:{write.revision}"},
            )


def _next_revision(connection: Connection) -> int:
    """Locks the one row of the counter until the transaction ends, so that commits come in the order of
    revisions."""
    counter = tables.revision
    connection.execute(counter.update().values(value=counter.c.value + 1))
    return int(connection.execute(select(counter.c.value)).scalar_one())
