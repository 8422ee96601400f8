"""MySQL and MariaDB to Arrow, beside other clients: wall time, CPU time and memory, one shuffled run.

    python benchmarks/mysql_decode.py                     both servers, 2M x 16 and 5M x 3 rows, 3 runs each
    python benchmarks/mysql_decode.py --rows 0.1          a tenth of the rows
    python benchmarks/mysql_decode.py --server mariadb --runs 5

Every measurement is a process of its own. The floor receives the same bytes and throws them away. Peers that
are not installed (connectorx, mysqlclient, arrow-odbc) are left out and named.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from mysql_tables import fill

from servers.mariadb import start_mariadb
from servers.mysql import start_mysql
from servers.mysql_family import DATABASE

ROWS = {"wide": 2_000_000, "narrow": 5_000_000}
PASSWORD = "benchmark"  # of letters only: some peers take it in a URL
SLOW = {"pymysql", "mysqlclient"}
MODULES = {"connectorx_stream": "connectorx", "connectorx_arrow": "connectorx", "mysqlclient": "MySQLdb"}


@attrs.frozen
class Task:
    """What a measuring process is asked to read."""

    port: int
    table: str
    rows: int

    @property
    def sql(self) -> str:
        return f"SELECT * FROM {self.table}"

    @property
    def url(self) -> str:
        return f"mysql://bench:{PASSWORD}@127.0.0.1:{self.port}/{DATABASE}"


def imports(task: Task) -> int:
    """Nothing but the interpreter with its imports."""
    return task.rows


def floor(task: Task) -> int:
    """The bytes of the binary protocol, received and thrown away; rows are not counted."""
    from headwater_mysql.protocol.results import parse_prepared

    connection = _connection(task, "native")
    answer = connection._packets(connection._send(b"\x16" + task.sql.encode()))
    statement, columns, _ = parse_prepared(next(answer))
    for _ in range(columns):
        next(answer)
    space = bytearray(256 << 10)
    connection._send(b"\x17" + statement.to_bytes(4, "little") + b"\0\x01\0\0\0")
    tail = b""
    while not _is_end(tail):
        count = connection._socket.recv_into(space)
        tail = (tail + bytes(space[max(0, count - 11) : count]))[-11:]
    return task.rows


def _is_end(tail: bytes) -> bool:
    """Whether the last 11 bytes are an OK packet that ends a result: length 7, 0xFE, nothing affected."""
    return tail[:3] == b"\x07\0\0" and tail[4:7] == b"\xfe\0\0"


def native(task: Task) -> int:
    return _headwater(task, decoder="native")


def numpy(task: Task) -> int:
    return _headwater(task, decoder="numpy")


def native_text(task: Task) -> int:
    return _headwater(task, decoder="native", wire_protocol="text")


def native_4_connections(task: Task) -> int:
    return _headwater(task, decoder="native", partitions=4, partition_column="id")


def connectorx_stream(task: Task) -> int:
    import connectorx

    reader = connectorx.read_sql(task.url, task.sql, return_type="arrow_stream", batch_size=65_536)
    return sum(batch.num_rows for batch in reader)


def connectorx_arrow(task: Task) -> int:
    import connectorx

    return int(connectorx.read_sql(task.url, task.sql, return_type="arrow").num_rows)


def mysqlclient(task: Task) -> int:
    import MySQLdb  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import MySQLdb.cursors  # type: ignore[import-not-found, import-untyped, unused-ignore]

    connection = MySQLdb.connect(
        host="127.0.0.1", port=task.port, user="bench", passwd=PASSWORD, db=DATABASE, charset="utf8mb4",
        cursorclass=MySQLdb.cursors.SSCursor,
    )  # fmt: skip
    return _count(connection.cursor(), task)


def pymysql(task: Task) -> int:
    import pymysql as driver
    import pymysql.cursors

    connection = driver.connect(
        host="127.0.0.1", port=task.port, user="bench", password=PASSWORD, database=DATABASE,
        cursorclass=pymysql.cursors.SSCursor, ssl_disabled=True,
    )  # fmt: skip
    return _count(connection.cursor(), task)


ROUTES: dict[str, Callable[[Task], int]] = {
    route.__name__: route
    for route in (
        imports, floor, native, numpy, native_text, native_4_connections, connectorx_stream,
        connectorx_arrow, mysqlclient, pymysql,
    )
}  # fmt: skip


def _count(cursor: Any, task: Task) -> int:
    """Read rows as Python objects, as these drivers do."""
    cursor.execute(task.sql)
    count = 0
    while rows := cursor.fetchmany(10_000):
        count += len(rows)
    return count


def _settings(task: Task, **changes: Any) -> tuple[Any, Any]:
    from headwater.models import DataSourceInstanceSettings
    from headwater.secrets import Secret
    from headwater_mysql.settings import MySQLSettings

    instance = DataSourceInstanceSettings(
        uid="bench", name="bench", type="mysql", url=f"127.0.0.1:{task.port}", user="bench", database=DATABASE
    )
    return MySQLSettings(password=Secret(PASSWORD), **changes), instance


def _connection(task: Task, decoder: str) -> Any:
    from headwater_mysql.connection import Connection
    from headwater_mysql.decode.choice import choose_decoder
    from headwater_mysql.handshake import Target

    return Connection.open(Target.of(*_settings(task)), 10, choose_decoder(decoder)[1])


def _headwater(task: Task, *, partitions: int = 1, partition_column: str = "", **settings: Any) -> int:
    """Through the data source's own query method: pool, macros, stream."""
    from headwater.calls import CallContext
    from headwater_mysql.datasource import MySQLDataSource
    from headwater_mysql.query_model import MySQLQuery

    data_source = MySQLDataSource(*_settings(task, **settings))
    query = MySQLQuery(raw_sql=task.sql, partitions=partitions, partition_column=partition_column)
    with CallContext() as context, data_source.query(query, context) as stream:  # type: ignore[union-attr]
        count = sum(int(batch.num_rows) for batch in stream)
    data_source.close()
    return count


def measure(route: str, task: Task) -> None:
    """In the measuring process: warm imports are not timed, the server's cache is warm."""
    try:
        importlib.import_module("headwater_mysql.datasource")
        importlib.import_module(MODULES.get(route, "pymysql"))

        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        count = ROUTES[route](task)
    except ImportError as error:
        print(json.dumps({"missing": error.name}))
        return
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert count == task.rows, f"{count} rows"
    print(json.dumps({"seconds": seconds, "cpu": cpu, "rss": after.ru_maxrss / 1024}))


def run(server: str, port: int, rows: dict[str, int], runs: int) -> None:
    plan = [(route, table) for route in ROUTES for table in rows for _ in range(1 if route in SLOW else runs)]
    random.shuffle(plan)
    results: dict[tuple[str, str], list[dict[str, float]]] = {}
    missing: set[str] = set()
    for route, table in plan:
        command = [
            sys.executable, __file__, "--measure", route, "--port", str(port), "--table", table,
            "--count", str(rows[table]),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            missing.add(f"{route} ({done.stderr.strip().splitlines()[-1]})")
            continue
        found = json.loads(done.stdout)
        if "missing" in found:
            missing.add(f"{route} ({found['missing']} is not installed)")
        else:
            results.setdefault((route, table), []).append(found)
    for table, count in rows.items():
        print(f"\n{server}, {table}: {count:,} rows, medians of {runs} (slow peers: 1)\n")
        print_table({route: found for (route, each), found in results.items() if each == table})
    print("\nleft out:", ", ".join(sorted(missing)) or "nothing")


def print_table(results: dict[str, list[dict[str, float]]]) -> None:
    medians = {
        route: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for route, runs in results.items()
    }
    base, peer = medians["floor"]["seconds"], medians.get("connectorx_stream", {}).get("seconds")
    print(f"{'route':24}{'seconds':>9}{'CPU s':>8}{'RSS MB':>8}{'x floor':>9}{'x connectorx speed':>20}")
    for route in sorted(medians, key=lambda route: medians[route]["seconds"]):
        found = medians[route]
        speed = f"{peer / found['seconds']:.2f}" if peer and route != "imports" else "-"
        print(
            f"{route:24}{found['seconds']:9.2f}{found['cpu']:8.2f}{found['rss']:8.0f}"
            f"{found['seconds'] / base:9.2f}{speed:>20}"
        )


def servers(wanted: str) -> Iterator[tuple[str, Any]]:
    yield from ((name, start) for name, start in (("mariadb", start_mariadb), ("mysql", start_mysql))
                if wanted in (name, "both"))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", choices=["mariadb", "mysql", "both"], default="both")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", type=float, default=1.0, help="share of the full number of rows")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--table", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure, Task(arguments.port, arguments.table, arguments.count))
        return
    rows = {table: int(count * arguments.rows) for table, count in ROWS.items()}
    for name, start in servers(arguments.server):
        with ExitStack() as stack:
            server = stack.enter_context(start("--innodb-buffer-pool-size=2G"))
            server.execute(
                f"CREATE USER bench IDENTIFIED BY '{PASSWORD}'", f"GRANT ALL ON {DATABASE}.* TO bench"
            )
            for table, count in rows.items():
                fill(server, table, count)
            run(name, server.port, rows, arguments.runs)


if __name__ == "__main__":
    main()
