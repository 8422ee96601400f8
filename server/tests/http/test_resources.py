"""What goes to a plugin: health checks, resources, and paths that try to get out of them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

import httpx2
import pytest

from headwater.calls import CallContext
from headwater.models import CallResourceResponse, CheckHealthResult, PluginInfo
from headwater.plugins import hookimpl
from servers.http_host import RunningHost


def test_a_well_data_source_is_200_with_the_plugins_words(client: httpx2.Client) -> None:
    answer = client.get("/api/datasources/uid/demo/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "OK"
    assert answer.json()["details"]["scenarios"] > 0


@pytest.mark.parametrize("form", ["uid", "id"])
def test_a_sick_data_source_is_400_with_the_plugins_words(client: httpx2.Client, form: str) -> None:
    body = {"type": "testdata", "name": f"Sick {form}", "jsonData": {"healthError": "no pulse"}}
    sick = client.post("/api/datasources", json=body).json()["datasource"]
    where = f"uid/{sick['uid']}" if form == "uid" else sick["id"]
    answer = client.get(f"/api/datasources/{where}/health")
    assert answer.status_code == 400
    assert answer.json() == {"status": "ERROR", "message": "no pulse"}


def test_a_resource_answers_what_the_plugin_says(client: httpx2.Client) -> None:
    answer = client.get("/api/datasources/uid/demo/resources/scenarios")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "random_walk" in {each["id"] for each in answer.json()}


def test_a_resource_answer_cannot_run_in_a_browser(client: httpx2.Client) -> None:
    answer = client.get("/api/datasources/uid/demo/resources/scenarios")
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


class AnsweringPlugin:
    """Its resource answers what the test says."""

    answer = CallResourceResponse()

    @hookimpl
    def describe_plugin(self) -> PluginInfo:
        return PluginInfo("answering")

    @hookimpl
    def call_resource(self) -> Iterator[CallResourceResponse]:
        yield self.answer


@pytest.fixture(scope="module")
def answering(host: RunningHost) -> AnsweringPlugin:
    plugin = AnsweringPlugin()
    host.app.host.headwater.add_plugin("answering", plugin)
    host.app.host.headwater.add_data_source("Answering", type="answering", uid="answering")
    return plugin


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (CallResourceResponse(0), "status 0"),
        (CallResourceResponse(100), "status 100"),
        (CallResourceResponse(99_999), "status 99999"),
        (CallResourceResponse(headers={"X-Who": ("me\r\nX-Injected: 1",)}), "header 'X-Who'"),
        (CallResourceResponse(headers={"X-Price": ("5 \u20ac",)}), "header 'X-Price'"),
        (CallResourceResponse(headers={"X Y": ("1",)}), "header 'X Y'"),
    ],
)
def test_a_resource_answer_that_is_no_http_is_the_plugins_fault(
    client: httpx2.Client, answering: AnsweringPlugin, answer: CallResourceResponse, words: str
) -> None:
    answering.answer = answer
    told = client.get("/api/datasources/uid/answering/resources/x")
    assert (told.status_code, told.json()["messageId"]) == (500, "plugin.requestFailureError")
    assert words in told.json()["message"]
    assert "X-Injected" not in told.headers


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none(
    client: httpx2.Client, answering: AnsweringPlugin, status: int
) -> None:
    answering.answer = CallResourceResponse(status, body=b"too much")
    for _ in range(2):  # on one connection, which is in order afterwards
        told = client.get("/api/datasources/uid/answering/resources/x")
        assert (told.status_code, told.content) == (status, b"")


@pytest.mark.parametrize("path", ["health", "resources/scenarios"])
def test_a_known_data_source_is_asked_without_a_thread_of_the_hosts_own(
    client: httpx2.Client, host: RunningHost, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    host.app.host.headwater.query("demo", "random_walk")

    def refuse(_: object) -> NoReturn:
        pytest.fail("one hand-over between threads is enough")

    monkeypatch.setattr(host.app.host, "run", refuse)
    assert client.get(f"/api/datasources/uid/demo/{path}").status_code == 200


def test_who_may_not_ask_a_known_data_source_is_refused(host: RunningHost) -> None:
    host.app.host.headwater.query("demo", "random_walk")
    with host.client(host.token("stranger", "datasources:query:other")) as stranger:
        assert stranger.get("/api/datasources/uid/demo/health").status_code == 403


class SlowHealth:
    """Its check lasts until the call is over."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.ended = threading.Event()

    @hookimpl
    def check_health(self, context: CallContext) -> CheckHealthResult:
        context.on_cancel(self.ended.set)
        self.entered.set()
        context.wait(10)
        return CheckHealthResult.ok("")


def test_a_client_that_leaves_ends_its_health_check(host: RunningHost) -> None:
    plugin = SlowHealth()
    host.app.host.headwater.add_plugin("slow-health", plugin)
    host.app.host.headwater.add_data_source("Slow", type="slow-health", uid="slow")
    with host.connect() as connection:
        head = (
            f"GET /api/datasources/uid/slow/health HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {host.admin}"
        )
        connection.sendall(f"{head}\r\n\r\n".encode())
        assert plugin.entered.wait(10)
    assert plugin.ended.wait(5)


def test_a_path_parameter_keeps_its_encoded_characters(client: httpx2.Client) -> None:
    answer = client.get("/api/datasources/uid/demo/resources/scenarios/random%5Fwalk")
    assert answer.json()["id"] == "random_walk"


def test_a_resource_that_a_plugin_does_not_have_is_404_and_a_wrong_method_405(client: httpx2.Client) -> None:
    assert client.get("/api/datasources/uid/demo/resources/nothing").status_code == 404
    assert client.get("/api/datasources/uid/demo/resources").status_code in (400, 404)
    assert client.delete("/api/datasources/uid/demo/resources/scenarios").status_code == 405


# The attacks on resource calls that are known of Grafana's plugins (CVE-2025-3454, CVE-2026-10601), and
# ways to write them so that a check sees something else than whoever follows the path.
TRAVERSALS = [
    "../config",
    "..%2fconfig",
    "%2e%2e/config",
    "%252e%252e%252fconfig",
    "scenarios/../../flush",
    "scenarios/..%5c..%5cflush",
    "scenarios/%2e%2e%2f%2e%2e%2fetc/passwd",
    "//evil.example/x",
    "/scenarios",
    "scenarios//random_walk",
    "scenarios/.",
    "scenarios/%00",
    "scenarios/%0d%0aX-Injected:%201",
    "http:%2f%2fevil.example/x",
    "http://169.254.169.254/latest/meta-data",
    "@evil.example",
    "\\\\evil.example\\x",
]


@pytest.mark.parametrize("path", TRAVERSALS)
@pytest.mark.parametrize("prefix", ["uid/demo/resources", "proxy/uid/demo"])
def test_no_path_gets_out_of_what_a_plugin_declares(host: RunningHost, prefix: str, path: str) -> None:
    """Sent byte for byte: a client library would tidy the path up."""
    status, text = _send_raw(host, f"/api/datasources/{prefix}/{path}")
    assert status in (400, 404), text
    assert "random_walk" not in text or "known" in text
    assert "X-Injected" not in text.split("\r\n\r\n")[0]


@pytest.mark.parametrize("path", ["datasources", "datasources/uid/demo/resources/scenarios", "health"])
def test_one_slash_behind_a_path_is_no_other_path(client: httpx2.Client, path: str) -> None:
    assert client.get(f"/api/{path}/").content == client.get(f"/api/{path}").content


def test_two_slashes_behind_a_path_are(client: httpx2.Client) -> None:
    assert client.get("/api/datasources//").status_code == 404


def test_the_proxy_serves_only_paths_that_a_plugin_declares(client: httpx2.Client) -> None:
    answer = client.get("/api/datasources/proxy/uid/demo/scenarios")
    assert answer.status_code == 404
    assert "declares no proxy route" in answer.json()["message"]


# Addresses that a data source must not be talked into: only an administrator chooses addresses, and a
# caller's path, query or header never becomes one.
SMUGGLED = [
    {"params": {"url": "http://169.254.169.254/"}},
    {"headers": {"X-Forwarded-Host": "169.254.169.254"}},
    {"headers": {"X-Grafana-Url": "http://127.0.0.1:1/"}},
    {"headers": {"Host": "169.254.169.254"}},
]


@pytest.mark.parametrize("smuggled", SMUGGLED)
def test_an_address_in_a_request_is_never_called(client: httpx2.Client, smuggled: dict[str, Any]) -> None:
    plain = client.get("/api/datasources/uid/demo/resources/scenarios")
    answer = client.get("/api/datasources/uid/demo/resources/scenarios", **smuggled)
    assert (answer.status_code, answer.content) == (plain.status_code, plain.content)


def test_callers_without_the_right_cannot_point_a_data_source_anywhere(host: RunningHost) -> None:
    token = host.token("querier", "datasources:query", "datasources:read")
    body = {"name": "Demo", "type": "testdata", "url": "http://169.254.169.254/"}
    with host.client(token) as querier:
        assert querier.put("/api/datasources/uid/demo", json=body).status_code == 403
        assert querier.post("/api/datasources", json=body).status_code == 403


def _send_raw(host: RunningHost, target: str) -> tuple[int, str]:
    head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {host.admin}\r\n"
    with host.connect() as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        text = _read_all(connection)
    return int(text.split(" ")[1]), text


def _read_all(connection: socket.socket) -> str:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")
