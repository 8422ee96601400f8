"""Where named queries are kept: what a host asks of such a place, and the one in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from headwater.errors import (
    NamedQueryExistsError,
    NamedQueryNotFoundError,
    NamedQueryVersionConflictError,
)

from .model import NamedQuery

__all__ = ["KEPT_VERSIONS", "MemoryNamedQueryStore", "NamedQueryStore"]

KEPT_VERSIONS = 100
"""Of one named query: older ones are forgotten."""


class NamedQueryStore(Protocol):
    """All methods are safe to call from several threads. Failures of the store itself are StoreError."""

    def get(self, id: str) -> NamedQuery:  # noqa: A002
        """Raises NamedQueryNotFoundError."""
        ...

    def list(self) -> Sequence[NamedQuery]:
        """All, by id."""
        ...

    def versions(self, id: str) -> Sequence[NamedQuery]:  # noqa: A002
        """The newest `KEPT_VERSIONS` at least, newest first. Raises NamedQueryNotFoundError."""
        ...

    def save(self, named: NamedQuery) -> None:
        """Keeps `named`, whose `version` is one more than the stored one's: 1 for a new one.

        Raises NamedQueryExistsError, NamedQueryVersionConflictError.
        """
        ...

    def delete(self, id: str) -> None:  # noqa: A002
        """Forgets the query and its versions. Raises NamedQueryNotFoundError."""
        ...


class MemoryNamedQueryStore:
    """Keeps them in this process: for tests, scripts, and hosts whose named queries are all provisioned."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the versions, newest first
        self._versions: dict[str, list[NamedQuery]] = {}

    def get(self, id: str) -> NamedQuery:  # noqa: A002
        return self.versions(id)[0]

    def list(self) -> Sequence[NamedQuery]:
        with self._lock:
            return [self._versions[each][0] for each in sorted(self._versions)]

    def versions(self, id: str) -> Sequence[NamedQuery]:  # noqa: A002
        with self._lock:
            if id not in self._versions:
                raise not_found(id)
            return list(self._versions[id])

    def save(self, named: NamedQuery) -> None:
        with self._lock:
            before = self._versions.get(named.id, [])
            check_next(named, before[0].version if before else 0)
            self._versions[named.id] = [named, *before][:KEPT_VERSIONS]

    def delete(self, id: str) -> None:  # noqa: A002
        with self._lock:
            if self._versions.pop(id, None) is None:
                raise not_found(id)


def check_next(named: NamedQuery, stored: int) -> None:
    """Raises unless `named` follows the version `stored`, which is 0 where there is none."""
    if named.version == stored + 1:
        return
    if named.version == 1:
        raise NamedQueryExistsError(f"A named query {named.id!r} already exists")
    if not stored:
        raise not_found(named.id)
    raise NamedQueryVersionConflictError(f"The named query {named.id!r} has been changed by someone else")


def not_found(id: str) -> NamedQueryNotFoundError:  # noqa: A002
    return NamedQueryNotFoundError(f"There is no named query {id!r}")
