"""The store protocol, and the store that keeps everything in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from threading import RLock
from typing import Protocol, runtime_checkable

import attrs
from attrs import field, frozen

from headwater.errors import (
    DataSourceExistsError,
    DataSourceNotFoundError,
    DataSourceVersionConflictError,
    EncryptionKeyError,
)
from headwater.secrets.cipher import wrapping_key_id

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

    def replace_data_key(self, old: StoredDataKey, wrapped: bytes) -> bool:
        """Swaps the wrapped bytes of a data key; False if they are no longer `old.wrapped`.

        Changes the data source's revision, not its version. Raises EncryptionKeyError if `wrapped` names a
        retired key."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class ChangeNotifier(Protocol):
    """A store that can tell of changes by others before they are asked for. A hint only: it may miss some."""

    def subscribe(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        """Calls `changed(uid)` on a change, `changed(None)` when any may have been missed. Returns what ends
        it."""
        ...


class MemoryStore:
    """Keeps everything in this process: for tests, scripts, and hosts whose data sources are all
    provisioned."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._by_uid: dict[str, DataSource] = {}
        self._keys: dict[str, KeyRecord] = {}
        self._revision = 0
        self._last_id = 0

    def get_by_uid(self, uid: str) -> DataSource:
        found = self._by_uid.get(uid)
        if found is None:
            raise not_found()
        return found

    def get_by_id(self, id: int) -> DataSource:  # noqa: A002
        return self._find(lambda each: each.id == id)

    def get_by_name(self, name: str) -> DataSource:
        return self._find(lambda each: each.name == name)

    def get_default(self) -> DataSource | None:
        with self._lock:
            return next((each for each in self._by_uid.values() if each.is_default), None)

    def list(self) -> Sequence[DataSource]:
        with self._lock:
            return sorted(self._by_uid.values(), key=lambda each: (each.name.lower(), each.name))

    def add(self, data_source: DataSource) -> DataSource:
        with self._lock:
            if data_source.uid in self._by_uid:
                raise uid_taken(data_source.uid)
            self._check_name(data_source)
            self._check_keys(data_source)
            added = attrs.evolve(
                data_source,
                id=self._last_id + 1,
                is_default=data_source.is_default or not self._by_uid,
                revision=self._next_revision(),
            )
            self._last_id = added.id
            self._put(added)
            return added

    def update(self, data_source: DataSource, *, expected_revision: int) -> DataSource:
        with self._lock:
            stored = self.get_by_uid(data_source.uid)
            if stored.revision != expected_revision:
                raise version_conflict()
            self._check_name(data_source)
            self._check_keys(data_source)
            updated = attrs.evolve(data_source, id=stored.id, revision=self._next_revision())
            self._put(updated)
            return updated

    def delete(self, uid: str) -> None:
        with self._lock:
            if self._by_uid.pop(uid, None) is None:
                raise not_found()
            self._next_revision()

    def revision(self) -> int:
        return self._revision

    def revisions(self) -> Mapping[str, int]:
        with self._lock:
            return {uid: each.revision for uid, each in self._by_uid.items()}

    def key_records(self) -> Sequence[KeyRecord]:
        with self._lock:
            return tuple(self._keys.values())

    def active_key(self) -> str:
        with self._lock:
            for key in self._keys.values():
                if key.state is KeyState.ACTIVE:
                    return key.id
        raise no_active_key()

    def register_key(self, key_id: str, check: bytes) -> KeyRecord:
        with self._lock:
            if key_id not in self._keys:
                state = KeyState.ADDED if self._keys else KeyState.ACTIVE
                self._keys[key_id] = KeyRecord(key_id, state, check, datetime.now(UTC))
            return self._keys[key_id]

    def activate_key(self, key_id: str) -> None:
        with self._lock:
            check_can_activate(key_id, self._keys.get(key_id))
            for key in self._keys.values():
                if key.state is KeyState.ACTIVE:
                    self._keys[key.id] = attrs.evolve(key, state=KeyState.ADDED)
            self._keys[key_id] = attrs.evolve(self._keys[key_id], state=KeyState.ACTIVE)

    def retire_key(self, key_id: str) -> None:
        with self._lock:
            check_can_retire(key_id, self._keys.get(key_id), self.key_usage().get(key_id, 0))
            self._keys[key_id] = attrs.evolve(self._keys[key_id], state=KeyState.RETIRED)

    def key_usage(self) -> Mapping[str, int]:
        usage: dict[str, int] = {}
        for stored in self._data_keys():
            key_id = wrapping_key_id(stored.wrapped)
            usage[key_id] = usage.get(key_id, 0) + 1
        return usage

    def data_keys_not_under(
        self, key_id: str, *, after: str = "", limit: int = 500
    ) -> Sequence[StoredDataKey]:
        others = (key for key in self._data_keys() if wrapping_key_id(key.wrapped) != key_id)
        return sorted((key for key in others if key.dek_id > after), key=lambda key: key.dek_id)[:limit]

    def replace_data_key(self, old: StoredDataKey, wrapped: bytes) -> bool:
        with self._lock:
            stored = self._by_uid.get(old.uid)
            if stored is None or stored.secrets.data_keys.get(old.dek_id) != old.wrapped:
                return False
            data_keys = {**stored.secrets.data_keys, old.dek_id: wrapped}
            changed = attrs.evolve(stored, secrets=attrs.evolve(stored.secrets, data_keys=data_keys))
            self._check_keys(changed)
            self._by_uid[old.uid] = attrs.evolve(changed, revision=self._next_revision())
            return True

    def close(self) -> None:
        pass

    def _find(self, matches: Callable[[DataSource], bool]) -> DataSource:
        with self._lock:
            found = next((each for each in self._by_uid.values() if matches(each)), None)
        if found is None:
            raise not_found()
        return found

    def _check_name(self, data_source: DataSource) -> None:
        same = (each for each in self._by_uid.values() if each.name == data_source.name)
        if any(each.uid != data_source.uid for each in same):
            raise name_taken(data_source.name)

    def _check_keys(self, data_source: DataSource) -> None:
        stored = self._by_uid.get(data_source.uid)
        before = stored.secrets.data_keys if stored else {}
        for dek_id, wrapped in data_source.secrets.data_keys.items():
            if before.get(dek_id) != wrapped:
                key_id = wrapping_key_id(wrapped)
                check_can_wrap(key_id, self._keys.get(key_id))

    def _put(self, data_source: DataSource) -> None:
        if data_source.is_default:
            for other in tuple(self._by_uid.values()):
                if other.is_default and other.uid != data_source.uid:
                    self._by_uid[other.uid] = attrs.evolve(
                        other, is_default=False, revision=data_source.revision
                    )
        self._by_uid[data_source.uid] = data_source

    def _data_keys(self) -> Sequence[StoredDataKey]:
        with self._lock:
            return [
                StoredDataKey(each.uid, dek_id, wrapped)
                for each in self._by_uid.values()
                for dek_id, wrapped in each.secrets.data_keys.items()
            ]

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision


def not_found() -> DataSourceNotFoundError:
    return DataSourceNotFoundError("Data source not found")


def name_taken(name: str) -> DataSourceExistsError:
    return DataSourceExistsError(f"A data source with the name {name!r} already exists")


def uid_taken(uid: str) -> DataSourceExistsError:
    return DataSourceExistsError(f"A data source with the uid {uid!r} already exists")


def version_conflict() -> DataSourceVersionConflictError:
    return DataSourceVersionConflictError(
        "Datasource has already been updated by someone else. Please reload and try again"
    )


def no_active_key() -> EncryptionKeyError:
    return EncryptionKeyError("No encryption key is active yet; create one with `headwater key add`.")


def key_retired(key_id: str) -> EncryptionKeyError:
    return EncryptionKeyError(f"Key {key_id!r} is retired.", status=409, retryable=True)


def check_can_wrap(key_id: str, key: KeyRecord | None) -> None:
    """Refuses a new data key under a KEK that is unknown to the register or retired meanwhile."""
    if key is None:
        raise EncryptionKeyError(f"Key {key_id!r} is not registered; add it first.")
    if key.state is KeyState.RETIRED:
        raise key_retired(key_id)


def check_can_activate(key_id: str, key: KeyRecord | None) -> None:
    if key is None:
        raise EncryptionKeyError(f"Key {key_id!r} is not registered; add it first.", status=404)
    if key.state is KeyState.RETIRED:
        raise key_retired(key_id)


def check_can_retire(key_id: str, key: KeyRecord | None, used: int) -> None:
    if key is None:
        raise EncryptionKeyError(f"Key {key_id!r} is not registered.", status=404)
    if key.state is KeyState.ACTIVE:
        raise EncryptionKeyError(f"Key {key_id!r} is active; activate another key first.", status=409)
    if used:
        raise EncryptionKeyError(
            f"Key {key_id!r} still wraps {used} data keys; run `headwater secrets rewrap` first.", status=409
        )
