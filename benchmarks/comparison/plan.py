"""What is compared, and at which points."""

from __future__ import annotations

import os
from collections.abc import Mapping

from attrs import field, frozen

LIMIT = "limit"
OURS = "ours"
PEER = "peer"


@frozen
class Contender:
    """A function of `comparison.contenders`; `environment` is that of a peer, empty for Headwater's own.

    `most` is the largest point that is asked of it: where it would need minutes or all memory.
    """

    title: str
    function: str
    kind: str = PEER
    environment: str = ""
    most: int | None = None


@frozen
class Comparison:
    """`points` are those of a whole run, `quick` those of one that only shows that all of it works."""

    name: str
    title: str
    axis: str
    server: str
    module: str
    points: tuple[int, ...]
    quick: tuple[int, ...]
    contenders: tuple[Contender, ...]
    counts: bool = field(default=True)
    """Whether a contender returns its number of rows, which has to be the point's times `per_point`."""
    per_point: int = 1
    rows: int | None = None
    """How many rows each point has, where that is not the point itself."""


PEERS: Mapping[str, tuple[str, ...]] = {
    "connectorx": ("connectorx", "pyarrow"),
    "pymysql": ("pymysql", "pyarrow"),
    "psycopg": ("psycopg[binary]", "pyarrow"),
    "clickhouse-connect": ("clickhouse-connect", "pyarrow"),
    "prometheus-api-client": ("prometheus-api-client[dataframe]",),
    "prometheus-pandas": ("prometheus-pandas", "requests"),
}
"""What is installed into the environment of each peer."""

CORES = os.cpu_count() or 1

COMPARISONS = (
    Comparison(
        "mysql-rows", "Rows of MariaDB, 3 columns", "rows", "mariadb", "mysql",
        (10_000, 100_000, 1_000_000, 5_000_000, 20_000_000), (10_000,),
        (
            Contender("bytes thrown away", "wire", LIMIT),
            Contender("Headwater", "headwater", OURS),
            Contender("Headwater, NumPy decoder", "headwater_numpy", OURS),
            Contender("connectorx", "connectorx", environment="connectorx", most=5_000_000),
            Contender("PyMySQL", "pymysql", environment="pymysql", most=1_000_000),
        ),
    ),
    Comparison(
        "mysql-columns", "100,000 rows of MariaDB, by columns", "columns", "mariadb", "mysql",
        (1, 4, 16, 64, 256), (4,),
        (
            Contender("bytes thrown away", "wire_columns", LIMIT),
            Contender("Headwater", "headwater_columns", OURS),
            Contender("connectorx", "connectorx_columns", environment="connectorx"),
        ),
        rows=100_000,
    ),
    Comparison(
        "postgresql-rows", "Rows of PostgreSQL, 3 columns", "rows", "postgresql", "postgresql",
        (10_000, 100_000, 1_000_000, 5_000_000), (10_000,),
        (
            Contender("ADBC's driver alone", "driver", LIMIT),
            Contender("Headwater", "headwater", OURS),
            Contender("connectorx", "connectorx", environment="connectorx"),
            Contender("psycopg", "psycopg", environment="psycopg", most=1_000_000),
        ),
    ),
    Comparison(
        "clickhouse-rows", "Rows of ClickHouse, 6 columns", "rows", "clickhouse", "clickhouse",
        (10_000, 100_000, 1_000_000, 5_000_000, 20_000_000), (10_000,),
        (
            Contender("bytes thrown away", "wire", LIMIT),
            Contender("Headwater", "headwater", OURS),
            Contender(
                "clickhouse-connect, Arrow stream", "clickhouse_connect", environment="clickhouse-connect"
            ),
            Contender(
                "clickhouse-connect, columns", "clickhouse_connect_table",
                environment="clickhouse-connect", most=1_000_000,
            ),
        ),
    ),
    Comparison(
        "prometheus-series", "Series of Prometheus, 1,000 samples each", "series", "prometheus", "prometheus",
        (1, 10, 100, 1000), (10,),
        (
            Contender("bytes thrown away", "wire", LIMIT),
            Contender("Headwater, long", "headwater_long", OURS),
            Contender("Headwater, wide", "headwater_wide", OURS),
            Contender("prometheus-api-client", "api_client", environment="prometheus-api-client"),
            Contender("prometheus-pandas", "prometheus_pandas", environment="prometheus-pandas"),
        ),
        per_point=1000,
    ),
    Comparison(
        "http-connections", "1,000 small queries over HTTP, by connections", "connections", "folder", "http",
        (1, 4, 16, 64), (4,),
        (
            Contender("bare route, values at hand", "bare", LIMIT),
            Contender("Headwater", "host", OURS),
            Contender("Headwater, 2 workers", "two_workers", OURS),
            Contender("FastAPI, the same function", "fastapi"),
        ),
        counts=False,
    ),
    Comparison(
        "http-workers", "1,000 small queries over HTTP, 64 connections", "workers",
        "folder", "http",
        tuple(range(1, CORES + 1)), (1,), (Contender("Headwater", "workers", OURS),), counts=False,
    ),
    Comparison(
        "data-sources", "Open a store with many data sources, and ask one", "data sources",
        "folder", "growth",
        (1, 10, 100, 1000, 10_000), (1, 10), (Contender("Headwater", "first_query", OURS),), counts=False,
    ),
    Comparison(
        "plugins", "Find the installed plugins", "plugins", "folder", "growth",
        (1, 30, 300), (1, 30),
        (
            Contender("importlib.metadata", "entry_points", LIMIT),
            Contender("Headwater", "discovery", OURS),
        ),
    ),
)  # fmt: skip
