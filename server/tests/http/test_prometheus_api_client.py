"""An outside client that knows only Prometheus: the Python package `prometheus-api-client`, unchanged, which
is given the proxy's address as that of the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import Headwater
from headwater_server.http import create_app
from servers import remote_write
from servers.client_environment import make_environment, run_script
from servers.http_host import RunningHost, admin_authenticator, run_host
from servers.prometheus import V3, start_prometheus

SCRIPT = """
import json, sys
from datetime import datetime, timedelta
from prometheus_api_client import PrometheusConnect

url, token, now = sys.argv[1:]
end = datetime.fromtimestamp(float(now))
times = {"start_time": end - timedelta(minutes=1), "end_time": end}
prometheus = PrometheusConnect(url=url, headers={"Authorization": f"Bearer {token}"})
seen = {
    "connection": prometheus.check_prometheus_connection(),
    "metrics": prometheus.all_metrics(),
    "labels": prometheus.get_label_names(),
    "values": prometheus.get_label_values("job"),
    "series": len(prometheus.get_series(times["start_time"], end, params={"match[]": "requests"})),
    "instant": prometheus.custom_query("sum(requests)", params={"time": now})[0]["value"][1],
    "range": len(prometheus.custom_query_range("requests", step="15s", **times)),
    "current": len(prometheus.get_current_metric_value("requests", {"job": "a"}, params={"time": now})),
    "targets": prometheus.get_targets()["activeTargets"],
    "metadata": prometheus.get_metric_metadata("requests"),
}
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("prometheus-api-client"), "prometheus-api-client>=0.7,<1")


@pytest.fixture(scope="module")
def now() -> float:
    return float(int(time.time()))


@pytest.fixture(scope="module")
def host(now: float) -> Iterator[RunningHost]:
    samples = [(int(now - age) * 1000, 7.0) for age in (45, 30, 15, 0)]
    series = [
        remote_write.Series({"__name__": "requests", "job": job}, samples=samples) for job in ("a", "b")
    ]
    authenticator, admin = admin_authenticator()
    with (
        start_prometheus(V3) as prometheus,
        Headwater() as headwater,
        run_host(create_app(headwater, authenticator=authenticator), admin) as running,
    ):
        remote_write.write(prometheus.url, series)
        headwater.add_data_source("Metrics", uid="metrics", type="prometheus", url=prometheus.url)
        yield running


@pytest.mark.parametrize("end", ["", "/"])
def test_it_reads_through_the_proxy_with_and_without_a_slash_at_the_end(
    host: RunningHost, python: Path, now: float, end: str
) -> None:
    url = f"{host.url}/api/datasources/proxy/uid/metrics{end}"
    seen: dict[str, Any] = run_script(python, SCRIPT, url, host.admin, str(now))
    assert seen == {
        "connection": True,
        "metrics": ["requests"],
        "labels": ["__name__", "job"],
        "values": ["a", "b"],
        "series": 2,
        "instant": "14",
        "range": 2,
        "current": 1,
        "targets": [],
        "metadata": [],
    }
