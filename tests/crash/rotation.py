"""Processes of a key rotation under load: readers, writers, and the one that rotates."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from typing import Any

from headwater.datasources import AddDataSource, DataSourceCache, DataSourceService, UpdateDataSource
from headwater.secrets import DirectoryKeySource, KeyRing, KeyState, SecretCipher
from headwater.secrets.key_setup import add_key
from headwater.secrets.rotation import activate, retire, rewrap, verify
from headwater_server.store import SqlStore

DATA_SOURCES = 20


def add_data_sources(service: DataSourceService) -> None:
    for number in range(DATA_SOURCES):
        uid = f"ds{number}"
        service.add(
            AddDataSource(
                type="t", uid=uid, name=uid, json_data={"n": 0}, secure_json_data={"password": f"{uid}:0"}
            )
        )


def rotate_once(url: str, keys: str, key_id: str) -> None:
    """All steps of one rotation to `key_id`. Whatever a killed run has done already is not done again."""
    store = SqlStore.open(url, lock_timeout=30)
    ring = KeyRing([DirectoryKeySource(keys)])
    cipher = SecretCipher(ring, store.active_key)
    add_key(ring, store, key_id)
    activate(ring, store, key_id)
    rewrap(cipher, store, batch=3)
    report = verify(cipher, store)
    assert not report.bad, report.bad
    for record in store.key_records():
        half_retired = record.state is KeyState.RETIRED and ring.source_of(record.id) is not None
        if record.id != key_id and (record.state is not KeyState.RETIRED or half_retired):
            retire(ring, store, record.id, forget=True)
    store.close()


def read(url: str, keys: str, stop: Event, results: Any, threads: int) -> None:
    """`threads` readers that look up data sources through a cache, decrypt and compare, until `stop`."""

    def once(service: DataSourceService, cache: DataSourceCache, uid: str) -> None:
        data_source = cache.get_by_uid(uid)
        password = service.decrypt(data_source)["password"].reveal()
        if password != f"{uid}:{data_source.json_data['n']}":
            raise AssertionError(f"{uid} is mixed up")
        time.sleep(0.001)  # leaves the processor to those who write

    _run(url, keys, stop, results, threads, once)


def write(url: str, keys: str, stop: Event, results: Any, threads: int) -> None:
    """`threads` writers that change a secret and the number it is made from, until `stop`."""

    def once(service: DataSourceService, _cache: DataSourceCache, uid: str) -> None:
        n = time.time_ns()
        stored = service.store.get_by_uid(uid)
        update = UpdateDataSource.of(
            stored, json_data={"n": n}, secure_json_data={"password": f"{uid}:{n}"}, version=0
        )
        service.update(update)
        time.sleep(0.01)

    _run(url, keys, stop, results, threads, once)


def _run(
    url: str,
    keys: str,
    stop: Event,
    results: Any,
    threads: int,
    once: Callable[[DataSourceService, DataSourceCache, str], None],
) -> None:
    store = SqlStore.open(url, lock_timeout=30)
    service = DataSourceService.with_keys(store, [DirectoryKeySource(keys)])
    cache = DataSourceCache(store)
    done, failures = itertools.count(), []

    def loop(first: int) -> None:
        for number in itertools.count(first):
            if stop.is_set():
                return
            try:
                once(service, cache, f"ds{number % DATA_SOURCES}")
                next(done)
            except Exception as error:
                failures.append(f"{type(error).__name__}: {error}")

    workers = [threading.Thread(target=loop, args=(7 * index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    results.put((next(done), failures))
    cache.close()
    store.close()
