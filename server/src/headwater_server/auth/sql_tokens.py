"""Tokens in the database of the store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, select
from sqlalchemy.exc import IntegrityError

from headwater_server.store import tables
from headwater_server.store.engine import reader_of, store_errors, writer_of
from headwater_server.store.rows import microseconds, moment

from .permissions import Role, Scope
from .token_store import ApiToken, check_token_name, no_such_token, token_exists

_tokens = tables.api_token


class SqlTokenStore:
    """`TokenStore` for a database whose schema is up to date, such as `SqlStore.engine`."""

    def __init__(self, engine: Engine) -> None:
        self._reader = reader_of(engine)
        self._writer = writer_of(engine)

    def add(self, token: ApiToken) -> None:
        check_token_name(token.name)
        with store_errors(), self._writer.begin() as connection:
            try:
                connection.execute(_tokens.insert().values(_to_row(token)))
            except IntegrityError:
                raise token_exists(token.name) from None

    def find(self, digest: bytes) -> ApiToken | None:
        found = self._select(select(_tokens).where(_tokens.c.digest == digest.hex()))
        return found[0] if found else None

    def list(self) -> Sequence[ApiToken]:
        return sorted(self._select(select(_tokens)), key=lambda token: token.name)

    def revoke(self, name: str) -> None:
        now = microseconds(datetime.now(UTC))
        with store_errors(), self._writer.begin() as connection:
            by_name = _tokens.c.name == name
            if connection.execute(select(_tokens.c.id).where(by_name)).first() is None:
                raise no_such_token(name)
            live = by_name & _tokens.c.revoked.is_(None)
            connection.execute(_tokens.update().where(live).values(revoked=now))

    def touch(self, used: Mapping[bytes, datetime]) -> None:
        with store_errors(), self._writer.begin() as connection:
            for digest, at in used.items():
                same = _tokens.c.digest == digest.hex()
                connection.execute(_tokens.update().where(same).values(last_used=microseconds(at)))

    def _select(self, query: Select[Any]) -> Sequence[ApiToken]:
        with store_errors(), self._reader.begin() as connection:
            return [_from_row(row) for row in connection.execute(query).mappings()]


def _to_row(token: ApiToken) -> dict[str, object]:
    return {
        "name": token.name,
        "digest": token.digest.hex(),
        "role": token.role or "",
        "scopes": json.dumps([str(scope) for scope in token.scopes]),
        "created": microseconds(token.created),
        "expires": None if token.expires is None else microseconds(token.expires),
    }


def _from_row(row: RowMapping) -> ApiToken:
    return ApiToken(
        name=row["name"],
        digest=bytes.fromhex(row["digest"]),
        role=Role(row["role"]) if row["role"] else None,
        scopes=tuple(map(Scope.parse, json.loads(row["scopes"]))),
        created=moment(row["created"]),
        expires=_optional(row["expires"]),
        last_used=_optional(row["last_used"]),
        revoked=_optional(row["revoked"]),
    )


def _optional(since_epoch: int | None) -> datetime | None:
    return None if since_epoch is None else moment(since_epoch)
