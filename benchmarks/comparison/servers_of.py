"""The servers that a comparison asks, filled with what it asks for; what they are told to contenders."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from .contenders.prometheus import openmetrics

Address = dict[str, Any]


@contextmanager
def mariadb(most: int) -> Iterator[Address]:
    from mysql_tables import fill

    from servers.mariadb import start_mariadb

    with start_mariadb() as server:
        fill(server, "narrow", max(most, 100_000))
        yield {
            "port": server.port, "user": server.user, "password": server.password,
            "database": server.database,
        }  # fmt: skip


@contextmanager
def postgresql(most: int) -> Iterator[Address]:
    import psycopg

    from servers.postgresql import PASSWORD, USER, start_postgresql

    with start_postgresql() as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE narrow AS SELECT n::int8 AS id, (n / 7.0)::float8 AS value, "
                f"'text ' || (n % 100) AS text FROM generate_series(1, {most}) AS n"
            )
            connection.execute("ALTER TABLE narrow ADD PRIMARY KEY (id)")
            connection.execute("VACUUM ANALYZE")
        yield {"url": server.url(), "port": server.port, "user": USER, "password": PASSWORD}


@contextmanager
def clickhouse(most: int) -> Iterator[Address]:
    del most  # its rows are made as they are asked for
    from servers.clickhouse import start_clickhouse

    with start_clickhouse() as server:
        yield {"port": server.port}


@contextmanager
def prometheus(most: int) -> Iterator[Address]:
    from servers.prometheus import V3, start_prometheus

    with start_prometheus(V3, openmetrics=openmetrics(most)) as server:
        yield {"port": int(server.url.rpartition(":")[2])}


@contextmanager
def folder(most: int) -> Iterator[Address]:
    del most
    with tempfile.TemporaryDirectory(prefix="headwater-comparison-") as path:
        yield {"folder": path}


SERVERS: Mapping[str, Callable[[int], AbstractContextManager[Address]]] = {
    "mariadb": mariadb,
    "postgresql": postgresql,
    "clickhouse": clickhouse,
    "prometheus": prometheus,
    "folder": folder,
}
"""By name; each is given the largest point that will be asked of it."""
