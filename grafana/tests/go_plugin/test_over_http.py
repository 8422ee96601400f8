"""The same plugin in Go, asked over HTTP as Grafana's clients ask, and on the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import Headwater
from headwater_grafana import ProcessPlugin
from headwater_server.http import create_app
from servers.http_host import RunningHost, admin_authenticator, run_host

ID = "acme-go-datasource"


@pytest.fixture(scope="module")
def host(go_plugin_program: Path) -> Iterator[RunningHost]:
    authenticator, admin = admin_authenticator()
    with Headwater(allow_plugins=set()) as headwater:
        headwater.add_plugin(ID, ProcessPlugin([go_plugin_program], plugin_id=ID))
        headwater.add_data_source("go", type=ID, uid="go", json_data={"depth": 3})
        with run_host(create_app(headwater, authenticator=authenticator), admin) as running:
            yield running


def query(host: RunningHost, *queries: dict[str, Any]) -> Any:
    asked = [
        {"refId": ref_id, "datasource": {"uid": "go"}, **each}
        for ref_id, each in zip("ABC", queries, strict=False)
    ]
    with host.client() as client:
        return client.post("/api/ds/query", json={"from": "now-1h", "to": "now", "queries": asked})


def test_each_query_has_its_own_frames_or_error(host: RunningHost) -> None:
    answer = query(
        host,
        {"do": "series", "rows": 2},
        {"do": "fail", "message": "no", "status": 502, "source": "downstream"},
    )
    assert answer.status_code == 400  # as Grafana answers when one has failed
    series, failed = answer.json()["results"].values()
    assert [frame["data"]["values"] for frame in series["frames"]] == [[[0, 1]]]
    assert (failed["error"], failed["errorSource"], failed["status"]) == ("no", "downstream", 502)


def test_health_and_resources(host: RunningHost) -> None:
    with host.client() as client:
        health = client.get("/api/datasources/uid/go/health").json()
        resource = client.post("/api/datasources/uid/go/resources/items/7?deep=1", content=b"hello")
    assert (health["status"], health["message"], health["details"]["jsonData"]) == (
        "OK",
        "Go is well",
        {"depth": 3},
    )
    assert resource.status_code == 201
    assert (resource.json()["method"], resource.json()["url"], resource.json()["body"]) == (
        "POST",
        "items/7?deep=1",
        "hello",
    )


def test_its_metrics_are_where_grafana_serves_them(host: RunningHost) -> None:
    with host.client() as client:
        answer = client.get(f"/api/plugins/{ID}/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "go_plugin_answers_total 3" in answer.text


def test_the_command_line_prints_its_rows(host: RunningHost) -> None:
    command = [sys.executable, "-c", "from headwater_server.cli.main import run; run()", "--host", host.url]
    command += ["query", "go", '{"do": "series", "rows": 3}', "--output", "csv"]
    environment = {**os.environ, "HEADWATER_TOKEN": host.admin}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, '"value"\n0\n1\n2\n'), done.stderr
