"""Large answers of the HTTP host beside the codec's own speed. The host runs in a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen
from memory import forget_peak, peak_mib, resident_mib
from timing import print_table

LARGE = {"scenario": "streaming_rows", "rows": 1_000_000, "batchRows": 65_536}
"""In batches of the size that ClickHouse, too, sends."""
SMALL = {"scenario": "random_walk", "seriesCount": 2, "maxDataPoints": 100}
JSON, ARROW = "application/json", "application/vnd.apache.arrow.stream"


@frozen
class Served:
    port: int
    pid: int
    token: str

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=600)

    def request(self, query: dict[str, Any], accept: str = JSON) -> bytes:
        """A whole request for `query`; the scenario's hour has 100 steps of 36 s."""
        asked = {"refId": "A", "datasource": {"uid": "demo"}, "intervalMs": 36_000, **query}
        body = json.dumps({"from": "1700000000000", "to": "1700003564000", "queries": [asked]}).encode()
        head = [
            "POST /api/ds/query HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {self.token}",
            f"Accept: {accept}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    with served() as host:
        large_answers(host)
        small_meanwhile(host)
    with served() as host:
        many_large_answers(host)


def large_answers(host: Served, rounds: int = 5) -> None:
    """The codec's time is that of the query and of encoding its answer in this process."""
    from headwater import Headwater
    from headwater.frames import iter_response
    from headwater_server.metrics import HostMetrics

    seconds: dict[str, list[float]] = {"query and codec, in process": [], "JSON": [], "Arrow": []}
    extra: list[float] = []
    size = 0
    with Headwater(middlewares=(HostMetrics().plugin_middleware,)) as headwater:
        headwater.add_data_source(type="testdata", name="demo", uid="demo")
        asked = {"refId": "A", "datasource": {"uid": "demo"}, **LARGE}
        body = {"from": "1700000000000", "to": "1700003564000", "queries": [asked]}

        def in_process() -> None:
            for _ in iter_response(headwater.query_data(body)):
                pass

        def over_http(accept: str) -> int:
            return receive(host, host.request(LARGE, accept))

        in_process()
        over_http(JSON)
        over_http(ARROW)
        for _ in range(rounds):
            order = list(seconds)
            random.shuffle(order)
            for name in order:
                forget_peak(host.pid)
                before = resident_mib(host.pid)
                started = time.perf_counter()
                if name == "JSON":
                    size = over_http(JSON)
                elif name == "Arrow":
                    over_http(ARROW)
                else:
                    in_process()
                seconds[name].append(time.perf_counter() - started)
                if name == "JSON":
                    extra.append(peak_mib(host.pid) - before)
    print_table(f"1,000,000 x 4 values, {size / 1e6:.0f} MB of JSON", seconds)
    median = {name: statistics.median(figures) for name, figures in seconds.items()}
    print(f"  JSON reaches {median['query and codec, in process'] / median['JSON']:.0%} of the codec's speed")
    print(f"  Arrow is {median['JSON'] / median['Arrow']:.1f} times as fast as JSON")
    print(f"  extra memory for a JSON answer: {statistics.median(extra):.0f} MB, the result itself included")


def small_meanwhile(host: Served) -> None:
    """Latency of /healthz and of a small query while two clients read large answers one after the other."""
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            receive(host, host.request(LARGE))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    asked = {
        "/healthz": b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "a small query": host.request(SMALL),
    }
    times: dict[str, list[float]] = {name: [] for name in asked}
    with host.connect() as connection:
        for _ in range(400):
            for name, request in asked.items():
                started = time.perf_counter()
                connection.sendall(request)
                connection.recv(65536)
                times[name].append(time.perf_counter() - started)
            time.sleep(0.01)
    stop.set()
    for reader in readers:
        reader.join()
    for name, found in times.items():
        found.sort()
        shown = ", ".join(f"{1000 * found[int(len(found) * part)]:.1f}" for part in (0.5, 0.99))
        print(f"\n{name} while two large answers stream: median and 99th percentile {shown} ms")


def many_large_answers(host: Served, clients: int = 64) -> None:
    threads = [threading.Thread(target=receive, args=(host, host.request(LARGE))) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(
        f"\n{clients} clients at once, 1,000,000 x 4 JSON each: {time.perf_counter() - started:.1f} s, "
        f"peak memory of the host {peak_mib(host.pid):.0f} MB"
    )


def receive(server: Served, request: bytes) -> int:
    """Bytes of an answer that ends its connection."""
    total = 0
    with server.connect() as connection:
        connection.sendall(request.replace(b"Host:", b"Connection: close\r\nHost:", 1))
        while part := connection.recv(1 << 20):
            total += len(part)
    return total


@contextmanager
def served() -> Iterator[Served]:
    command = [sys.executable, __file__, "--serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        port, token = process.stdout.readline().split()
        yield Served(int(port), process.pid, token)
    finally:
        process.terminate()
        process.wait(30)


def serve_host() -> None:
    import logging

    import structlog

    from headwater import Headwater
    from headwater_server.auth import ApiToken, Authenticator, CallerLimits, MemoryTokenStore, Role, new_token
    from headwater_server.http import create_app
    from headwater_server.metrics import HostMetrics
    from headwater_server.serving import HeadwaterServer, ListenOptions
    from headwater_server.serving.memory import keep_memory_low

    keep_memory_low()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING), cache_logger_on_first_use=True
    )
    made, metrics = new_token(), HostMetrics()
    tokens = MemoryTokenStore([ApiToken("benchmark", made.digest, Role.ADMIN)])
    limits = CallerLimits(requests_per_second=None, concurrent_requests=None)
    with Headwater(middlewares=(metrics.plugin_middleware,)) as headwater:
        headwater.add_data_source(type="testdata", name="demo", uid="demo")
        app = create_app(headwater, authenticator=Authenticator(tokens), limits=limits, metrics=metrics)
        listening = socket.create_server(("127.0.0.1", 0))
        print(listening.getsockname()[1], made.secret.reveal(), flush=True)
        HeadwaterServer(app, ListenOptions()).run(sockets=[listening])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true")
    if parser.parse_args().serve:
        serve_host()
    else:
        main()
