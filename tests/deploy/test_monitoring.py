"""Dashboard and alert rules, against a real Prometheus that scrapes a real host."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from servers.process import find_program, unavailable
from servers.prometheus import PrometheusServer, start_prometheus
from servers.serve_process import ServeProcess

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "grafana-dashboard.json").read_text())
RULES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
QUERIES = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
_NAME = re.compile(r"\b(?:grafana|headwater|process)_[a-z_]+\b(?!\")")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """A host that was asked a little, its plugin in a process: a query, one that fails, somebody unknown."""
    started = ServeProcess(tmp_path_factory.mktemp("host"), "--cache-ttl", "1m", "--isolate", "testdata")
    try:
        started.wait_ready()
        added = started.call(
            "POST",
            "/api/datasources",
            json={"name": "demo", "type": "testdata", "access": "proxy", "uid": "demo"},
        )
        assert added.status_code == 200, added.text
        for scenario in ({"scenario": "random_walk"}, {"scenario": "error", "error": "downstream"}):
            query = {"refId": "A", "datasource": {"uid": "demo"}, **scenario}
            started.call("POST", "/api/ds/query", json={"from": "now-1h", "to": "now", "queries": [query]})
        assert started.call("GET", "/api/datasources", token="nobody").status_code == 401
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def prometheus(host: ServeProcess) -> Iterator[PrometheusServer]:
    """It has scraped the host twice, so that rates have something to tell."""
    scrape = {
        "job_name": "headwater",
        "scrape_interval": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{host.port}"]}],
    }
    configuration = yaml.safe_dump(
        {"scrape_configs": [scrape], "rule_files": [str(MONITORING / "alerts.yml")]}
    )
    with start_prometheus(configuration=configuration) as server:
        deadline = time.monotonic() + 60
        while not series(server, "count_over_time(headwater_build_info[1m]) >= 2"):
            assert time.monotonic() < deadline, "the host was not scraped"
            time.sleep(0.2)
        yield server


def series(server: PrometheusServer, query: str) -> list[Any]:
    answer = httpx2.get(f"{server.url}/api/v1/query", params={"query": query}, trust_env=False, timeout=30)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["data"]["result"]
    return found


def exposed(host: ServeProcess) -> set[str]:
    """The names of series that the host exposes."""
    text = host.call("GET", "/metrics").text
    return {re.split(r"[{ ]", line)[0] for line in text.splitlines() if not line.startswith("#")}


@pytest.mark.parametrize(
    ("place", "expression"), [*QUERIES, *((rule["alert"], rule["expr"]) for rule in RULES)]
)
def test_a_host_exposes_every_metric_that_is_asked_for(
    host: ServeProcess, place: str, expression: str
) -> None:
    names = set(_NAME.findall(expression))

    assert names or "up{" in expression, place
    assert names - exposed(host) == set()


@pytest.mark.parametrize(("title", "expression"), QUERIES)
def test_each_panel_has_something_to_show(prometheus: PrometheusServer, title: str, expression: str) -> None:
    asked = expression.replace("$__rate_interval", "1m").replace("$job", ".*").replace("$instance", ".*")

    assert series(prometheus, asked), title


def test_prometheus_loads_and_evaluates_the_rules(prometheus: PrometheusServer) -> None:
    groups = httpx2.get(f"{prometheus.url}/api/v1/rules", trust_env=False).json()["data"]["groups"]

    loaded = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert set(loaded) == {rule["alert"] for rule in RULES}
    assert "err" not in loaded.values()


def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    promtool = find_program("promtool")
    if promtool is None:
        unavailable("promtool is not on the path")
    for file in (MONITORING / "alerts.yml", Path(__file__).with_name("alerts_test.yml")):
        shutil.copy(file, tmp_path)

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [promtool, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    checked = ask("check", "rules", "alerts.yml")
    tested = ask("test", "rules", "alerts_test.yml")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_dashboard_is_one_that_can_be_imported() -> None:
    panels = DASHBOARD["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}

    assert DASHBOARD["uid"] == "headwater-host"
    assert len({panel["id"] for panel in panels}) == len(places) == len(panels)
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {
        "${datasource}"
    }
    assert all(panel["description"] for panel in panels)
