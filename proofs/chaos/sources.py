"""Every plugin with a server: where it listens, a query with a known answer, and queries that do not end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

from attrs import field, frozen

from headwater import Headwater, TimeRange
from headwater.frames import start_arrow_without_pandas
from headwater_server.flight import flight_service
from headwater_server.http import create_app
from headwater_server.serving import ListenOptions
from servers import postgresql
from servers.clickhouse import start_clickhouse
from servers.http_host import admin_authenticator, run_host
from servers.mariadb import start_mariadb
from servers.mysql import start_mysql
from servers.mysql_family import DatabaseServer
from servers.postgresql import start_postgresql
from servers.process import ServerProcess, free_port
from servers.prometheus import start_prometheus

ROWS = 2000
WIDTH = 1000
"""Characters of a row that is streamed, where a database is slow to make many rows."""
START = 1_704_067_200  # 2024-01-01T00:00:00Z, in seconds
TIMES = TimeRange(datetime.fromtimestamp(START, UTC), datetime.fromtimestamp(START + ROWS - 1, UTC))


@frozen
class Source:
    """A server, and how a data source of `plugin` asks it. `query` gives `answer` in its last column."""

    plugin: str
    port: int
    fields: Callable[[str], dict[str, Any]]
    """A data source's fields, for a server at `host:port`: the server itself, or a proxy before it."""
    query: Mapping[str, Any]
    silent: Mapping[str, Any]
    """Runs for minutes and sends nothing."""
    streaming: Mapping[str, Any]
    """Sends rows for longer than anyone reads."""
    running: Callable[[], int]
    """How many of these the server is working on, as the server itself says."""
    process: ServerProcess | None = None
    answer: list[Any] = field(factory=lambda: list(range(ROWS)))
    at_once: int = 8
    """How many of them a server bears on two cores and still answers `running`."""
    can_be_woken: bool = True
    """Whether a read of its driver can be ended while the server is silent and yet keeps the connection."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


def _mysql_family(server: DatabaseServer) -> Source:
    digits = " UNION ALL ".join(f"SELECT {digit}" for digit in range(10))
    numbers = f"WITH d(d) AS ({digits}) SELECT a.d + 10*b.d + 100*c.d + 1000*e.d AS n FROM d a, d b, d c, d e"
    wide = numbers.replace("AS n FROM d a", f"AS n, '{'x' * WIDTH}' AS x FROM d f, d g, d h, d i, d a")
    find = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
    return Source(
        plugin="mysql",
        port=server.port,
        fields=lambda address: {
            "url": address, "user": server.user, "database": server.database,
            "secure_json_data": {"password": server.password},
        },
        query={"rawSql": f"{numbers} ORDER BY n LIMIT {ROWS}"},
        silent={"rawSql": "SELECT SLEEP(600) AS chaos"},
        streaming={"rawSql": f"{wide} -- chaos"},
        running=lambda: int(server.rows(f"{find} AND INFO LIKE '%chaos%'")[0][0]),
        process=server.process,
    )  # fmt: skip


@contextmanager
def mariadb() -> Iterator[Source]:
    with start_mariadb() as server:
        yield _mysql_family(server)


@contextmanager
def mysql() -> Iterator[Source]:
    with start_mysql() as server:
        yield _mysql_family(server)


@contextmanager
def clickhouse() -> Iterator[Source]:
    find = "SELECT count() FROM system.processes WHERE query LIKE '%chaos%' AND query NOT LIKE '%processes%'"
    sleep = "max(sleepEachRow(0.1))"
    with start_clickhouse() as server:
        yield Source(
            plugin="clickhouse",
            port=server.port,
            fields=lambda address: {"url": f"http://{address}"},
            query={"rawSql": f"SELECT number AS n FROM numbers({ROWS})"},
            silent={"rawSql": f"SELECT {sleep} AS chaos FROM numbers(9999) SETTINGS max_block_size = 1"},
            streaming={"rawSql": "SELECT number AS chaos FROM system.numbers"},
            running=lambda: int(server.command(find)),
            process=server.process,
        )


@contextmanager
def prometheus() -> Iterator[Source]:
    with start_prometheus(flags=["--query.max-concurrency=2"]) as server:
        endless = "sum_over_time((vector(time()) + vector(time()))[100d:1s])"
        yield Source(
            plugin="prometheus",
            port=int(server.url.rpartition(":")[2]),
            fields=lambda address: {"url": f"http://{address}"},
            query={"expr": "time()", "range": True, "interval": "2s", "maxDataPoints": ROWS},
            answer=[float(START + each) for each in range(0, ROWS, 2)],
            silent={"expr": endless, "instant": True},
            streaming={"expr": endless, "instant": True},  # it sends nothing before it knows all
            running=lambda: int(server.metric("prometheus_engine_queries")),
            process=server.process,
            at_once=1,
        )


@contextmanager
def postgres() -> Iterator[Source]:
    import psycopg

    with start_postgresql() as server, psycopg.connect(server.url(), autocommit=True) as admin:

        def running() -> int:
            find = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%chaos%'"
            row = admin.execute(f"{find} AND pid <> pg_backend_pid()").fetchone()
            assert row is not None
            return int(row[0])

        yield Source(
            plugin="postgresql",
            port=server.port,
            fields=lambda address: {
                "url": address, "user": postgresql.USER, "database": "postgres",
                "json_data": {"sslmode": "disable"}, "secure_json_data": {"password": postgresql.PASSWORD},
            },
            query={"rawSql": f"SELECT n FROM generate_series(0, {ROWS - 1}) AS n"},
            silent={"rawSql": "SELECT pg_sleep(600) AS chaos"},
            streaming={"rawSql": f"SELECT generate_series(0, 1000000000) AS chaos, '{'x' * WIDTH}' AS x"},
            running=running,
            process=server.process,
        )  # fmt: skip


@contextmanager
def flightsql() -> Iterator[Source]:
    """A Flight SQL server of our own, before a DuckDB in memory."""
    start_arrow_without_pandas()  # as `headwater serve` does: else the first call waits for an import
    with Headwater(allow_plugins={"duckdb"}) as upstream:
        upstream.add_data_source(type="duckdb", name="upstream")
        authenticator, token = admin_authenticator()
        options = ListenOptions(port=free_port())
        app = create_app(upstream, authenticator=authenticator, services=[flight_service(options)])
        with run_host(app, token) as running:
            yield Source(
                plugin="flightsql",
                port=options.port,
                fields=lambda address: {
                    "url": f"grpc://{address}",
                    "json_data": {"metadata": [{"name": "x-headwater-catalog", "value": "upstream"}]},
                    "secure_json_data": {"token": token},
                },
                query={"rawSql": f"SELECT range AS n FROM range({ROWS})"},
                silent={
                    "rawSql": "SELECT count(*) FROM range(1000000000) a, range(10000) b WHERE a.range % 7 = 1"
                },
                streaming={"rawSql": "SELECT range AS n FROM range(1000000000)"},
                running=lambda: len(running.app.host.running),
                at_once=2,
                can_be_woken=False,  # a driver in Go closes nothing that a call still uses
            )


SOURCES: Mapping[str, Callable[[], AbstractContextManager[Source]]] = {
    "MariaDB": mariadb,
    "MySQL": mysql,
    "ClickHouse": clickhouse,
    "Prometheus": prometheus,
    "PostgreSQL": postgres,
    "Flight SQL": flightsql,
}
