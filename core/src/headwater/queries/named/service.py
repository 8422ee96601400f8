"""`NamedQueries`: keeps named queries by the rules."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from attrs import evolve

from headwater.errors import (
    NamedQueryNotFoundError,
    NamedQueryReadOnlyError,
    NamedQueryVersionConflictError,
)

from .model import NamedQuery
from .store import NamedQueryStore

__all__ = ["NamedQueries"]

_TTL = 5.0


class NamedQueries:
    """The one way to change named queries. Reads for runs are kept for five seconds; a change through this
    object is seen at once.

    `check` refuses, with a ValidationError, what the plugin does not take, and returns what is to be kept.
    """

    def __init__(self, store: NamedQueryStore, check: Callable[[NamedQuery], NamedQuery]) -> None:
        self.store = store
        self._check = check
        self._kept: dict[str, tuple[float, NamedQuery]] = {}
        self._changes = 0

    def get(self, id: str) -> NamedQuery:  # noqa: A002
        """As the store has it now. Raises NamedQueryNotFoundError, StoreError."""
        return self.store.get(id)

    def find(self, id: str) -> NamedQuery:  # noqa: A002
        """As it was at most five seconds ago. Raises as `get`."""
        now = time.monotonic()
        expires, named = self._kept.get(id, (0.0, None))
        if named is None or expires <= now:
            changes = self._changes
            named = self.store.get(id)
            if changes == self._changes:  # else what was read may be what was before
                self._kept[id] = (now + _TTL, named)
        return named

    def known(self, id: str) -> NamedQuery | None:  # noqa: A002
        """What `find` would return without asking the store; None if it had to."""
        expires, named = self._kept.get(id, (0.0, None))
        return named if expires > time.monotonic() else None

    def list(self) -> Sequence[NamedQuery]:
        """All, by id. Raises StoreError."""
        return self.store.list()

    def versions(self, id: str) -> Sequence[NamedQuery]:  # noqa: A002
        """What it was, newest first. Raises NamedQueryNotFoundError, StoreError."""
        return self.store.versions(id)

    def check(self, named: NamedQuery) -> NamedQuery:
        """`named` as it would be kept. Raises ValidationError, DataSourceNotFoundError."""
        named.check(datetime.now(UTC))
        return self._check(named)

    def add(self, named: NamedQuery, by: str = "") -> NamedQuery:
        """Raises ValidationError, DataSourceNotFoundError, NamedQueryExistsError, StoreError."""
        now = datetime.now(UTC)
        added = evolve(self.check(named), version=1, created=now, updated=now, updated_by=by)
        self.store.save(added)
        self._forget(named.id)
        return added

    def update(
        self, named: NamedQuery, by: str = "", *, version: int | None = None, force: bool = False
    ) -> NamedQuery:
        """Replace the query with this id; a `version` has to be the stored one. `force` also changes a
        read-only one, as provisioning does.

        Raises as `add`, and NamedQueryNotFoundError, NamedQueryReadOnlyError, NamedQueryVersionConflictError.
        """
        checked = self.check(named)
        stored = self.store.get(named.id)
        self._check_writable(stored, force)
        if version is not None and version != stored.version:
            raise NamedQueryVersionConflictError(
                f"The named query {named.id!r} has version {stored.version}, not {version}"
            )
        updated = evolve(
            checked,
            version=stored.version + 1,
            created=stored.created,
            updated=max(datetime.now(UTC), stored.updated),
            updated_by=by,
        )
        self.store.save(updated)
        self._forget(named.id)
        return updated

    def save(self, named: NamedQuery, by: str = "", *, force: bool = False) -> NamedQuery:
        """`update`, or `add` where there is none yet. One that is as stored stays as it is."""
        try:
            stored = self.store.get(named.id)
        except NamedQueryNotFoundError:
            return self.add(named, by)
        if self.check(named) == _as_given(stored, named):
            return stored
        return self.update(named, by, force=force)

    def remove(self, id: str, *, force: bool = False) -> None:  # noqa: A002
        """Raises NamedQueryNotFoundError, NamedQueryReadOnlyError, StoreError."""
        self._check_writable(self.store.get(id), force)
        self.store.delete(id)
        self._forget(id)

    def _forget(self, id: str) -> None:  # noqa: A002
        self._changes += 1
        self._kept.pop(id, None)

    def _check_writable(self, stored: NamedQuery, force: bool) -> None:
        if stored.read_only and not force:
            raise NamedQueryReadOnlyError(
                f"The named query {stored.id!r} comes from a file, and only files change it"
            )


def _as_given(stored: NamedQuery, given: NamedQuery) -> NamedQuery:
    """`stored` without what a host notes of a change."""
    return evolve(
        stored,
        version=given.version,
        created=given.created,
        updated=given.updated,
        updated_by=given.updated_by,
    )
