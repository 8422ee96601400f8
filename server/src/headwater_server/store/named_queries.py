"""Named queries in the database of the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from attrs import evolve
from sqlalchemy import RowMapping, Select, func, select

from headwater.errors import StoreError, ValidationError
from headwater.queries.named import (
    KEPT_VERSIONS,
    NamedQuery,
    check_next,
    named_query_from,
    named_query_to,
    not_found,
)

from . import tables
from .rows import microseconds, moment
from .transactions import Transactions

_queries = tables.named_query


class SqlNamedQueryStore:
    """`NamedQueryStore` for a database whose schema is up to date."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def get(self, id: str) -> NamedQuery:  # noqa: A002
        return self._found(id, _versions_of(id).limit(1))[0]

    def list(self) -> Sequence[NamedQuery]:
        newest = select(_queries.c.query_id, func.max(_queries.c.version).label("version"))
        latest = newest.group_by(_queries.c.query_id).subquery()
        is_latest = (_queries.c.query_id == latest.c.query_id) & (_queries.c.version == latest.c.version)
        found = self._select(select(_queries).join(latest, is_latest))
        return sorted(found, key=lambda each: each.id)

    def versions(self, id: str) -> Sequence[NamedQuery]:  # noqa: A002
        return self._found(id, _versions_of(id).limit(KEPT_VERSIONS))

    def save(self, named: NamedQuery) -> None:
        of_id = _queries.c.query_id == named.id
        with self._transactions.write() as write:
            stored = write.connection.execute(select(func.max(_queries.c.version)).where(of_id)).scalar()
            check_next(named, stored or 0)
            write.connection.execute(_queries.insert().values(_to_row(named)))
            outdated = of_id & (_queries.c.version <= named.version - KEPT_VERSIONS)
            write.connection.execute(_queries.delete().where(outdated))

    def delete(self, id: str) -> None:  # noqa: A002
        with self._transactions.write() as write:
            if not write.connection.execute(_queries.delete().where(_queries.c.query_id == id)).rowcount:
                raise not_found(id)

    def _found(self, id: str, query: Select[Any]) -> Sequence[NamedQuery]:  # noqa: A002
        found = self._select(query)
        if not found:
            raise not_found(id)
        return found

    def _select(self, query: Select[Any]) -> Sequence[NamedQuery]:
        with self._transactions.read() as connection:
            return [_from_row(row) for row in connection.execute(query).mappings()]


def _versions_of(id: str) -> Select[Any]:  # noqa: A002
    """Newest first."""
    return select(_queries).where(_queries.c.query_id == id).order_by(_queries.c.version.desc())


def _to_row(named: NamedQuery) -> dict[str, object]:
    return {
        "query_id": named.id,
        "version": named.version,
        "body": json.dumps(named_query_to(named, stamps=False), ensure_ascii=False),
        "read_only": named.read_only,
        "created": microseconds(named.created),
        "updated": microseconds(named.updated),
        "updated_by": named.updated_by[:190],
    }


def _from_row(row: RowMapping) -> NamedQuery:
    try:
        named = named_query_from(json.loads(row["body"]))
    except (ValidationError, ValueError) as error:
        raise StoreError(f"The stored named query {row['query_id']!r} cannot be read: {error}") from error
    return evolve(
        named,
        version=row["version"],
        read_only=row["read_only"],
        created=moment(row["created"]),
        updated=moment(row["updated"]),
        updated_by=row["updated_by"],
    )
