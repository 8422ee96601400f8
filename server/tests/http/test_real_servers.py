"""Real servers behind the host: answers, and what happens at the server when a client leaves."""

from __future__ import annotations

import io
import json
import logging
import random
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.parquet
import pytest

from headwater import Headwater
from headwater.frames import decode_chunks, decode_stream
from headwater_server.http import create_app
from servers.clickhouse import ClickHouseServer, start_clickhouse
from servers.http_host import ListedAudit, RunningHost, admin_authenticator, eventually, run_host
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer
from servers.prometheus import PrometheusServer, start_prometheus

FORMS = ["application/json", "text/jsonl", "application/vnd.apache.arrow.stream"]


@pytest.fixture(scope="module")
def audit() -> ListedAudit:
    return ListedAudit()


@pytest.fixture(scope="module")
def host(audit: ListedAudit) -> Iterator[RunningHost]:
    authenticator, admin = admin_authenticator()
    with Headwater() as headwater:
        headwater.add_data_source("testdata", type="testdata", uid="testdata")
        app = create_app(headwater, authenticator=authenticator, audit=audit)
        with run_host(app, admin) as running:
            yield running


@pytest.fixture(scope="module")
def mariadb(host: RunningHost) -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        add(
            host,
            type="mysql",
            uid="mariadb",
            url=server.address,
            user=server.user,
            database=server.database,
            secureJsonData={"password": server.password},
        )
        yield server


@pytest.fixture(scope="module")
def clickhouse(host: RunningHost) -> Iterator[ClickHouseServer]:
    with start_clickhouse() as server:
        add(host, type="clickhouse", uid="clickhouse", url=server.url)
        yield server


@pytest.fixture(scope="module")
def prometheus(host: RunningHost) -> Iterator[PrometheusServer]:
    with start_prometheus() as server:
        add(host, type="prometheus", uid="prometheus", url=server.url)
        yield server


def add(host: RunningHost, **body: Any) -> None:
    with host.client() as client:
        answer = client.post("/api/datasources", json={"name": body["uid"], **body})
    assert answer.status_code == 200, answer.text


def ask(uid: str, **query: Any) -> dict[str, Any]:
    queries = [{"refId": "A", "datasource": {"uid": uid}, **query}]
    return {"from": "now-1h", "to": "now", "queries": queries}


def values(host: RunningHost, body: dict[str, Any]) -> list[list[Any]]:
    with host.client() as client:
        answer = client.post("/api/ds/query", json=body)
    assert answer.status_code == 200, answer.text
    columns: list[list[Any]] = answer.json()["results"]["A"]["frames"][0]["data"]["values"]
    return columns


def leave(host: RunningHost, body: dict[str, Any], accept: str) -> socket.socket:
    """Send a query and do not wait; closing what is returned is leaving."""
    content = json.dumps(body).encode()
    head = [
        "POST /api/ds/query HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {host.admin}",
        f"Accept: {accept}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    connection = host.connect()
    connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + content)
    return connection


def test_mariadb_answers_and_is_well(host: RunningHost, mariadb: DatabaseServer) -> None:
    sql = "SELECT 7 AS n, 'Zürich' AS city"
    assert values(host, ask("mariadb", rawSql=sql, format="table")) == [[7], ["Zürich"]]
    with host.client() as client:
        assert client.get("/api/datasources/uid/mariadb/health").json()["status"] == "OK"


@pytest.mark.parametrize("accept", FORMS)
def test_a_client_that_leaves_kills_its_query_at_mariadb(
    host: RunningHost, mariadb: DatabaseServer, accept: str
) -> None:
    find = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(77)%'"
    connection = leave(host, ask("mariadb", rawSql="SELECT SLEEP(77) AS n", format="table"), accept)
    assert eventually(lambda: mariadb.rows(find))
    connection.close()
    assert eventually(lambda: not mariadb.rows(find))


def test_a_notice_that_comes_after_the_rows_arrives_in_every_form(
    host: RunningHost, clickhouse: ClickHouseServer
) -> None:
    limit = {"enableRowLimit": True, "rowLimit": 100_000}
    add(host, type="clickhouse", uid="limited", url=clickhouse.url, jsonData=limit)
    body = ask("limited", rawSql="SELECT number FROM numbers(1000000)", format=1)

    def content(accept: str) -> bytes:
        with host.client() as client:
            return client.post("/api/ds/query", json=body, headers={"Accept": accept}).content

    stream = decode_stream(content("application/vnd.apache.arrow.stream"))
    assert not stream.meta or not stream.meta.notices, "it is a late one"
    frame = stream.read_all()
    assert (frame.num_rows, frame.truncated) == (100_000, True)
    [notice] = frame.notices
    assert "limited to 100000" in notice.text

    last = list(decode_chunks(content("text/jsonl").splitlines()))[-1]
    assert last.frame_id == "0-notices"
    assert last.frame is not None
    assert last.frame.notices == (notice,)

    parquet = pa.parquet.read_metadata(io.BytesIO(content("application/vnd.apache.parquet")))
    assert json.loads(parquet.metadata[b"meta"])["notices"][0]["text"] == notice.text


def test_clickhouse_answers_and_is_well(host: RunningHost, clickhouse: ClickHouseServer) -> None:
    sql = "SELECT number AS n, toString(number) AS text FROM numbers(3)"
    assert values(host, ask("clickhouse", rawSql=sql, format=1)) == [[0, 1, 2], ["0", "1", "2"]]
    with host.client() as client:
        assert client.get("/api/datasources/uid/clickhouse/health").json()["status"] == "OK"


@pytest.mark.parametrize("accept", FORMS)
def test_a_client_that_leaves_kills_its_query_at_clickhouse(
    host: RunningHost, clickhouse: ClickHouseServer, accept: str
) -> None:
    running = "query LIKE '%sleepEachRow%' AND query NOT LIKE '%processes%'"
    find = f"SELECT count() FROM system.processes WHERE {running}"
    sql = "SELECT sleepEachRow(1) AS n FROM numbers(3000) SETTINGS max_block_size = 1"
    connection = leave(host, ask("clickhouse", rawSql=sql, format=1), accept)
    assert eventually(lambda: clickhouse.command(find).strip() == "1")
    connection.close()
    assert eventually(lambda: clickhouse.command(find).strip() == "0")


def test_prometheus_answers_and_is_well(host: RunningHost, prometheus: PrometheusServer) -> None:
    columns = values(host, ask("prometheus", expr="vector(7)", instant=True))
    assert columns[1] == [7]
    with host.client() as client:
        assert client.get("/api/datasources/uid/prometheus/health").json()["status"] == "OK"


@pytest.mark.parametrize("accept", FORMS)
def test_a_client_that_leaves_ends_its_query_at_prometheus(
    host: RunningHost, prometheus: PrometheusServer, accept: str
) -> None:
    endless = f"sum_over_time(({' + '.join(['vector(time())'] * 10)})[100d:1s])"
    connection = leave(host, ask("prometheus", expr=endless, instant=True), accept)
    assert eventually(lambda: prometheus.metric("prometheus_engine_queries") == 1)
    connection.close()
    assert eventually(lambda: prometheus.metric("prometheus_engine_queries") == 0)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("form", ["uid", "id"])
def test_the_proxy_serves_the_read_api_of_prometheus(
    host: RunningHost, prometheus: PrometheusServer, method: str, form: str
) -> None:
    with host.client() as client:
        number = client.get("/api/datasources/uid/prometheus").json()["id"]
        base = f"/api/datasources/proxy/{'uid/prometheus' if form == 'uid' else number}/api/v1"
        sent: dict[str, Any] = (
            {"params": {"query": "vector(7)"}} if method == "GET" else {"data": {"query": "vector(7)"}}
        )
        answer = client.request(method, f"{base}/query", **sent)
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["result"][0]["value"][1] == "7"
        assert client.get(f"{base}/label/__name__/values").json()["status"] == "success"
        assert client.get(f"{base}/status/buildinfo").json()["data"]["version"]
        for spelled in (f"{base}/labels/", base.replace("/api/v1", "//api/v1") + "/labels"):
            assert client.get(spelled).json() == client.get(f"{base}/labels").json()
        assert client.get(f"{base}/query", params={"query": "("}).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "api/v1/alerts", "api/v1/rules", "api/v1/targets", "api/v1/status/config", "api/v1/status/flags",
        "api/v1/status/runtimeinfo", "api/v1/status/tsdb", "api/v1/format_query?query=up",
    ],
)  # fmt: skip
def test_the_proxy_serves_what_prometheus_reports(
    host: RunningHost, prometheus: PrometheusServer, path: str
) -> None:
    with host.client() as client, httpx2.Client(trust_env=False) as direct:
        answer = client.get(f"/api/datasources/proxy/uid/prometheus/{path}")
        assert answer.status_code == 200
        assert answer.json().keys() == direct.get(f"{prometheus.url}/{path}").json().keys()
        assert answer.json()["status"] == "success"


@pytest.mark.parametrize("path", ["", "/", "/-/healthy", "/federate?match[]=up"])
def test_the_proxy_serves_what_clients_try_a_connection_with(
    host: RunningHost, prometheus: PrometheusServer, path: str
) -> None:
    with host.client() as client:
        answer = client.get(f"/api/datasources/proxy/uid/prometheus{path}")
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"] == "sandbox"


@pytest.mark.parametrize("report", ["rules", "alerts"])
def test_rules_and_alerts_are_found_where_grafanas_alerting_has_them(
    host: RunningHost, prometheus: PrometheusServer, report: str
) -> None:
    with host.client() as client:
        answer = client.get(f"/api/prometheus/prometheus/api/v1/{report}")
        assert answer.status_code == 200
        assert answer.json() == client.get(f"/api/datasources/proxy/uid/prometheus/api/v1/{report}").json()
        assert client.get(f"/api/prometheus/none/api/v1/{report}").status_code == 404
        assert client.get("/api/prometheus/prometheus/api/v1/labels").status_code == 404
    with host.client(host.token(f"of-{report}", "datasources:query:other")) as stranger:
        assert stranger.get(f"/api/prometheus/prometheus/api/v1/{report}").status_code == 403


@pytest.mark.parametrize(
    "path", ["api/v1/admin/tsdb/snapshot", "-/quit", "-/reload", "suggestions", "metrics", "api/v1"]
)
def test_the_proxy_does_not_serve_what_prometheus_has_beside_its_read_api(
    host: RunningHost, prometheus: PrometheusServer, path: str
) -> None:
    with host.client() as client:
        assert client.get(f"/api/datasources/proxy/uid/prometheus/{path}").status_code == 404


def test_the_proxy_needs_the_right_to_query_and_is_audited(
    host: RunningHost, prometheus: PrometheusServer, audit: ListedAudit
) -> None:
    path = "/api/datasources/proxy/uid/prometheus/api/v1/labels"
    with host.client(host.token("reader", "datasources:read")) as reader:
        assert reader.get(path).status_code == 403
    with host.client(host.token("querier", "datasources:query")) as querier:
        assert querier.get(path).status_code == 200
    assert eventually(lambda: audit.records[-1].action == "datasources:resource")
    assert audit.records[-1].data_source == "prometheus"


def test_a_client_that_leaves_the_proxy_ends_its_query_at_prometheus(
    host: RunningHost, prometheus: PrometheusServer
) -> None:
    endless = f"sum_over_time(({'%2B'.join(['vector(time())'] * 10)})[100d:1s])"
    with host.connect() as connection:
        connection.sendall(
            f"GET /api/datasources/proxy/uid/prometheus/api/v1/query?query={endless} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {host.admin}\r\n\r\n".encode()
        )
        assert eventually(lambda: prometheus.metric("prometheus_engine_queries") == 1)
    assert eventually(lambda: prometheus.metric("prometheus_engine_queries") == 0)


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254", "http://2852039166", "http://[::ffff:a9fe:a9fe]:80"]
)
def test_a_data_source_does_not_reach_a_metadata_service(host: RunningHost, url: str) -> None:
    uid = f"metadata-{len(url)}"
    add(host, type="prometheus", uid=uid, url=url)
    with host.client() as client:
        answer = client.get(f"/api/datasources/proxy/uid/{uid}/api/v1/labels")
        assert answer.status_code == 403
        assert "does not connect to" in answer.json()["message"]
        assert "does not connect to" in client.get(f"/api/datasources/uid/{uid}/health").json()["message"]


@pytest.mark.parametrize("path", ["../admin/tsdb/snapshot", "..%2f..%2f-/quit", "api/v1/../../-/reload"])
@pytest.mark.parametrize("prefix", ["uid/prometheus/resources", "proxy/uid/prometheus"])
def test_no_path_reaches_what_prometheus_does_not_offer_to_plugins(
    host: RunningHost, prometheus: PrometheusServer, prefix: str, path: str
) -> None:
    with host.connect() as connection:
        connection.sendall(
            f"POST /api/datasources/{prefix}/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
            f"Authorization: Bearer {host.admin}\r\n\r\n".encode()
        )
        status = int(connection.recv(65536).split(b" ")[1])
    assert status in (400, 404)
    assert prometheus.metric("prometheus_engine_queries") == 0


def test_one_request_may_ask_all_of_them(
    host: RunningHost, mariadb: DatabaseServer, clickhouse: ClickHouseServer, prometheus: PrometheusServer
) -> None:
    parts: dict[str, dict[str, Any]] = {
        "A": {"datasource": {"uid": "mariadb"}, "rawSql": "SELECT 1 AS n", "format": "table"},
        "B": {"datasource": {"uid": "clickhouse"}, "rawSql": "SELECT nonsense", "format": 1},
        "C": {"datasource": {"uid": "prometheus"}, "expr": "vector(1)", "instant": True},
    }
    queries = [{"refId": ref_id, **part} for ref_id, part in parts.items()]
    with host.client() as client:
        answer = client.post("/api/ds/query", json={"from": "now-1h", "to": "now", "queries": queries})
    assert answer.status_code == 400
    results = answer.json()["results"]
    assert {ref_id: "error" in result for ref_id, result in results.items()} == {
        "A": False,
        "B": True,
        "C": False,
    }
    assert results["B"]["errorSource"] == "downstream"


LARGE: dict[str, dict[str, Any]] = {
    "mariadb": {
        "rawSql": "SELECT seq AS n, CONCAT('row ', seq) AS text FROM seq_1_to_2000000",
        "format": "table",
    },
    "clickhouse": {
        "rawSql": "SELECT number AS n, toString(number) AS text FROM numbers(5000000)",
        "format": 1,
    },
    "prometheus": {"expr": "time() + time()", "range": True, "maxDataPoints": 10_000},
    "testdata": {"scenario": "streaming_rows", "rows": 2_000_000},
}


@pytest.mark.parametrize("uid", LARGE)
@pytest.mark.parametrize("accept", FORMS)
def test_a_client_that_leaves_at_any_moment_is_audited_as_cancelled_and_is_no_failure(
    host: RunningHost,
    audit: ListedAudit,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    uid: str,
    accept: str,
) -> None:
    if uid != "testdata":
        request.getfixturevalue(uid)
    audit.records.clear()
    moments = random.Random(f"{uid} {accept}")
    for _ in range(9):
        connection = leave(host, ask(uid, **LARGE[uid]), accept)
        read_for(connection, moments.uniform(0, 0.2))
        if moments.random() < 0.5:  # a reset instead of a proper end
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert eventually(lambda: not host.app.host.running)
    # A request whose head was reset before it was read never was one.
    assert eventually(lambda: len(audit.records) == 9, within=2) or audit.records
    assert {record.outcome for record in audit.records} <= {"ok", "cancelled"}
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def read_for(connection: socket.socket, seconds: float) -> None:
    connection.settimeout(0.005)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            connection.recv(65536)
        except TimeoutError:
            continue
