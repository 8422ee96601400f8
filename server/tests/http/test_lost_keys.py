"""A host whose encryption key is missing or wrong, and what its operator sees of it."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import orjson
import pytest

from headwater import Headwater
from headwater.datasources import MemoryStore
from headwater.secrets import FieldState, InMemoryKeySource, LocalKey, Secret, SecretState
from headwater_server.audit import NoAuditLog
from headwater_server.http import HttpOptions, create_app
from headwater_server.http.secret_failures import SecretFailures
from headwater_server.metrics import HostMetrics
from servers.http_host import ListedAudit, RunningHost, admin_authenticator, eventually, run_host
from servers.http_requests import query_of

CANARY = "canary-51fe02"
WALK = {"scenario": "random_walk", "maxDataPoints": 5}
RIGHT = LocalKey("key-1", os.urandom(32))
WRONG = LocalKey("key-1", os.urandom(32))


@pytest.fixture
def store() -> MemoryStore:
    """With one data source that has a secret, and one that has none."""
    store = MemoryStore()
    with Headwater(store, key_sources=[InMemoryKeySource([RIGHT])], allow_plugins={"testdata"}) as headwater:
        headwater.add_data_source(
            "Demo", type="testdata", uid="demo", secure_json_data={"apiKey": Secret(CANARY)}
        )
        headwater.add_data_source("Open", type="testdata", uid="open")
    return store


class Shelf:
    """A key source whose keys a test puts there and takes away."""

    def __init__(self, *keys: LocalKey) -> None:
        self.held = {key.id: key for key in keys}

    def keys(self) -> dict[str, LocalKey]:
        return dict(self.held)

    def describe(self) -> str:
        return "the shelf"


class Lost:
    """A host on `store` with keys that a test chooses and changes."""

    def __init__(self, host: RunningHost, keys: Shelf, audit: ListedAudit) -> None:
        self.host = host
        self.keys = keys
        self.audit = audit
        self.client = host.client()

    def ready(self) -> tuple[int, str]:
        answer = self.client.get("/readyz")
        return answer.status_code, answer.text

    def query(self, uid: str) -> tuple[int, str]:
        answer = self.client.post("/api/ds/query", json=query_of({**WALK, "datasource": {"uid": uid}}))
        return answer.status_code, answer.text


def start(store: MemoryStore, keys: list[LocalKey], *, degraded: bool) -> Iterator[Lost]:
    authenticator, admin = admin_authenticator()
    source, audit, metrics = Shelf(*keys), ListedAudit(), HostMetrics()
    headwater = Headwater(store, key_sources=[source], allow_plugins={"testdata"}, degraded=True)
    options = HttpOptions(degraded=degraded)
    with headwater:
        app = create_app(
            headwater, authenticator=authenticator, audit=audit, metrics=metrics, options=options
        )
        with run_host(app, admin) as host:
            lost = Lost(host, source, audit)
            yield lost
            lost.client.close()


@pytest.fixture(params=["missing", "wrong"])
def shut(request: pytest.FixtureRequest, store: MemoryStore) -> Iterator[Lost]:
    yield from start(store, [WRONG] if request.param == "wrong" else [], degraded=False)


@pytest.fixture(params=["missing", "wrong"])
def degraded(request: pytest.FixtureRequest, store: MemoryStore) -> Iterator[Lost]:
    yield from start(store, [WRONG] if request.param == "wrong" else [], degraded=True)


def test_it_lives_but_does_not_become_ready_and_names_the_key(shut: Lost) -> None:
    assert shut.client.get("/healthz").status_code == 200
    status, text = shut.ready()
    assert status == 503
    assert "'key-1'" in text
    refused = shut.client.get("/api/datasources")
    assert (refused.status_code, refused.json()["messageId"]) == (503, "key.invalid")
    assert refused.headers["retry-after"] == "1"
    assert shut.client.get("/api/datasources", headers={"Authorization": ""}).status_code == 401


def test_it_opens_by_itself_when_the_key_is_back(shut: Lost) -> None:
    shut.keys.held["key-1"] = RIGHT
    assert eventually(lambda: shut.ready() == (200, "Ready"))
    assert shut.query("demo")[0] == 200


def test_degraded_it_serves_what_needs_no_secret(degraded: Lost) -> None:
    status, text = degraded.ready()
    assert (status, text[:19]) == (200, "Ready, but degraded")
    assert "'key-1'" in text
    assert degraded.query("open")[0] == 200


def test_degraded_what_needs_a_secret_fails_by_itself_and_names_field_and_key(degraded: Lost) -> None:
    status, text = degraded.query("demo")
    result = orjson.loads(text)["results"]["A"]
    assert status == 400
    assert (result["status"], result["errorSource"]) == (500, "plugin")
    assert re.search(r"apiKey \((key_missing|tampered), key key-1\)", result["error"])
    health = degraded.client.get("/api/datasources/uid/demo/health")
    assert (health.status_code, health.json()["status"]) == (400, "ERROR")
    assert "key key-1" in health.json()["message"]
    shown = degraded.client.get("/api/datasources/uid/demo").json()
    assert shown["secureJsonFields"] == {"apiKey": True}
    assert shown["secretState"]["apiKey"] in ("key_missing", "tampered")


def test_degraded_no_secret_can_be_set_and_none_is_lost_by_an_edit(degraded: Lost) -> None:
    shown = degraded.client.get("/api/datasources/uid/demo").json()
    secret = {**shown, "secureJsonData": {"apiKey": "new"}}
    refused = degraded.client.put("/api/datasources/uid/demo", json=secret)
    assert (refused.status_code, refused.json()["messageId"]) == (500, "key.invalid")
    edited = degraded.client.put("/api/datasources/uid/demo", json={**shown, "url": "http://new"})
    assert edited.json()["datasource"]["secureJsonFields"] == {"apiKey": True}


def test_each_failure_is_counted_and_audited_once_an_hour(degraded: Lost) -> None:
    for _ in range(3):
        degraded.query("demo")
    metrics = degraded.client.get("/metrics").text
    counts = dict(re.findall(r'headwater_secrets_decrypt_failures_total\{state="(\w+)"\} (\S+)', metrics))
    assert sum(map(float, counts.values())) == 3
    assert counts["corrupt"] == "0.0"
    opened = [record for record in degraded.audit.records if record.action == "secrets:open"]
    assert [(record.data_source, record.outcome) for record in opened] == [("demo", "error")]
    assert "key key-1" in opened[0].detail


def test_an_hour_later_the_same_failure_is_audited_again() -> None:
    audit, times = ListedAudit(), iter((0.0, 3599.0, 3600.0, 3600.0, 3600.0))
    failures = SecretFailures(HostMetrics(), audit, clock=lambda: next(times))
    password, token = (FieldState(name, SecretState.TAMPERED) for name in ("password", "token"))
    for _ in range(3):
        failures.record("a", password)
    failures.record("a", token)
    failures.record("b", password)
    assert [(each.data_source, each.detail) for each in audit.records] == [
        ("a", "password (tampered)"),
        ("a", "password (tampered)"),
        ("a", "token (tampered)"),
        ("b", "password (tampered)"),
    ]


def test_two_apps_of_one_headwater_count_their_own(store: MemoryStore) -> None:
    with Headwater(store, key_sources=[InMemoryKeySource()], degraded=True) as headwater:
        first, second = HostMetrics(), HostMetrics()
        create_app(headwater, metrics=first, audit=NoAuditLog()).close()
        app = create_app(headwater, metrics=second)
        assert headwater.check_health("demo").status.name == "ERROR"
        app.close()
        app.close()
    assert b'failures_total{state="key_missing"} 0.0' in first.exposition("")[0]
    assert b'failures_total{state="key_missing"} 1.0' in second.exposition("")[0]


def test_serve_waits_for_a_lost_key_file_and_serves_without_only_on_purpose(tmp_path: Path) -> None:
    import httpx2

    from servers.process import free_port

    command = [sys.executable, "-m", "headwater_server", "--data-dir", str(tmp_path)]
    add = ["ds", "add", "demo", "--type", "testdata", "--uid", "demo", "--secret", "apiKey=@-"]
    subprocess.run([*command, *add], input=CANARY, text=True, check=True, timeout=60)
    (key_file,) = (tmp_path / "keys").glob("*.key")
    kept = key_file.read_bytes()
    key_file.write_bytes(base64.b64encode(os.urandom(32)))

    def readiness(*options: str) -> Generator[str, None, None]:
        port = free_port()
        serve = [*command, "serve", "--port", str(port), "--log-format", "json", *options]
        with subprocess.Popen(serve, stderr=subprocess.PIPE, text=True) as process:
            try:
                while True:
                    try:
                        yield httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).text
                    except httpx2.TransportError:
                        assert process.poll() is None
            finally:
                process.terminate()
                assert process.wait(30) == 0

    without = readiness("--degraded")
    assert next(without).startswith("Ready, but degraded")
    without.close()
    waiting = readiness()
    assert f"'{key_file.stem}' is missing or not the right one" in next(waiting)
    key_file.write_bytes(kept)
    assert eventually(lambda: next(waiting) == "Ready")
    waiting.close()
