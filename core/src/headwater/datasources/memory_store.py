"""The store that keeps everything in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from threading import RLock

import attrs

from headwater.secrets.cipher import wrapping_key_id
from headwater.secrets.key_store import KeyRecord, KeyState, StoredDataKey

from .model import DataSource
from .rules import (
    check_can_activate,
    check_can_retire,
    check_can_wrap,
    name_taken,
    no_active_key,
    not_found,
    uid_taken,
    version_conflict,
)
from .store import Subscribers


class MemoryStore:
    """Keeps everything in this process: for tests, scripts, and hosts whose data sources are all
    provisioned."""

    def __init__(self) -> None:
        self._lock = RLock()  # guards all below
        self._subscribers = Subscribers()
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
            changed = self._put(added)
        self._subscribers.notify(*changed)
        return added

    def update(self, data_source: DataSource, *, expected_revision: int) -> DataSource:
        with self._lock:
            stored = self.get_by_uid(data_source.uid)
            if stored.revision != expected_revision:
                raise version_conflict()
            self._check_name(data_source)
            self._check_keys(data_source)
            updated = attrs.evolve(data_source, id=stored.id, revision=self._next_revision())
            changed = self._put(updated)
        self._subscribers.notify(*changed)
        return updated

    def delete(self, uid: str) -> None:
        with self._lock:
            if self._by_uid.pop(uid, None) is None:
                raise not_found()
            self._next_revision()
        self._subscribers.notify(uid)

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

    def replace_data_keys(self, swaps: Iterable[tuple[StoredDataKey, bytes]]) -> int:
        changed: dict[str, DataSource] = {}
        count = 0
        with self._lock:
            for old, wrapped in swaps:
                stored = changed.get(old.uid) or self._by_uid.get(old.uid)
                if stored is None or stored.secrets.data_keys.get(old.dek_id) != old.wrapped:
                    continue
                data_keys = {**stored.secrets.data_keys, old.dek_id: wrapped}
                swapped = attrs.evolve(stored, secrets=attrs.evolve(stored.secrets, data_keys=data_keys))
                self._check_keys(swapped)
                changed[old.uid] = swapped
                count += 1
            revision = self._next_revision() if changed else 0
            for uid, data_source in changed.items():
                self._by_uid[uid] = attrs.evolve(data_source, revision=revision)
        self._subscribers.notify(*changed)
        return count

    def subscribe(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        return self._subscribers.add(changed)

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

    def _put(self, data_source: DataSource) -> Sequence[str]:
        """Stores it, takes `is_default` from the others if it has that; the uids of all that changed."""
        changed = [data_source.uid]
        self._by_uid[data_source.uid] = data_source
        for other in tuple(self._by_uid.values()):
            if data_source.is_default and other.is_default and other.uid != data_source.uid:
                self._by_uid[other.uid] = attrs.evolve(other, is_default=False, revision=data_source.revision)
                changed.append(other.uid)
        return changed

    def _data_keys(self) -> Sequence[StoredDataKey]:
        with self._lock:
            return [
                StoredDataKey(each.uid, dek_id, wrapped, each.org_id)
                for each in self._by_uid.values()
                for dek_id, wrapped in each.secrets.data_keys.items()
            ]

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision
