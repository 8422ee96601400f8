"""Rows over Flight SQL beside the wire's limit: Flight's own server that does nothing but send them.

Each server runs in a process of its own and sends the same batches from memory. The last line tells the
host's memory before and after a long stream. Needs `tests` on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import frozen
from memory import peak_mib
from pyarrow import flight
from timing import print_table, time_side_by_side

from headwater.frames import FrameStream
from headwater.sdk import CallContext, CheckHealthResult, DataSource, DataSourcePlugin, Query

BATCH_ROWS, BATCHES = 65_536, 64


@frozen
class Settings:
    pass


@frozen
class BatchQuery(Query):
    batches: int = 1


def batch() -> pa.RecordBatch:
    """36 bytes a row: an id, a moment, a number, one of 50 names."""
    ids = np.arange(BATCH_ROWS)
    return pa.record_batch(
        {
            "id": ids,
            "time": pa.array(ids * 1000, pa.timestamp("ms", "UTC")),
            "value": np.random.default_rng(1).random(BATCH_ROWS),
            "name": pa.array([f"sensor-{each % 50}" for each in range(BATCH_ROWS)]),
        }
    )


def serve_bare() -> None:
    rows = batch()

    class Bare(flight.FlightServerBase):  # type: ignore[misc]
        def do_get(self, _context: Any, ticket: flight.Ticket) -> flight.FlightDataStream:
            return flight.GeneratorStream(rows.schema, (rows for _ in range(int(ticket.ticket))))

    server = Bare("grpc://127.0.0.1:0")
    print(server.port, "", flush=True)
    sys.stdin.read()


def serve_headwater() -> None:
    from headwater import Headwater
    from headwater_server.flight import flight_service
    from headwater_server.http import create_app
    from headwater_server.serving import ListenOptions
    from servers.http_host import admin_authenticator, run_host
    from servers.process import free_port

    rows = batch()

    class Memory(DataSource[Settings, BatchQuery]):
        def query(self, query: BatchQuery, context: CallContext) -> FrameStream:
            del context
            return FrameStream(rows.schema, (rows for _ in range(query.batches)))

        def check_health(self, context: CallContext) -> CheckHealthResult:
            del context
            return CheckHealthResult.ok("Ready.")

    class Plugin(DataSourcePlugin):
        id = "memory"
        version = "1"
        settings_type = Settings
        query_type = BatchQuery
        data_source = Memory

    with Headwater() as headwater:
        headwater.add_plugin("memory", Plugin())
        headwater.add_data_source(name="memory", type="memory")
        authenticator, token = admin_authenticator()
        listen = ListenOptions(port=free_port())
        app = create_app(headwater, authenticator=authenticator, services=[flight_service(listen)])
        with run_host(app, token):
            print(listen.port, token, flush=True)
            sys.stdin.read()


@contextmanager
def server(kind: str) -> Iterator[tuple[int, str, int]]:
    """Port, token and pid."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port, _, token = process.stdout.readline().strip().partition(" ")
        yield int(port), token, process.pid
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def reader(port: int, token: str) -> Callable[[int], int]:
    """Reads so many batches; the rows that came."""
    client = flight.connect(f"grpc://127.0.0.1:{port}")
    if not token:
        return lambda batches: _count(client.do_get(flight.Ticket(str(batches).encode())))
    options = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {token}".encode())])

    def read(batches: int) -> int:
        descriptor = flight.FlightDescriptor.for_path("memory", f'{{"batches": {batches}}}')
        info = client.get_flight_info(descriptor, options)
        return _count(client.do_get(info.endpoints[0].ticket, options))

    return read


def _count(stream: flight.FlightStreamReader) -> int:
    return sum(chunk.data.num_rows for chunk in stream)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--serve", choices=["bare", "headwater"])
    options.add_argument("--rounds", type=int, default=5)
    arguments = options.parse_args()
    if arguments.serve:
        {"bare": serve_bare, "headwater": serve_headwater}[arguments.serve]()
        return
    with ExitStack() as stack:
        bare = stack.enter_context(server("bare"))
        ours = stack.enter_context(server("headwater"))
        readers = {"Flight alone": reader(*bare[:2]), "Flight SQL of a host": reader(*ours[:2])}
        for title, batches in (("1 row group", 1), (f"{BATCH_ROWS * BATCHES:,} rows", BATCHES)):
            timed = {name: lambda read=read, n=batches: read(n) for name, read in readers.items()}
            print_table(title, time_side_by_side(timed, rounds=arguments.rounds))
        size = batch().nbytes * BATCHES / 1e6
        print(f"\n{size:.0f} MB of Arrow in the second table")
        before = peak_mib(ours[2])
        rows = readers["Flight SQL of a host"](20_000_000 // BATCH_ROWS)
        print(f"{rows:,} rows in one stream: host's peak memory {before:.0f} -> {peak_mib(ours[2]):.0f} MiB")


if __name__ == "__main__":
    main()
