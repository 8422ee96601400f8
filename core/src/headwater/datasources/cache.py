"""Keeps data sources for a few seconds, so that a query does not cost a look-up in the store."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock

from attrs import frozen

from headwater.errors import DataSourceNotFoundError, StoreError, StoreLockedError

from .model import DataSource
from .store import ChangeNotifier, DataSourceStore


@frozen
class _Entry:
    data_source: DataSource
    expires: float


_Key = tuple[str, str | int]


class DataSourceCache:
    """Data sources by uid, id and name, for at most `ttl` seconds. Safe to share between threads.

    A change made through another store object or process is seen after `revision_interval` seconds at the
    latest: then the store's revision is compared on the next look-up. A store that tells of changes
    (`ChangeNotifier`) makes that immediate. Several threads that miss the same key wait for one load; errors
    are not kept. `max_entries` bounds the memory; the least recently used goes first."""

    def __init__(
        self,
        store: DataSourceStore,
        *,
        ttl: float = 5.0,
        max_entries: int = 10_000,
        revision_interval: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_entries < 1:
            raise ValueError("max_entries is at least 1")
        self._store = store
        self._ttl = ttl
        self._max_entries = max_entries
        self._revision_interval = revision_interval
        self._clock = clock
        self._lock = Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._uids: dict[int, str] = {}
        self._names: dict[str, str] = {}
        self._flights: dict[_Key, Future[DataSource]] = {}
        self._generation = 0
        self._next_purge = 0.0
        self._revision = -1
        self._revision_checked = float("-inf")
        self._unsubscribe = store.subscribe(self._changed) if isinstance(store, ChangeNotifier) else None

    def get_by_uid(self, uid: str, *, skip_cache: bool = False) -> DataSource:
        """`skip_cache` reads the store, and leaves what it read in the cache. Raises
        DataSourceNotFoundError."""
        return self._get(("uid", uid), lambda: self._store.get_by_uid(uid), skip_cache)

    def peek(self, uid: str) -> DataSource | None:
        """What is kept of it, without asking the store; None if the store has to be asked. Never blocks."""
        with self._lock:
            if self._clock() - self._revision_checked >= self._revision_interval:
                return None
            return self._lookup(("uid", uid))

    def get_by_id(self, id: int, *, skip_cache: bool = False) -> DataSource:  # noqa: A002
        """Like `get_by_uid`, and served by the same entry."""
        return self._get(("id", id), lambda: self._store.get_by_id(id), skip_cache)

    def find(self, uid_or_name: str) -> DataSource:
        """The data source with this uid or else this name. Raises DataSourceNotFoundError."""
        return self._get(("name", uid_or_name), lambda: self._load_by_uid_or_name(uid_or_name), False)

    def invalidate(self, uid: str) -> None:
        """Forgets the data source under its uid and its id; a load that has begun already is not kept."""
        with self._lock:
            self._generation += 1
            self._flights.clear()
            self._drop(uid)
            self._names.pop(uid, None)

    def clear(self) -> None:
        """Forget every data source; the next use loads it again."""
        with self._lock:
            self._generation += 1
            self._flights.clear()
            self._entries.clear()
            self._uids.clear()
            self._names.clear()

    def close(self) -> None:
        """Ends the subscription to changes and forgets everything. The store stays open."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def _get(self, key: _Key, load: Callable[[], DataSource], skip_cache: bool) -> DataSource:
        self._check_revision()
        with self._lock:
            if skip_cache:
                generation = self._generation
            else:
                kept = self._lookup(key)
                if kept is not None:
                    return kept
                flight = self._flights.get(key)
                if flight is None:
                    mine: Future[DataSource] = Future()
                    self._flights[key] = mine
                    generation = self._generation
        if skip_cache:
            loaded = load()
            self._keep(key, loaded, generation)
            return loaded
        if flight is not None:
            return flight.result()
        return self._fly(key, mine, load, generation)

    def _fly(
        self, key: _Key, flight: Future[DataSource], load: Callable[[], DataSource], generation: int
    ) -> DataSource:
        try:
            loaded = load()
            self._keep(key, loaded, generation)
        except BaseException as error:
            self._land(key, flight)
            interrupted = not isinstance(error, Exception)
            flight.set_exception(StoreLockedError("The look-up was interrupted.") if interrupted else error)
            raise
        self._land(key, flight)
        flight.set_result(loaded)
        return loaded

    def _land(self, key: _Key, flight: Future[DataSource]) -> None:
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]

    def _lookup(self, key: _Key) -> DataSource | None:
        kind, name = key
        uid = self._uids.get(int(name)) if kind == "id" else str(name)
        if kind == "name" and uid not in self._entries:
            uid = self._names.get(str(name))
        entry = self._entries.get(uid) if uid is not None else None
        if entry is None or uid is None:
            return None
        if entry.expires <= self._clock():
            self._drop(uid)
            return None
        self._entries.move_to_end(uid)
        return entry.data_source

    def _load_by_uid_or_name(self, text: str) -> DataSource:
        try:
            return self._store.get_by_uid(text)
        except DataSourceNotFoundError:
            pass
        try:
            return self._store.get_by_name(text)
        except DataSourceNotFoundError:
            raise DataSourceNotFoundError(f"There is no data source {text!r}.") from None

    def _keep(self, key: _Key, data_source: DataSource, generation: int) -> None:
        with self._lock:
            if generation != self._generation:
                return
            present = self._entries.get(data_source.uid)
            if present is not None and present.data_source.revision > data_source.revision:
                return
            self._drop(data_source.uid)
            self._entries[data_source.uid] = _Entry(data_source, self._clock() + self._ttl)
            self._uids[data_source.id] = data_source.uid
            if key == ("name", data_source.name):  # so there is no data source with this uid
                self._names[data_source.name] = data_source.uid
            self._drop_expired()
            while len(self._entries) > self._max_entries:
                self._drop(next(iter(self._entries)))

    def _drop(self, uid: str) -> None:
        entry = self._entries.pop(uid, None)
        if entry is not None:
            self._uids.pop(entry.data_source.id, None)
            if self._names.get(entry.data_source.name) == uid:
                del self._names[entry.data_source.name]

    def _drop_expired(self) -> None:
        now = self._clock()
        if now < self._next_purge:
            return
        self._next_purge = now + self._ttl
        for uid, entry in tuple(self._entries.items()):
            if entry.expires <= now:
                self._drop(uid)

    def _changed(self, uid: str | None) -> None:
        if uid is None:
            self.clear()
        else:
            self.invalidate(uid)

    def _check_revision(self) -> None:
        """Drops what others have changed or deleted, by comparing revisions at most once an interval."""
        with self._lock:
            now = self._clock()
            if now - self._revision_checked < self._revision_interval:
                return
            self._revision_checked = now
            known = self._revision
        try:
            latest = self._store.revision()
            if latest == known:
                return
            revisions = self._store.revisions()
        except StoreError:
            return  # what is kept stays good for its `ttl`; a load reports the failure
        with self._lock:
            self._revision = max(self._revision, latest)
            self._generation += 1
            self._flights.clear()
            for name in revisions.keys() & self._names.keys():  # a uid goes before a name
                del self._names[name]
            for uid, entry in tuple(self._entries.items()):
                if revisions.get(uid, -1) > entry.data_source.revision or uid not in revisions:
                    self._drop(uid)
