from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest

from headwater.datasources import DataSource, DataSourceCache, MemoryStore
from headwater.errors import DataSourceNotFoundError, StoreError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class CountingStore(MemoryStore):
    """Counts loads, may block or fail them, and tells nobody of its changes, as another process's store."""

    def __init__(self) -> None:
        super().__init__()
        self.loads = 0
        self.before_load: Callable[[], None] = lambda: None
        self.after_load: Callable[[], None] = lambda: None

    def get_by_uid(self, uid: str) -> DataSource:
        self.loads += 1
        self.before_load()
        found = super().get_by_uid(uid)
        self.after_load()
        return found

    def subscribe(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        return lambda: None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> CountingStore:
    store = CountingStore()
    for uid in ("one", "two"):
        MemoryStore.add(store, DataSource(uid=uid, name=uid, type="t"))
    return store


@pytest.fixture
def cache(store: CountingStore, clock: Clock) -> DataSourceCache:
    return DataSourceCache(store, clock=clock, revision_interval=1000)


def edit_quietly(store: CountingStore, uid: str, url: str) -> None:
    stored = store._by_uid[uid]
    store._by_uid[uid] = attrs.evolve(stored, url=url, revision=store._next_revision())


def test_a_data_source_is_loaded_once_per_ttl(
    cache: DataSourceCache, store: CountingStore, clock: Clock
) -> None:
    cache.get_by_uid("one")
    clock.now = 4.9
    cache.get_by_uid("one")
    assert store.loads == 1

    clock.now = 5.0
    cache.get_by_uid("one")
    assert store.loads == 2


def test_uid_and_id_share_one_entry(cache: DataSourceCache, store: CountingStore) -> None:
    one = cache.get_by_uid("one")

    assert cache.get_by_id(one.id) is one
    assert store.loads == 1


def test_both_keys_are_invalidated_together(cache: DataSourceCache, store: CountingStore) -> None:
    one = cache.get_by_id(1)
    edit_quietly(store, "one", "http://new")
    assert cache.get_by_id(one.id).url == cache.get_by_uid("one").url == ""

    cache.invalidate("one")

    assert cache.get_by_id(one.id).url == cache.get_by_uid("one").url == "http://new"


def test_skip_cache_reads_the_store_and_refreshes_the_entry(
    cache: DataSourceCache, store: CountingStore
) -> None:
    cache.get_by_uid("one")
    edit_quietly(store, "one", "http://new")

    assert cache.get_by_uid("one", skip_cache=True).url == "http://new"
    assert cache.get_by_uid("one").url == "http://new"
    assert store.loads == 2


def test_a_missing_data_source_is_asked_for_again(cache: DataSourceCache, store: CountingStore) -> None:
    for _ in range(2):
        with pytest.raises(DataSourceNotFoundError):
            cache.get_by_uid("three")
    assert store.loads == 2


def test_changes_by_others_are_seen_after_the_revision_interval(store: CountingStore, clock: Clock) -> None:
    cache = DataSourceCache(store, clock=clock, ttl=1000, revision_interval=1)
    cache.get_by_uid("one")
    untouched = cache.get_by_uid("two")
    edit_quietly(store, "one", "http://new")
    clock.now = 0.9
    assert cache.get_by_uid("one").url == ""

    clock.now = 1.0

    assert cache.get_by_uid("one").url == "http://new"
    assert cache.get_by_uid("two") is untouched


def test_a_deletion_by_others_is_seen_after_the_revision_interval(store: CountingStore, clock: Clock) -> None:
    cache = DataSourceCache(store, clock=clock, ttl=1000, revision_interval=1)
    cache.get_by_uid("one")
    store.delete("one")

    clock.now = 1.0

    with pytest.raises(DataSourceNotFoundError):
        cache.get_by_uid("one")


def test_a_store_that_tells_of_no_changes_is_asked_for_its_revision(clock: Clock) -> None:
    class Silent(MemoryStore):
        subscribe = None  # type: ignore[assignment]

    store = Silent()
    added = store.add(DataSource(uid="one", name="one", type="t"))
    cache = DataSourceCache(store, clock=clock, ttl=1000, revision_interval=1)
    cache.get_by_uid("one")
    store._by_uid["one"] = attrs.evolve(added, url="http://new", revision=store._next_revision())
    clock.now = 1.0
    assert cache.get_by_uid("one").url == "http://new"
    cache.close()
    assert len(cache) == 0


def test_a_change_through_the_same_store_is_seen_at_once(clock: Clock) -> None:
    store = MemoryStore()
    added = store.add(DataSource(uid="one", name="one", type="t"))
    cache = DataSourceCache(store, clock=clock, ttl=1000, revision_interval=1000)
    cache.get_by_uid("one")

    store.update(attrs.evolve(added, url="http://new"), expected_revision=added.revision)
    assert cache.get_by_uid("one").url == "http://new"
    cache.close()
    assert len(cache) == 0


def test_memory_is_bounded_and_the_least_recently_used_goes_first(store: CountingStore, clock: Clock) -> None:
    MemoryStore.add(store, DataSource(uid="three", name="three", type="t"))
    cache = DataSourceCache(store, clock=clock, max_entries=2, revision_interval=1000)

    for uid in ("one", "two", "one", "three"):
        cache.get_by_uid(uid)

    assert (len(cache), store.loads) == (2, 3)
    cache.get_by_uid("one")
    assert store.loads == 3
    cache.get_by_uid("two")
    assert store.loads == 4


def test_expired_entries_are_dropped_though_nobody_asks_for_them(
    cache: DataSourceCache, clock: Clock
) -> None:
    cache.get_by_uid("one")
    clock.now = 100

    cache.get_by_uid("two")

    assert len(cache) == 1


def test_threads_that_miss_together_wait_for_one_load(cache: DataSourceCache, store: CountingStore) -> None:
    entered, release = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert release.wait(10)

    store.before_load = wait
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(cache.get_by_uid, "one")
        assert entered.wait(10)
        others = [pool.submit(cache.get_by_uid, "one") for _ in range(7)]
        release.set()
        found = {id(each.result(10)) for each in (first, *others)}

    assert (len(found), store.loads) == (1, 1)


def test_a_failed_load_reaches_every_waiter_and_is_not_kept(
    cache: DataSourceCache, store: CountingStore
) -> None:
    entered, release = threading.Event(), threading.Event()

    def fail() -> None:
        entered.set()
        assert release.wait(10)
        raise StoreError("down")

    store.before_load = fail
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(cache.get_by_uid, "one")]
        assert entered.wait(10)
        calls.append(pool.submit(cache.get_by_uid, "one"))
        release.set()
        for call in calls:
            with pytest.raises(StoreError):
                call.result(10)
    store.before_load = lambda: None

    assert cache.get_by_uid("one").uid == "one"


def test_a_load_that_began_before_an_invalidation_is_not_kept(
    cache: DataSourceCache, store: CountingStore
) -> None:
    loaded, release = threading.Event(), threading.Event()

    def hold() -> None:
        loaded.set()
        assert release.wait(10)

    store.after_load = hold
    with ThreadPoolExecutor(1) as pool:
        old = pool.submit(cache.get_by_uid, "one")
        assert loaded.wait(10)
        edit_quietly(store, "one", "http://new")
        cache.invalidate("one")
        store.after_load = lambda: None
        fresh = cache.get_by_uid("one")
        release.set()
        assert old.result(10).url == ""

    assert fresh.url == cache.get_by_uid("one").url == "http://new"


def test_a_slow_load_of_an_older_state_does_not_replace_a_newer_one(
    cache: DataSourceCache, store: CountingStore
) -> None:
    loaded, release = threading.Event(), threading.Event()

    def hold() -> None:
        loaded.set()
        assert release.wait(10)

    store.after_load = hold
    with ThreadPoolExecutor(1) as pool:
        old = pool.submit(cache.get_by_uid, "one")
        assert loaded.wait(10)
        edit_quietly(store, "one", "http://new")
        store.after_load = lambda: None
        fresh = cache.get_by_uid("one", skip_cache=True)
        release.set()
        assert old.result(10).url == ""

    assert fresh.url == cache.get_by_uid("one").url == "http://new"


def test_what_is_kept_serves_on_while_the_store_is_down(store: CountingStore, clock: Clock) -> None:
    cache = DataSourceCache(store, clock=clock, revision_interval=1)
    one = cache.get_by_uid("one")

    def down() -> int:
        raise StoreError("down")

    store.revision = down  # type: ignore[method-assign]
    clock.now = 2

    assert cache.get_by_uid("one") is one


def test_a_cache_without_room_is_refused(store: CountingStore) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        DataSourceCache(store, max_entries=0)
