"""Sessions in the database of the store."""

from __future__ import annotations

import json

from sqlalchemy import Engine, select

from headwater_server.store import tables
from headwater_server.store.engine import reader_of, store_errors, writer_of
from headwater_server.store.rows import microseconds, moment

from .sessions import Session

_sessions = tables.session


class SqlSessionStore:
    """`SessionStore` for a database whose schema is up to date, such as `SqlStore.engine`."""

    def __init__(self, engine: Engine) -> None:
        self._reader = reader_of(engine)
        self._writer = writer_of(engine)

    def add(self, session: Session) -> None:
        created = microseconds(session.created)
        row = {
            "digest": session.digest.hex(),
            "subject": session.subject,
            "name": session.name,
            "groups_json": json.dumps(session.groups),
            "created": created,
            "expires": microseconds(session.expires),
        }
        with store_errors(), self._writer.begin() as connection:
            connection.execute(_sessions.delete().where(_sessions.c.expires <= created))
            connection.execute(_sessions.insert().values(row))

    def find(self, digest: bytes) -> Session | None:
        query = select(_sessions).where(_sessions.c.digest == digest.hex())
        with store_errors(), self._reader.begin() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        return Session(
            digest,
            row["subject"],
            row["name"],
            tuple(json.loads(row["groups_json"])),
            moment(row["created"]),
            moment(row["expires"]),
        )

    def remove(self, digest: bytes) -> None:
        with store_errors(), self._writer.begin() as connection:
            connection.execute(_sessions.delete().where(_sessions.c.digest == digest.hex()))
