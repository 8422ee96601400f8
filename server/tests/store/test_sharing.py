"""Several processes on one database."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import attrs
import pytest

from headwater.datasources import DataSource, DataSourceCache
from headwater_server.store import SqlStore
from headwater_server.store.notifications import Listener
from servers.postgresql import PostgresServer

EDIT = """
import sys
from headwater.datasources import DataSourceService, UpdateDataSource
from headwater.secrets import DirectoryKeySource
from headwater_server.store import SqlStore

url, keys, name = sys.argv[1:]
store = SqlStore.open(url, lock_timeout=30)
service = DataSourceService.with_keys(store, [DirectoryKeySource(keys)])
for number in range(10):
    stored = store.get_by_uid("shared")
    secrets = {f"{name}-{number}": f"value of {name}-{number}"}
    service.update(UpdateDataSource.of(stored, secure_json_data=secrets, version=0))
"""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stores(store_url: str) -> Iterator[tuple[SqlStore, SqlStore]]:
    pair = (SqlStore.open(store_url), SqlStore.open(store_url))
    yield pair
    for store in pair:
        store.close()


@pytest.fixture
def pair_on_postgresql(
    postgresql: PostgresServer, request: pytest.FixtureRequest
) -> Iterator[tuple[SqlStore, SqlStore]]:
    url = postgresql.new_database(f"pair_{abs(hash(request.node.name))}")
    pair = (SqlStore.open(url), SqlStore.open(url))
    yield pair
    for store in pair:
        store.close()


def edit(store: SqlStore, uid: str, url: str) -> None:
    stored = store.get_by_uid(uid)
    store.update(attrs.evolve(stored, url=url), expected_revision=stored.revision)


def test_a_change_by_another_process_is_seen_within_a_second_of_use(
    stores: tuple[SqlStore, SqlStore],
) -> None:
    here, there = stores
    here.add(DataSource(uid="one", name="one", type="t"))
    clock = Clock()
    here.subscribe = lambda changed: lambda: None  # type: ignore[method-assign] # as behind a pooler: no notifications
    cache = DataSourceCache(here, clock=clock, ttl=1000)
    cache.get_by_uid("one")

    edit(there, "one", "http://new")

    clock.now = 1.0
    assert cache.get_by_uid("one").url == "http://new"


def test_processes_that_edit_one_data_source_lose_nothing(store_url: str, tmp_path: object) -> None:
    from headwater.datasources import DataSourceService
    from headwater.secrets import DirectoryKeySource

    store = SqlStore.open(store_url)
    keys = f"{tmp_path}/keys"
    service = DataSourceService.with_keys(store, [DirectoryKeySource(keys)])
    store.add(DataSource(uid="shared", name="shared", type="t"))

    editors = [
        subprocess.Popen([sys.executable, "-c", EDIT, store_url, keys, name]) for name in ("a", "b", "c")
    ]
    assert [editor.wait(60) for editor in editors] == [0, 0, 0]

    shared = store.get_by_uid("shared")
    assert shared.version == 31
    assert {name: secret.reveal() for name, secret in service.decrypt(shared).items()} == {
        f"{name}-{number}": f"value of {name}-{number}" for name in "abc" for number in range(10)
    }
    store.close()


def test_postgresql_tells_other_processes_at_once(pair_on_postgresql: tuple[SqlStore, SqlStore]) -> None:
    here, there = pair_on_postgresql
    here.add(DataSource(uid="one", name="one", type="t"))
    heard: dict[str | None, threading.Event] = {None: threading.Event(), "one": threading.Event()}
    unsubscribe = here.subscribe(lambda uid: heard[uid].set())
    assert heard[None].wait(10), "after connecting, anything may have been missed"

    edit(there, "one", "http://new")

    assert heard["one"].wait(10)
    unsubscribe()


def test_a_cache_is_refreshed_by_a_notification(pair_on_postgresql: tuple[SqlStore, SqlStore]) -> None:
    here, there = pair_on_postgresql
    here.add(DataSource(uid="one", name="one", type="t"))
    cache = DataSourceCache(here, ttl=1000, revision_interval=1000)
    listener = here._listener
    assert isinstance(listener, Listener)
    assert listener.wait_until_listening(10)
    cache.get_by_uid("one")
    told = threading.Event()
    here.subscribe(lambda uid: told.set())

    edit(there, "one", "http://new")

    assert told.wait(10)
    assert cache.get_by_uid("one").url == "http://new"
    cache.close()


def test_a_listener_whose_connection_was_cut_comes_back_and_says_so(
    postgresql: PostgresServer, pair_on_postgresql: tuple[SqlStore, SqlStore]
) -> None:
    here, there = pair_on_postgresql
    here.add(DataSource(uid="one", name="one", type="t"))
    missed, told = threading.Semaphore(0), threading.Event()
    here.subscribe(lambda uid: told.set() if uid == "one" else missed.release())
    assert missed.acquire(timeout=10)

    postgresql.drop_connections()

    assert missed.acquire(timeout=10), "the new connection may have missed changes"
    edit(there, "one", "http://new")
    assert told.wait(10)
