"""The SQLite store with 10,000 data sources of two secrets each: list, fetch, edit, rewrap.

Medians of shuffled rounds. The peer is SQLite itself: the same rows read with plain `sqlite3`, nothing
decoded."""

from __future__ import annotations

import itertools
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from timing import print_table, time_side_by_side

from headwater.datasources import AddDataSource, DataSourceCache, DataSourceService, UpdateDataSource
from headwater.secrets import InMemoryKeySource
from headwater.secrets.key_setup import add_key
from headwater.secrets.rotation import activate, rewrap, verify
from headwater_server.store import SqlStore

COUNT = 10_000
ROWS = (
    "SELECT * FROM headwater_data_source",
    "SELECT * FROM headwater_secret",
    "SELECT * FROM headwater_data_key",
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "headwater.db"
        store = SqlStore.open(f"sqlite:///{path}")
        service = DataSourceService.with_keys(store, [InMemoryKeySource()])
        began = time.perf_counter()
        fill(service)
        filled = time.perf_counter() - began
        print(f"{COUNT} data sources added one by one in {filled:.1f} s ({filled / COUNT * 1e3:.2f} ms each)")
        print(f"{path.stat().st_size / COUNT:.0f} bytes of file for each\n")
        measure(service, path)
        rotate(service)
        store.close()


def fill(service: DataSourceService) -> None:
    for number in range(COUNT):
        service.add(
            AddDataSource(
                type="mysql",
                uid=f"uid-{number}",
                name=f"Data source {number}",
                url=f"db{number}.example.com:3306",
                json_data={"maxOpenConns": 8, "tlsAuth": True},
                secure_json_data={"password": f"password {number}", "token": f"token {number}"},
            )
        )


def measure(service: DataSourceService, path: Path) -> None:
    store, cache = service.store, DataSourceCache(service.store)
    plain = sqlite3.connect(path)
    numbers = itertools.cycle(random.sample(range(COUNT), COUNT))

    def uid() -> str:
        return f"uid-{next(numbers)}"

    cache.get_by_uid("uid-1")
    cases: dict[str, Callable[[], object]] = {
        "list all (sqlite3 alone, undecoded)": lambda: [plain.execute(row).fetchall() for row in ROWS],
        "list all": store.list,
        "fetch one by uid": lambda: store.get_by_uid(uid()),
        "fetch one by name": lambda: store.get_by_name(f"Data source {next(numbers)}"),
        "fetch one by uid from the cache": lambda: cache.get_by_uid("uid-1"),
        "fetch and decrypt one": lambda: service.decrypt(store.get_by_uid(uid())),
        "revision (the poll of other processes)": store.revision,
        "all revisions (when the poll saw a change)": store.revisions,
        "edit one, two secrets kept": lambda: service.update(UpdateDataSource.of(store.get_by_uid(uid()))),
    }
    print_table(f"{COUNT} data sources", time_side_by_side(cases, rounds=15))
    plain.close()


def rotate(service: DataSourceService) -> None:
    store, ring = service.store, service.cipher.ring
    activate(ring, store, add_key(ring, store).id)
    began = time.perf_counter()
    report = rewrap(service.cipher, store)
    rewrapped = time.perf_counter()
    verified = verify(service.cipher, store)
    ended = time.perf_counter()
    print(f"\nrewrap of {report.rewrapped} data keys in batches of 500: {rewrapped - began:.2f} s")
    print(f"verify of {verified.opened} secrets: {ended - rewrapped:.2f} s")


if __name__ == "__main__":
    main()
