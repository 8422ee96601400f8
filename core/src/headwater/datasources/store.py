"""What a host asks of the place where its data sources are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from threading import RLock
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from headwater.secrets.envelope import Owner

from .model import DataSource


class KeyState(StrEnum):
    """The life of a key-encryption key, in this order."""

    ADDED = "added"
    ACTIVE = "active"
    RETIRED = "retired"


@frozen
class KeyRecord:
    """What the store knows of a KEK: never its bytes, but a check that tells whether a key with this id is
    the same key."""

    id: str
    state: KeyState
    check: bytes = field(repr=False)
    created: datetime


@frozen
class StoredDataKey:
    """A wrapped data key and where it belongs."""

    uid: str
    dek_id: str
    wrapped: bytes = field(repr=False)
    org_id: int = 1

    @property
    def owner(self) -> Owner:
        return Owner(str(self.org_id), self.uid)


class DataSourceStore(Protocol):
    """Where data sources and the register of keys are kept. All methods are safe to call from several
    threads.

    Every change gets the next number of one counter, the revision; whoever sees an unchanged `revision()` has
    missed nothing. Writes are atomic: a data source, its data keys and its secrets change together or not at
    all. Failures of the store itself are StoreError."""

    def get_by_uid(self, uid: str) -> DataSource:
        """Raises DataSourceNotFoundError, as do the two below."""
        ...

    def get_by_id(self, id: int) -> DataSource: ...  # noqa: A002 - Grafana's name of the field
    def get_by_name(self, name: str) -> DataSource: ...
    def get_default(self) -> DataSource | None: ...
    def list(self) -> Sequence[DataSource]:
        """All data sources by lower-case name."""
        ...

    def add(self, data_source: DataSource) -> DataSource:
        """Stores it and returns it with its `id` and `revision`. The first data source becomes the default
        one, and a default one takes that from the others. Raises DataSourceExistsError."""
        ...

    def update(self, data_source: DataSource, *, expected_revision: int) -> DataSource:
        """Replaces the data source with this uid and returns it with its new revision.

        Raises DataSourceVersionConflictError if the stored revision is not `expected_revision`,
        DataSourceNotFoundError, DataSourceExistsError (name taken)."""
        ...

    def delete(self, uid: str) -> None:
        """Raises DataSourceNotFoundError."""
        ...

    def revision(self) -> int:
        """The number of the latest change."""
        ...

    def revisions(self) -> Mapping[str, int]:
        """The revision of every data source by uid."""
        ...

    def key_records(self) -> Sequence[KeyRecord]:
        """All registered KEKs, oldest first."""
        ...

    def active_key(self) -> str:
        """The id of the active KEK. Raises EncryptionKeyError if there is none."""
        ...

    def register_key(self, key_id: str, check: bytes) -> KeyRecord:
        """Adds a key; the very first one becomes active. A key that is registered already is returned
        unchanged."""
        ...

    def activate_key(self, key_id: str) -> None:
        """Makes this key the one for new data keys. Raises EncryptionKeyError if it is unknown or retired."""
        ...

    def retire_key(self, key_id: str) -> None:
        """Ends the use of a key. Raises EncryptionKeyError while it is active or a data key names it."""
        ...

    def key_usage(self) -> Mapping[str, int]:
        """How many data keys each KEK wraps."""
        ...

    def data_keys_not_under(
        self, key_id: str, *, after: str = "", limit: int = 500
    ) -> Sequence[StoredDataKey]:
        """Up to `limit` data keys wrapped by any other KEK, ordered by `dek_id`, from the one that follows
        `after`."""
        ...

    def replace_data_keys(self, swaps: Iterable[tuple[StoredDataKey, bytes]]) -> int:
        """Swaps wrapped bytes for new ones, in one transaction, and returns how many were swapped: a data key
        that is no longer as given is left alone.

        Changes the revisions of their data sources, not the versions. Raises EncryptionKeyError if new bytes
        name a key that is unknown or retired."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class ChangeNotifier(Protocol):
    """A store that can tell of changes by others before they are asked for. A hint only: it may miss some."""

    def subscribe(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        """Calls `changed(uid)` on a change, `changed(None)` when any may have been missed. Returns what ends
        it."""
        ...


class Subscribers:
    """Who wants to hear of changes in this process. Notify after the commit, and outside of any lock."""

    def __init__(self) -> None:
        self._callbacks: tuple[Callable[[str | None], None], ...] = ()
        self._lock = RLock()

    def add(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        with self._lock:
            self._callbacks = (*self._callbacks, changed)

        def remove() -> None:
            with self._lock:
                self._callbacks = tuple(each for each in self._callbacks if each is not changed)

        return remove

    def notify(self, *uids: str | None) -> None:
        for callback in self._callbacks:
            for uid in uids:
                callback(uid)
