"""A store for one of very many processes: few connections, and patience while there is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from headwater.datasources import DataSource, DataSourceCache
from headwater_server.store import SqlStore
from servers.http_host import eventually
from servers.postgresql import PostgresServer, start_postgresql

FEW = 8


@pytest.fixture(scope="module")
def crowded() -> Iterator[PostgresServer]:
    with start_postgresql(f"max_connections={FEW}", "superuser_reserved_connections=0") as server:
        yield server


def connections(server: PostgresServer) -> int:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        rows = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'workers'"
        ).fetchone()
    assert rows is not None
    return int(rows[0])


def test_more_workers_than_connections_are_all_served(crowded: PostgresServer) -> None:
    url = crowded.new_database("workers")
    with_first = SqlStore.open(url, keep_connections=False)
    with_first.add(DataSource(uid="shop", name="shop", type="mysql"))
    found: list[str] = []

    def work() -> None:
        store = SqlStore.open(url, keep_connections=False)
        cache = DataSourceCache(store)
        found.append(cache.get_by_uid("shop").name)
        cache.close()
        store.close()

    workers = [threading.Thread(target=work) for _ in range(3 * FEW)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    with_first.close()

    assert found == ["shop"] * 3 * FEW


def test_a_worker_that_reads_its_part_holds_no_connection(crowded: PostgresServer) -> None:
    url = crowded.url("workers")
    store = SqlStore.open(url, keep_connections=False)
    try:
        cache = DataSourceCache(store)  # which hears of changes, where connections are kept
        assert cache.get_by_uid("shop").type == "mysql"

        assert eventually(lambda: connections(crowded) == 0)
        assert store.get_by_uid("shop").name == "shop"
        cache.close()
    finally:
        store.close()
