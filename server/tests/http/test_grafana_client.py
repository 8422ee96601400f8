"""An outside client that knows only Grafana: the Python package `grafana-client`, unchanged.

It runs in an environment of its own, for it brings a replacement of urllib3 that would be everybody's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import Headwater
from headwater_server.http import create_app
from servers.client_environment import make_environment, run_script
from servers.http_host import RunningHost, admin_authenticator, run_host
from servers.postgresql import PASSWORD, USER, start_postgresql
from servers.prometheus import start_prometheus

REQUIREMENT = "grafana-client>=5.1,<6"
SCRIPT = """
import json, sys
from grafana_client import GrafanaApi
from grafana_client.model import DatasourceIdentifier, DatasourceModel

url, token, prometheus = sys.argv[1:]
grafana = GrafanaApi.from_url(url, credential=token)
source = DatasourceModel(name="Metrics", type="prometheus", access="proxy", url=prometheus).asdict()
assert source["user"] is None, "the client sends null for what is not given"
added = grafana.datasource.create_datasource({**source, "uid": "metrics"})
found = grafana.datasource.get(DatasourceIdentifier(uid="metrics"))
answer = grafana.datasource.smartquery(DatasourceIdentifier(uid="metrics"), "vector(7)")
seen = {
    "version": grafana.version,
    "added": added["message"],
    "by name": grafana.datasource.get_datasource_by_name("Metrics")["uid"],
    "by id": grafana.datasource.get_datasource_by_id(added["id"])["uid"],
    "id": grafana.datasource.get_datasource_id_by_name("Metrics") == {"id": added["id"]},
    "health": grafana.datasource.health_inquiry("metrics").status,
    "missing": grafana.datasource.health_inquiry("nowhere").message,
    "value": answer["results"]["test"]["frames"][0]["data"]["values"][1][0],
    "updated": grafana.datasource.update_datasource_by_uid("metrics", {**found, "name": "Renamed"})["name"],
    "listed": [each["name"] for each in grafana.datasource.list_datasources()],
    "plugin": grafana.plugin.by_id("prometheus")["type"],
    "organisation": grafana.organization.get_current_organization()["id"],
    "user": grafana.user.get_actual_user()["login"],
    "deleted": grafana.datasource.delete_datasource_by_uid("metrics")["message"],
}
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("grafana-client"), REQUIREMENT)


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    authenticator, admin = admin_authenticator()
    with (
        Headwater() as headwater,
        run_host(create_app(headwater, authenticator=authenticator), admin) as running,
    ):
        yield running


def test_it_manages_checks_and_queries_data_sources(host: RunningHost, python: Path) -> None:
    with start_prometheus() as prometheus:
        seen: dict[str, Any] = run_script(python, SCRIPT, host.url, host.admin, prometheus.url)
    assert seen.pop("version").startswith("12.")
    assert seen == {
        "added": "Datasource added",
        "by name": "metrics",
        "by id": "metrics",
        "id": True,
        "health": "OK",
        "missing": "Data source not found",
        "value": 7,
        "updated": "Renamed",
        "listed": ["Renamed"],
        "plugin": "datasource",
        "organisation": 1,
        "user": "admin",
        "deleted": "Data source deleted",
    }


SQL_SCRIPT = """
import json, sys
from grafana_client import GrafanaApi
from grafana_client.model import DatasourceIdentifier, DatasourceModel

url, token, address, user, password = sys.argv[1:]
grafana = GrafanaApi.from_url(url, credential=token)
source = DatasourceModel(
    name="Visits", type="postgres", access="proxy", url=address, user=user, database="postgres",
    jsonData={"sslmode": "disable", "database": "postgres"}, secureJsonData={"password": password},
).asdict()
grafana.datasource.create_datasource({**source, "uid": "visits"})
answer = grafana.datasource.smartquery(DatasourceIdentifier(uid="visits"), "SELECT now() AS time, 7 AS value")
print(json.dumps({
    "health": grafana.datasource.health_inquiry("visits").status,
    "values": [frame["data"]["values"][1] for each in answer["results"].values() for frame in each["frames"]],
}))
"""


def test_it_queries_postgresql(host: RunningHost, python: Path) -> None:
    with start_postgresql() as server:
        arguments = (host.url, host.admin, f"127.0.0.1:{server.port}", USER, PASSWORD)
        assert run_script(python, SQL_SCRIPT, *arguments) == {"health": "OK", "values": [[7]]}
