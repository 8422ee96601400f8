"""An outside client that knows only Grafana: `mcp-grafana`, against real servers behind the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from headwater import Headwater
from headwater_server.http import create_app
from servers.clickhouse import start_clickhouse
from servers.http_host import RunningHost, admin_authenticator, run_host
from servers.mariadb import start_mariadb
from servers.postgresql import PASSWORD, USER, start_postgresql
from servers.process import unavailable
from servers.prometheus import start_prometheus


class McpClient:
    """Speaks the Model Context Protocol with a running `mcp-grafana` over its standard streams."""

    def __init__(self, host: RunningHost) -> None:
        program = Path(sys.executable).with_name("mcp-grafana")
        if not program.is_file():
            unavailable("mcp-grafana is needed: pip install mcp-grafana")
        environment = {
            **os.environ,
            "GRAFANA_URL": host.url,
            "GRAFANA_SERVICE_ACCOUNT_TOKEN": host.admin,
            "GRAFANA_USAGE_STATS": "disabled",
            "DO_NOT_TRACK": "1",
        }
        command = [str(program), "-t", "stdio", "--usage-stats=disabled"]
        command += ["-enabled-tools", "datasource,prometheus,sql"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment,
        )  # fmt: skip
        self._number = 0
        me = {"name": "headwater-tests", "version": "1"}
        self._ask("initialize", {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": me})
        self._send({"method": "notifications/initialized", "params": {}})

    def __call__(self, tool: str, **arguments: Any) -> Any:
        """What a tool answers, as JSON."""
        result = self._ask("tools/call", {"name": tool, "arguments": arguments})
        text = result["content"][0]["text"]
        assert not result.get("isError"), text
        return json.loads(text)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.wait(10)
        self._process.stdin.close()
        self._process.stdout.close()

    def _ask(self, method: str, params: dict[str, Any]) -> Any:
        self._number += 1
        self._send({"method": method, "params": params, "id": self._number})
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            answer = json.loads(line)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
        raise AssertionError("mcp-grafana ended")

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._process.stdin.flush()


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    """Data sources are added over HTTP and in Python, with the types that Grafana's own plugins have."""
    authenticator, admin = admin_authenticator()
    with (
        Headwater() as headwater,
        start_mariadb() as mariadb,
        start_clickhouse() as clickhouse,
        start_prometheus() as prometheus,
        start_postgresql() as postgresql,
        run_host(create_app(headwater, authenticator=authenticator), admin) as running,
        running.client() as client,
    ):
        with psycopg.connect(postgresql.url()) as connection:
            connection.execute("CREATE TABLE orders (id int PRIMARY KEY, total numeric(10, 2))")
        account = {"user": mariadb.user, "database": mariadb.database}
        secrets = {"secureJsonData": {"password": mariadb.password}}
        for body in (
            {"uid": "sql", "type": "mysql", "url": mariadb.address, **account, **secrets},
            {
                "uid": "pg",
                "type": "grafana-postgresql-datasource",
                "url": f"127.0.0.1:{postgresql.port}",
                "user": USER,
                "jsonData": {"database": "postgres", "sslmode": "disable"},
                "secureJsonData": {"password": PASSWORD},
            },
            {"uid": "olap", "type": "grafana-clickhouse-datasource", "url": clickhouse.url},
            {"uid": "prom", "type": "prometheus", "url": prometheus.url},
        ):
            answer = client.post("/api/datasources", json={"name": f"The {body['uid']} source", **body})
            assert answer.status_code == 200, answer.text
        headwater.add_data_source(
            "Made in Python", uid="python", type="grafana-clickhouse-datasource", url=clickhouse.url
        )
        yield running


@pytest.fixture(scope="module")
def mcp(host: RunningHost) -> Iterator[McpClient]:
    client = McpClient(host)
    yield client
    client.close()


def test_it_lists_the_data_sources(mcp: McpClient) -> None:
    listed = mcp("list_datasources")["datasources"]
    assert {each["uid"]: each["type"] for each in listed} == {
        "sql": "mysql",
        "olap": "grafana-clickhouse-datasource",
        "prom": "prometheus",
        "pg": "grafana-postgresql-datasource",
        "python": "grafana-clickhouse-datasource",
    }


def test_it_finds_one_by_uid_and_by_name(mcp: McpClient) -> None:
    assert mcp("get_datasource", uid="prom")["name"] == "The prom source"
    assert mcp("get_datasource", name="The sql source")["uid"] == "sql"


def test_it_finds_all_of_them_well(mcp: McpClient) -> None:
    checked = mcp("check_datasources_health")
    assert (checked["checked"], checked["healthy"]) == (5, 5)


def test_it_queries_promql(mcp: McpClient) -> None:
    times = {"startTime": "now-1h", "endTime": "now"}
    instant = mcp("query_prometheus", datasourceUid="prom", expr="vector(7)", queryType="instant", **times)
    assert instant["data"][0]["value"][1] == "7"
    series = mcp(
        "query_prometheus", datasourceUid="prom", expr="vector(7)", queryType="range", stepSeconds=60, **times
    )
    assert len(series["data"][0]["values"]) >= 60


def test_it_lists_metrics_and_labels(mcp: McpClient) -> None:
    assert mcp("list_prometheus_metric_names", datasourceUid="prom") == []
    assert mcp("list_prometheus_label_names", datasourceUid="prom") == []


@pytest.mark.parametrize("uid", ["sql", "pg", "olap", "python"])
def test_it_queries_sql(mcp: McpClient, uid: str) -> None:
    answer = mcp("query_sql", datasourceUid=uid, query="SELECT 7 AS n")
    assert (answer["columns"], answer["rows"]) == (["n"], [{"n": 7}])


@pytest.mark.parametrize("uid", ["olap", "python"])
def test_it_lists_the_tables_of_clickhouse(mcp: McpClient, uid: str) -> None:
    assert "tables" in json.dumps(mcp("list_sql_tables", datasourceUid=uid, database="system"))


def test_it_lists_and_describes_the_tables_of_postgresql(mcp: McpClient) -> None:
    assert "orders" in json.dumps(mcp("list_sql_tables", datasourceUid="pg"))
    assert "total" in json.dumps(mcp("describe_sql_table", datasourceUid="pg", table="orders"))
