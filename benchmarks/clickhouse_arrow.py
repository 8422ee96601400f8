"""ClickHouse to Arrow: 10M rows of 6 mixed columns from a server on loopback, and one small query.

The limit is a raw socket that asks for the same bytes and discards them. Each measurement of the large
result is a process of its own, so that peak memory is that contender's alone. The peer (clickhouse-connect)
is left out where it is not installed. Needs `tests` on PYTHONPATH.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from memory import peak_mib
from timing import print_table, time_side_by_side

from servers.clickhouse import start_clickhouse

ROWS, ROUNDS = 10_000_000, 5
TABLE = f"""
CREATE TABLE bench ENGINE = Memory AS SELECT
  number AS id, toDateTime(1700000000 + number) AS at, number * 1.5 AS price, toString(number) AS name,
  toLowCardinality(concat('host-', toString(number % 100))) AS host,
  CAST(number % 3, 'Enum8(\\'ok\\' = 0, \\'slow\\' = 1, \\'failed\\' = 2)') AS state
FROM numbers({ROWS})
"""
SQL = "SELECT * FROM bench"
SETTINGS = {
    "output_format_arrow_compression_method": "none",
    "output_format_arrow_low_cardinality_as_dictionary": "1",
}
#: Loads every module that the large query needs, for all contenders.
WARM_UP = (
    "SELECT now() AS at, 'x' AS name, toLowCardinality('x') AS host, CAST(0, 'Enum8(\\'ok\\' = 0)') AS state"
)
PEER = "clickhouse-connect"
Figures = tuple[float, float, float, float]


def main() -> None:
    if len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
        return
    contenders = [name for name in LARGE if PEER not in name or has_peer()]
    figures: dict[str, list[Figures]] = {name: [] for name in contenders}
    with start_clickhouse() as server:
        server.command(TABLE)
        for number in range(ROUNDS + 1):
            random.shuffle(contenders)
            for name in contenders:
                figure = _run(name, server.port)
                if number:  # the first round warms the server up
                    figures[name].append(figure)
        print_large({name: figures[name] for name in LARGE if name in figures})
        small = {name: call(server.port) for name, call in SMALL.items() if PEER not in name or has_peer()}
        print_table("SELECT 1 AS one", time_side_by_side(small, rounds=20, calls=50))


def measure(name: str, port: int) -> None:
    """Run one contender in this process; print seconds, megabytes of Arrow, peak memory and seconds of CPU
    as JSON."""
    call = LARGE[name](port)
    started, used_before = time.perf_counter(), time.process_time()
    rows, size = call()
    seconds, used = time.perf_counter() - started, time.process_time() - used_before
    assert rows in {ROWS, -1}, rows
    print(json.dumps([seconds, size / 1e6, peak_mib(), used]))


def print_large(figures: dict[str, list[Figures]]) -> None:
    limit = statistics.median(each[0] for each in next(iter(figures.values())))
    print(f"\n{ROWS:,} rows x 6 columns from ClickHouse on loopback, {ROUNDS} shuffled rounds")
    spread = f"{'median s':>9}{'min s':>8}{'max s':>8}{'ratio':>7}"
    print(f"  {'':46}{spread}{'CPU s':>8}{'MB':>6}{'peak RSS MB':>13}")
    for name, measured in figures.items():
        seconds = [each[0] for each in measured]
        median, size = statistics.median(seconds), statistics.median(each[1] for each in measured)
        peak = statistics.median(each[2] for each in measured)
        used = statistics.median(each[3] for each in measured)
        spread = f"{median:9.2f}{min(seconds):8.2f}{max(seconds):8.2f}{median / limit:7.2f}"
        print(f"  {name:46}{spread}{used:8.2f}{size:6.0f}{peak:13.0f}")


def raw_socket(port: int) -> Callable[[], tuple[int, int]]:
    def call() -> tuple[int, int]:
        query = urlencode({"query": SQL, "default_format": "ArrowStream", **SETTINGS}, quote_via=quote)
        size = 0
        buffer = bytearray(1 << 20)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            request = f"GET /?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            while received := connection.recv_into(buffer):
                size += received
        return -1, size

    return call


def headwater_stream(port: int) -> Callable[[], tuple[int, int]]:
    host = _host(f"http://127.0.0.1:{port}")

    def call() -> tuple[int, int]:
        with host.stream("source", SQL) as stream:
            rows = sum(batch.num_rows for batch in stream)
            return rows, stream.bytes

    return call


def headwater_unmended(port: int) -> Callable[[], tuple[int, int]]:
    """The same transport without type repair, to see what repair costs."""
    from headwater.calls import CallContext
    from headwater.models import DataSourceInstanceSettings
    from headwater_clickhouse.engine import Statement
    from headwater_clickhouse.remote import make_remote_engine
    from headwater_clickhouse.settings import ClickHouseSettings

    instance = DataSourceInstanceSettings("u", "n", "clickhouse", url=f"http://127.0.0.1:{port}")
    engine = make_remote_engine(ClickHouseSettings(), instance)
    list(engine.run(Statement(WARM_UP), CallContext()))

    def call() -> tuple[int, int]:
        rows = size = 0
        result = engine.run(Statement(SQL), CallContext())
        for batch in result:
            rows += batch.num_rows
            size += batch.nbytes
        result.close()
        return rows, size

    return call


def headwater_table(port: int) -> Callable[[], tuple[int, int]]:
    host = _host(f"http://127.0.0.1:{port}")

    def call() -> tuple[int, int]:
        table = host.query("source", SQL, max_rows=None, max_bytes=None).table
        return table.num_rows, table.nbytes

    return call


def headwater_embedded(port: int) -> Callable[[], tuple[int, int]]:  # noqa: ARG001
    host = _host("chdb://", writes=True)
    host.query("source", TABLE)

    def call() -> tuple[int, int]:
        with host.stream("source", SQL) as stream:
            rows = sum(batch.num_rows for batch in stream)
            return rows, stream.bytes

    return call


def peer_stream(port: int) -> Callable[[], tuple[int, int]]:
    client = _peer(port)

    def call() -> tuple[int, int]:
        rows = size = 0
        with client.query_arrow_stream(SQL, settings=SETTINGS) as stream:
            for batch in stream:
                rows += batch.num_rows
                size += batch.nbytes
        return rows, size

    return call


def peer_table(port: int) -> Callable[[], tuple[int, int]]:
    client = _peer(port)

    def call() -> tuple[int, int]:
        table = client.query_arrow(SQL, settings=SETTINGS)
        return table.num_rows, table.nbytes

    return call


LARGE: dict[str, Callable[[int], Callable[[], tuple[int, int]]]] = {
    "raw socket, bytes discarded": raw_socket,
    "headwater stream": headwater_stream,
    "headwater stream, types not mended": headwater_unmended,
    "headwater query (one table)": headwater_table,
    f"{PEER} query_arrow_stream": peer_stream,
    f"{PEER} query_arrow (one table)": peer_table,
    "headwater stream, embedded engine": headwater_embedded,
}


def small_headwater(port: int) -> Callable[[], object]:
    host = _host(f"http://127.0.0.1:{port}")
    return lambda: host.query("source", "SELECT 1 AS one").table


def small_headwater_described(port: int) -> Callable[[], object]:
    host = _host(f"http://127.0.0.1:{port}")
    return lambda: host.query("source", "SELECT now() AS one").table


def small_http(port: int) -> Callable[[], object]:
    import urllib3

    pool = urllib3.PoolManager()
    url = f"http://127.0.0.1:{port}/?default_format=ArrowStream"
    return lambda: pool.request("POST", url, body="SELECT 1 AS one").data


def small_peer(port: int) -> Callable[[], object]:
    client = _peer(port)
    return lambda: client.query_arrow("SELECT 1 AS one")


SMALL: dict[str, Callable[[int], Callable[[], object]]] = {
    "headwater query": small_headwater,
    "headwater query that needs DESCRIBE": small_headwater_described,
    "urllib3, bytes only": small_http,
    f"{PEER} query_arrow": small_peer,
}


def has_peer() -> bool:
    return importlib.util.find_spec("clickhouse_connect") is not None


def _host(url: str, *, writes: bool = False) -> Any:
    import logging

    import structlog

    from headwater import Headwater

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    host = Headwater(allow_plugins=["clickhouse"])
    host.add_data_source(name="source", type="clickhouse", url=url, json_data={"allowWrites": writes})
    host.query("source", WARM_UP)
    return host


def _peer(port: int) -> Any:
    import clickhouse_connect

    client = clickhouse_connect.get_client(host="127.0.0.1", port=port, compress=False)
    client.query_arrow(WARM_UP)
    return client


def _run(name: str, port: int) -> Figures:
    done = subprocess.run(
        [sys.executable, str(Path(__file__)), name, str(port)],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    seconds, size, peak, used = json.loads(done.stdout.splitlines()[-1])
    return seconds, size, peak, used


if __name__ == "__main__":
    main()
