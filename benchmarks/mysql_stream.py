"""Streaming memory and small queries of the MySQL plugin, through the whole host.

Memory: 20M rows to a consumer that rests after each batch; the peak over an interpreter with all imports.
Latency: `SELECT 1` on a pooled connection, from `Headwater.query` down to the server and back.
Needs `tests` on PYTHONPATH.
"""

from __future__ import annotations

import logging
import statistics
import subprocess
import sys
import time

import structlog
from memory import peak_mib
from mysql_tables import fill

from headwater import Headwater
from servers.mariadb import start_mariadb
from servers.mysql import start_mysql

TABLE_ROWS, TIMES = 1_000_000, 20
REPEAT = " UNION ALL ".join(f"SELECT {n} AS r" for n in range(TIMES))
SQL = f"SELECT n.id, n.metric, n.value FROM narrow n, ({REPEAT}) AS repeated"
PASSWORD = "wasser-fällt"


def main() -> None:
    if len(sys.argv) > 1:
        measure(sys.argv[1], int(sys.argv[2]), sys.argv[3])
        return
    for start in (start_mariadb, start_mysql):
        with start() as server:
            fill(server, "narrow", TABLE_ROWS)
            print(f"\n{server.flavour}")
            for what, decoder in (
                ("imports", "native"), ("memory", "native"), ("memory", "numpy"), ("latency", "native"),
            ):  # fmt: skip
                subprocess.run([sys.executable, __file__, what, str(server.port), decoder], check=True)


def measure(what: str, port: int, decoder: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with Headwater() as headwater:
        headwater.add_data_source(
            type="mysql", name="db", url=f"127.0.0.1:{port}", user="headwater", database="headwater",
            json_data={"decoder": decoder}, secure_json_data={"password": PASSWORD},
        )  # fmt: skip
        headwater.query("db", "SELECT 1")
        if what == "latency":
            latency(headwater)
        elif what == "memory":
            memory(headwater, decoder)
        else:
            print(f"  peak after one small query: {peak_mib():.0f} MB")


def memory(headwater: Headwater, decoder: str) -> None:
    before, started, rows = peak_mib(), time.perf_counter(), 0
    with headwater.stream("db", SQL) as stream:
        for batch in stream:
            rows += batch.num_rows
            time.sleep(0.01)
    seconds = time.perf_counter() - started
    peak = peak_mib()
    print(f"  {decoder}: {rows:,} rows in {seconds:.1f} s, peak {peak:.0f} MB, {peak - before:.0f} more")


def latency(headwater: Headwater) -> None:
    times = []
    for _ in range(2000):
        started = time.perf_counter()
        headwater.query("db", "SELECT 1")
        times.append(time.perf_counter() - started)
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    print(f"  SELECT 1 through the host: median {p50 * 1000:.2f} ms, p99 {p99 * 1000:.2f} ms")


if __name__ == "__main__":
    main()
