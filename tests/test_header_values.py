"""Whatever becomes a header or a name on the wire is refused when it is saved, if it would break one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import Headwater
from headwater.datasources import provision
from headwater.datasources.documents import DocumentError
from headwater.errors import ValidationError
from headwater_server.http import create_app
from servers.http_host import admin_authenticator, run_host

BROKEN = "t0ken\r\nX-Injected: 1"
URL = {"prometheus": "http://127.0.0.1:9", "clickhouse": "http://127.0.0.1:9", "mysql": "127.0.0.1:9"}
OF_HTTP: list[tuple[dict[str, Any], str]] = [
    ({"secure_json_data": {"bearerToken": BROKEN}}, "secureJsonData.bearerToken"),
    ({"secure_json_data": {"basicAuthPassword": BROKEN}}, "secureJsonData.basicAuthPassword"),
    ({"secure_json_data": {"httpHeaderValue1": BROKEN}}, "secureJsonData.httpHeaderValue1"),
    ({"json_data": {"httpHeaderName1": BROKEN}}, "jsonData.httpHeaderName1"),
    ({"json_data": {"proxyUrl": BROKEN}}, "jsonData.proxyUrl"),
    ({"basic_auth": True, "basic_auth_user": BROKEN}, "basicAuthUser"),
]
PLACES: list[tuple[str, dict[str, Any], str]] = [
    *(("prometheus", fields, path) for fields, path in OF_HTTP),
    *(("clickhouse", fields, path) for fields, path in OF_HTTP),
    ("clickhouse", {"user": BROKEN}, "user"),
    ("clickhouse", {"json_data": {"username": BROKEN}}, "jsonData.username"),
    ("clickhouse", {"json_data": {"host": BROKEN}}, "jsonData.host"),
    ("clickhouse", {"json_data": {"path": BROKEN}}, "jsonData.path"),
    ("clickhouse", {"secure_json_data": {"password": BROKEN}}, "secureJsonData.password"),
    (
        "clickhouse",
        {"json_data": {"httpHeaders": [{"name": "A", "value": "b"}, {"name": "X", "value": BROKEN}]}},
        "jsonData.httpHeaders[1].value",
    ),
    ("clickhouse", {"json_data": {"httpHeaders": [{"name": BROKEN}]}}, "jsonData.httpHeaders[0].name"),
    (
        "clickhouse",
        {"secure_json_data": {"secureHttpHeaders.X-Key": BROKEN}},
        "secureJsonData.secureHttpHeaders.X-Key",
    ),
    *((plugin, {"json_data": {"serverName": BROKEN}}, "jsonData.serverName") for plugin in URL),
]


@pytest.fixture
def headwater() -> Iterator[Headwater]:
    with Headwater() as host:
        yield host


@pytest.mark.parametrize(("plugin", "fields", "path"), PLACES)
def test_a_line_break_is_refused_by_name_when_it_is_saved(
    headwater: Headwater, plugin: str, fields: dict[str, Any], path: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        headwater.add_data_source("d", type=plugin, url=URL[plugin], **fields)
    assert caught.value.path == path
    headwater.add_data_source("d", type=plugin, url=URL[plugin])
    with pytest.raises(ValidationError) as caught:
        headwater.update_data_source("d", **fields)
    assert caught.value.path == path
    assert "Injected" not in str(caught.value)


def test_the_http_api_refuses_it_and_never_shows_it(headwater: Headwater) -> None:
    source = {"name": "d", "type": "prometheus", "secureJsonData": {"bearerToken": BROKEN}}
    authenticator, admin = admin_authenticator()
    app = create_app(headwater, authenticator=authenticator)
    with run_host(app, admin) as host, host.client() as client:
        refused = client.post("/api/datasources", json=source)
    assert refused.status_code == 400
    assert refused.json()["message"] == (
        "secureJsonData.bearerToken: holds a line break or another control character"
    )


def test_a_provisioning_file_is_refused_with_the_line(headwater: Headwater, tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text(
        "datasources:\n"
        "  - name: d\n"
        "    type: prometheus\n"
        "    url: http://127.0.0.1:9\n"
        "    secureJsonData:\n"
        '      bearerToken: "t0ken\\n"\n'
    )
    with pytest.raises(DocumentError) as caught:
        provision(headwater.data_sources, [file])
    assert str(caught.value) == (
        f"{file}:6:20: datasources[0].secureJsonData.bearerToken: "
        "holds a line break or another control character"
    )


@pytest.mark.parametrize("reference", ["$__file{token}", {"$file": "token"}])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_the_line_break_at_the_end_of_a_secrets_file_is_not_part_of_it(
    headwater: Headwater, tmp_path: Path, reference: object, end: str
) -> None:
    (tmp_path / "token").write_text(f"t0ken{end}", newline="")
    file = tmp_path / "sources.json"
    source = {"name": "d", "type": "prometheus", "secureJsonData": {"bearerToken": reference}}
    file.write_text(json.dumps({"datasources": [source]}))
    provision(headwater.data_sources, [file])
    opened = headwater.data_sources.decrypt(headwater.store.list()[0])
    assert opened["bearerToken"].reveal() == "t0ken"
