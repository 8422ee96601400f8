"""MariaDB, ClickHouse, Prometheus and test data in one SELECT: from Python, over HTTP, and from the shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import CallContext, Headwater, connect
from headwater.errors import QueryCanceledError
from headwater_server.http import create_app
from servers.clickhouse import ClickHouseServer, start_clickhouse
from servers.http_host import RunningHost, admin_authenticator, eventually, run_host
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer
from servers.prometheus import PrometheusServer, start_prometheus
from servers.prometheus_samples import START, openmetrics

HOUR: dict[str, Any] = {"from_": START * 1000, "to": (START + 3600) * 1000, "interval_ms": 900_000}

JOIN = """
SELECT o.city, sum(o.amount) AS revenue, max(v.visits) AS visits, max(m.Value) AS requests,
  count(t.id) AS rows
FROM shop('SELECT city, hour, amount FROM orders WHERE amount > 1') o
JOIN lake.visits v ON v.city = o.city
JOIN metrics('requests') m ON m."Time" = o.hour AND m.job = 'j1'
JOIN demo('{"scenario": "streaming_rows", "rows": 3}') t ON t.id < 2
GROUP BY o.city ORDER BY o.city
"""


@pytest.fixture(scope="module")
def mariadb() -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        with server.admin() as connection, connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE orders (city VARCHAR(20), hour TIMESTAMP NULL, amount DECIMAL(10, 2))"
            )
            cursor.execute("SET time_zone = '+00:00'")
            cursor.execute(
                "INSERT INTO orders VALUES ('Bern', '2024-01-01 00:15:00', 10.50), "
                "('Bern', '2024-01-01 00:30:00', 2.25), ('Basel', '2024-01-01 00:30:00', 4), "
                "('Basel', '2024-01-01 00:30:00', 1)"
            )
        yield server


@pytest.fixture(scope="module")
def clickhouse() -> Iterator[ClickHouseServer]:
    with start_clickhouse() as server:
        server.command("CREATE TABLE visits (city String, visits UInt32) ENGINE = MergeTree ORDER BY city")
        server.command("INSERT INTO visits VALUES ('Bern', 7), ('Basel', 9), ('Chur', 1)")
        yield server


@pytest.fixture(scope="module")
def prometheus() -> Iterator[PrometheusServer]:
    with start_prometheus(openmetrics=openmetrics()) as server:
        yield server


def sources(
    mariadb: DatabaseServer, clickhouse: ClickHouseServer, prometheus: PrometheusServer
) -> list[dict[str, Any]]:
    return [
        {
            "name": "shop",
            "type": "mysql",
            "url": mariadb.address,
            "user": mariadb.user,
            "database": mariadb.database,
            "secure_json_data": {"password": mariadb.password},
        },
        {"name": "lake", "type": "clickhouse", "url": clickhouse.url},
        {"name": "metrics", "type": "prometheus", "url": prometheus.url},
        {"name": "demo", "type": "testdata"},
    ]


@pytest.fixture(scope="module")
def headwater(
    mariadb: DatabaseServer, clickhouse: ClickHouseServer, prometheus: PrometheusServer
) -> Iterator[Headwater]:
    with Headwater() as host:
        for source in sources(mariadb, clickhouse, prometheus):
            host.add_data_source(uid=source["name"], **source)
        yield host


@pytest.fixture(scope="module")
def served(headwater: Headwater) -> Iterator[RunningHost]:
    authenticator, admin = admin_authenticator()
    with run_host(create_app(headwater, authenticator=authenticator), admin) as running:
        yield running


def check(rows: list[dict[str, Any]]) -> None:
    """Two orders of Bern and one of Basel are above 1; each meets one sample of job j1 and two rows."""
    assert [row["city"] for row in rows] == ["Basel", "Bern"]
    assert [float(row["revenue"]) for row in rows] == [8, 25.5]
    assert [row["visits"] for row in rows] == [9, 7]
    assert [row["rows"] for row in rows] == [2, 4]


def test_from_python(headwater: Headwater) -> None:
    check(headwater.sql(JOIN, **HOUR).to_pylist())


def test_over_the_sources_of_a_host_elsewhere(served: RunningHost) -> None:
    """Which answers Prometheus' queries from elsewhere as Grafana's clients expect, a frame per series."""
    statement = JOIN.replace("metrics('requests')", """metrics('{"expr": "requests", "layout": "long"}')""")
    with connect(served.url, token=served.admin) as remote:
        check(remote.sql(statement, **HOUR).to_pylist())


def test_over_http_as_an_expression(served: RunningHost) -> None:
    texts: dict[str, tuple[str, dict[str, Any]]] = {
        "orders": ("shop", {"rawSql": "SELECT city, hour, amount FROM orders WHERE amount > 1"}),
        "visits": ("lake", {"rawSql": "SELECT * FROM visits"}),
        "requests": ("metrics", {"expr": "requests", "layout": "long", "intervalMs": 900_000}),
        "demo": ("demo", {"scenario": "streaming_rows", "rows": 3}),
    }
    queries: list[dict[str, Any]] = [
        {"refId": ref_id, "datasource": {"uid": uid}, "hide": True, **query}
        for ref_id, (uid, query) in texts.items()
    ]
    statement = """
    SELECT o.city, sum(o.amount) AS revenue, max(v.visits) AS visits, count(t.id) AS rows
    FROM orders o JOIN visits v USING (city) JOIN requests m ON m."Time" = o.hour AND m.job = 'j1'
    JOIN demo t ON t.id < 2 GROUP BY o.city ORDER BY o.city
    """
    queries.append({"refId": "Q", "datasource": {"uid": "__expr__"}, "type": "sql", "expression": statement})
    body = {"from": str(START * 1000), "to": str((START + 3600) * 1000), "queries": queries}
    with served.client() as client:
        answer = client.post("/api/ds/query", json=body)
    assert answer.status_code == 200, answer.text
    assert list(answer.json()["results"]) == ["Q"]
    (frame,) = answer.json()["results"]["Q"]["frames"]
    names = [field["name"] for field in frame["schema"]["fields"]]
    check([dict(zip(names, row, strict=True)) for row in zip(*frame["data"]["values"], strict=True)])


def test_from_the_shell(
    tmp_path: Path, mariadb: DatabaseServer, clickhouse: ClickHouseServer, prometheus: PrometheusServer
) -> None:
    environment = {**os.environ, "HEADWATER_DATA_DIR": str(tmp_path), "DB_PASSWORD": mariadb.password}
    command = [sys.executable, "-m", "headwater_server"]
    for source in sources(mariadb, clickhouse, prometheus):
        add = [*command, "ds", "add", source["name"], "--type", source["type"]]
        for option in ("url", "user", "database"):
            add += [f"--{option}", source[option]] if option in source else []
        add += ["--secret", "password=env:DB_PASSWORD"] if "secure_json_data" in source else []
        subprocess.run(add, env=environment, check=True, capture_output=True)
    statement = JOIN.replace("max(m.Value)", "count(m.Value)")
    done = subprocess.run(
        [*command, "sql", statement, "--from", str(HOUR["from_"]), "--to", str(HOUR["to"]), "-o", "jsonl"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["city"] for row in rows] == ["Basel", "Bern"]


def test_columns_and_filters_reach_clickhouse(headwater: Headwater) -> None:
    explained = headwater.sql("EXPLAIN ANALYZE SELECT visits FROM lake.visits WHERE city = 'Chur'")
    lines = explained.table.column("explain").to_pylist()
    assert "  pushed down filters: city = 'Chur'" in lines
    assert any(line.startswith("  fetched: 1 rows") for line in lines)


def test_cancelling_kills_the_queries_at_their_servers(headwater: Headwater, mariadb: DatabaseServer) -> None:
    context = CallContext()
    threading.Timer(1, context.cancel).start()
    with pytest.raises(QueryCanceledError):
        headwater.sql("SELECT * FROM shop('SELECT SLEEP(100) AS s')", context=context)
    with mariadb.admin() as connection, connection.cursor() as cursor:

        def sleeping() -> int:
            cursor.execute(
                "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(100)%'"
            )
            return int(cursor.fetchone()[0])

        assert eventually(lambda: not sleeping())
