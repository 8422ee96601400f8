"""Small queries over HTTP, beside the endpoints that a user would write instead.

Each contender runs in a process of its own and answers the same question: two walks of 100 values from
testdata; 100 rows of MariaDB; 100 rows of ClickHouse. The figure that compares is the CPU time of a request,
the server's own and not its database's: requests a second also tell how fast this script's client is.
Needs `tests` on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

WALK = {"scenario": "random_walk", "seriesCount": 2, "maxDataPoints": 100}
SQL = {"rawSql": "SELECT id, metric, value FROM narrow WHERE id < 100"}
NUMBERS = {
    "rawSql": "SELECT number AS id, 'sensor-' || toString(number % 50) AS metric, number / 7 AS value "
    "FROM numbers(100)"
}
CONNECTIONS = (1, 16, 64)
ROUNDS, SECONDS = 5, 1.0
RANGE = {"from": "1700000000000", "to": "1700003564000"}
"""The scenario's hour has 100 steps of 36 s."""


@frozen
class Endpoint:
    port: int
    pid: int
    request: bytes

    def cpu_seconds(self) -> float:
        """Of the process and its children that are workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(_cpu_ticks(pid) for pid in (self.pid, *children)) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    compare(
        "2 x 100 values of testdata",
        WALK,
        {
            "bare route, values at hand": "bare",
            "bare route, query in its thread": "in-process",
            "FastAPI, testdata's function": "fastapi",
            "host": "host",
            "host, audit log on": "host --audit",
            "host, remembered": "host --cache",
            "host, 2 workers": "host --workers=2",
        },
    )
    from mysql_tables import fill

    from servers.clickhouse import start_clickhouse
    from servers.mariadb import start_mariadb

    with start_mariadb() as server:
        fill(server, "narrow", 1000)
        tell_database(port=server.port, user=server.user, password=server.password, database=server.database)
        compare("100 rows of MariaDB", SQL, {"FastAPI, PyMySQL": "fastapi-pymysql", "host": "host --mysql"})
    with start_clickhouse() as clickhouse:
        tell_database(port=clickhouse.port, user="default", password="", database="default")
        contenders = {"FastAPI, clickhouse-connect": "fastapi-clickhouse", "host": "host --clickhouse"}
        compare("100 rows of ClickHouse", NUMBERS, contenders)


def tell_database(**database: Any) -> None:
    os.environ["BENCHMARK_DATABASE"] = json.dumps(database)


def told_database() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(os.environ["BENCHMARK_DATABASE"])
    return found


def compare(title: str, query: dict[str, Any], contenders: dict[str, str]) -> None:
    with ExitStack() as stack:
        endpoints = {name: stack.enter_context(served(how, query)) for name, how in contenders.items()}
        for endpoint in endpoints.values():
            asyncio.run(hammer(endpoint, 4, 1.0))
        for connections in CONNECTIONS:
            measure(f"{title}, {connections} connection(s)", endpoints, connections)


def measure(title: str, endpoints: dict[str, Endpoint], connections: int) -> None:
    """The median of several rounds, each with all contenders in a new order."""
    cpu: dict[str, list[float]] = {name: [] for name in endpoints}
    rates: dict[str, list[float]] = {name: [] for name in endpoints}
    latencies: dict[str, list[float]] = {name: [] for name in endpoints}
    order = list(endpoints.items())
    for _ in range(ROUNDS):
        random.shuffle(order)
        for name, endpoint in order:
            before, started = endpoint.cpu_seconds(), time.perf_counter()
            found = asyncio.run(hammer(endpoint, connections, SECONDS))
            rates[name].append(len(found) / (time.perf_counter() - started))
            cpu[name].append((endpoint.cpu_seconds() - before) / len(found))
            latencies[name] += found
    first = statistics.median(next(iter(cpu.values())))
    print(f"\n{title} (medians of {ROUNDS} rounds)")
    print(f"  {'':34}CPU µs   ratio  requests/s   p50 ms   p99 ms")
    for name in endpoints:
        used, times = statistics.median(cpu[name]), sorted(latencies[name])
        p50, p99 = (1000 * times[int(len(times) * part)] for part in (0.5, 0.99))
        print(
            f"  {name:32}{1e6 * used:8.0f}{used / first:8.2f}"
            f"{statistics.median(rates[name]):12,.0f}{p50:9.2f}{p99:9.2f}",
            flush=True,
        )


async def hammer(endpoint: Endpoint, connections: int, lasting: float) -> list[float]:
    """Seconds of each request, over connections that stay open."""
    end = time.perf_counter() + lasting

    async def one() -> list[float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
        taken = []
        while (started := time.perf_counter()) < end:
            writer.write(endpoint.request)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head[:16]:
                raise RuntimeError(head.decode())
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            taken.append(time.perf_counter() - started)
        writer.close()
        return taken

    found = await asyncio.gather(*(one() for _ in range(connections)))
    return [seconds for each in found for seconds in each]


@contextmanager
def served(how: str, query: dict[str, Any]) -> Iterator[Endpoint]:
    command = [sys.executable, __file__, "--serve", how]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        port, token = process.stdout.readline().split()
        yield Endpoint(int(port), process.pid, _request(query, token))
    finally:
        process.terminate()
        process.wait(60)


def _request(query: dict[str, Any], token: str) -> bytes:
    asked = {"refId": "A", "datasource": {"uid": "demo"}, "intervalMs": 36_000, **query}
    body = json.dumps({**RANGE, "queries": [asked]}).encode()
    head = (
        "POST /api/ds/query HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    return head.encode() + b"\r\n" + body


def _cpu_ticks(pid: object) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


# --- the contenders, each in its process -------------------------------------------------------------


def serve_host(options: list[str]) -> None:
    """The host as `headwater serve` runs it, with its limits lifted: here it is one caller who asks."""
    import logging
    from functools import partial

    import structlog

    from headwater_server.serving import ListenOptions, serve, serve_workers

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING), cache_logger_on_first_use=True
    )
    from headwater_server.auth import new_token

    made = new_token()
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], made.secret.reveal(), flush=True)
    workers = next((int(each.partition("=")[2]) for each in options if each.startswith("--workers=")), 1)
    if workers > 1:
        serve_workers(partial(_work, made.digest, options), workers, ListenOptions(), [listening])
    else:
        app = _host_app(made.digest, options)
        serve(app, ListenOptions(), [listening])


def _work(digest: bytes, options: list[str], channel: socket.socket) -> None:
    from headwater_server.serving import ListenOptions
    from headwater_server.serving.worker_server import serve_connections

    serve_connections(_host_app(digest, options), ListenOptions(), channel)


def _host_app(digest: bytes, options: list[str]) -> Any:
    from headwater import Headwater
    from headwater.frames import start_arrow_without_pandas
    from headwater.queries import AnswerCache, CacheRule
    from headwater_server.audit import FileAuditLog
    from headwater_server.auth import ApiToken, Authenticator, CallerLimits, MemoryTokenStore, Role
    from headwater_server.http import create_app
    from headwater_server.metrics import HostMetrics

    start_arrow_without_pandas()
    metrics = HostMetrics()
    cache = AnswerCache(CacheRule(ttl=3600)) if "--cache" in options else None
    headwater = Headwater(middlewares=(metrics.plugin_middleware,), answer_cache=cache)
    if "--mysql" in options:
        headwater.add_data_source(
            "demo", type="mysql", uid="demo", url=f"127.0.0.1:{told_database()['port']}",
            user=told_database()["user"], database=told_database()["database"],
            secure_json_data={"password": told_database()["password"]},
        )  # fmt: skip
    elif "--clickhouse" in options:
        headwater.add_data_source(
            "demo", type="clickhouse", uid="demo", url=f"http://127.0.0.1:{told_database()['port']}"
        )
    else:
        headwater.add_data_source("demo", type="testdata", uid="demo")
    audit = FileAuditLog(Path(tempfile.mkdtemp()) / "audit.jsonl") if "--audit" in options else None
    return create_app(
        headwater,
        authenticator=Authenticator(MemoryTokenStore([ApiToken("benchmark", digest, Role.ADMIN)])),
        limits=CallerLimits(requests_per_second=None, concurrent_requests=None),
        metrics=metrics,
        audit=audit,
    )


def serve_bare(*, in_process: bool) -> None:
    """The least that answers the same: parse the body, encode values that are there already.

    With `in_process` they come from the query, run in the thread of the request: no caller, no limits.
    """
    import orjson
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from headwater import Headwater
    from headwater.calls import CallerThread
    from headwater.frames import encode_response

    headwater = Headwater(workers=CallerThread())
    headwater.add_data_source("demo", type="testdata", uid="demo")
    asked = {"refId": "A", "datasource": {"uid": "demo"}, "intervalMs": 36_000, **WALK}
    answer = orjson.loads(encode_response(headwater.query_data({**RANGE, "queries": [asked]})))

    async def query(request: Request) -> Response:
        sent = orjson.loads(await request.body())
        if in_process:
            return Response(encode_response(headwater.query_data(sent)), media_type="application/json")
        return Response(orjson.dumps(answer), media_type="application/json")

    serve_app(Starlette(routes=[Route("/api/ds/query", query, methods=["POST"])]))


def serve_fastapi(rows_of: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> None:
    """What one would write: a body that pydantic checks, a blocking call in the thread pool, rows as JSON."""
    from fastapi import FastAPI
    from fastapi.concurrency import run_in_threadpool
    from pydantic import BaseModel

    class Body(BaseModel):
        queries: list[dict[str, Any]]

    Body.model_rebuild()
    app = FastAPI()

    async def query(body: Body) -> dict[str, Any]:
        return {"rows": await run_in_threadpool(rows_of, body.queries[0])}

    query.__annotations__["body"] = Body
    app.post("/api/ds/query")(query)
    serve_app(app)


def walks() -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    from headwater.calls import CallContext
    from headwater.models import DataQuery, DataSourceInstanceSettings, TimeRange
    from headwater_testdata.data_source import ScenarioSource
    from headwater_testdata.query import ScenarioQuery
    from headwater_testdata.settings import ScenarioSettings

    instance = DataSourceInstanceSettings(uid="u", name="n", type="testdata")
    source = ScenarioSource(ScenarioSettings(), instance)
    hour = TimeRange.from_epoch_ms(int(RANGE["from"]), int(RANGE["to"]))

    def rows_of(query: dict[str, Any]) -> list[dict[str, Any]]:
        asked = DataQuery(max_data_points=100, interval_ms=36_000, time_range=hour, json=query)
        model = ScenarioQuery(scenario=query["scenario"], series_count=query["seriesCount"], data_query=asked)
        frames: Any = source.query(model, CallContext())
        return [row for frame in frames for row in frame.to_pylist()]

    return rows_of


def pymysql_rows() -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    import threading

    import pymysql

    local = threading.local()  # a connection for each thread of the pool

    def rows_of(query: dict[str, Any]) -> list[dict[str, Any]]:
        if not hasattr(local, "connection"):
            local.connection = pymysql.connect(
                host="127.0.0.1", cursorclass=pymysql.cursors.DictCursor,
                **told_database() | {"password": told_database()["password"].encode()}
            )  # fmt: skip
        with local.connection.cursor() as cursor:
            cursor.execute(query["rawSql"])
            return list(cursor.fetchall())

    return rows_of


def clickhouse_rows() -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    import clickhouse_connect

    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=told_database()["port"], autogenerate_session_id=False
    )

    def rows_of(query: dict[str, Any]) -> list[dict[str, Any]]:
        return list(client.query(query["rawSql"]).named_results())

    return rows_of


def serve_app(app: Any) -> None:
    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], "none", flush=True)
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_config=None)).run(sockets=[listening])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", default="")
    match parser.parse_args().serve.split():
        case ["host", *options]:
            serve_host(options)
        case ["bare"]:
            serve_bare(in_process=False)
        case ["in-process"]:
            serve_bare(in_process=True)
        case ["fastapi"]:
            serve_fastapi(walks())
        case ["fastapi-pymysql"]:
            serve_fastapi(pymysql_rows())
        case ["fastapi-clickhouse"]:
            serve_fastapi(clickhouse_rows())
        case _:
            main()
