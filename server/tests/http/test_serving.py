"""`headwater serve` and `headwater token` as an operator uses them."""

from __future__ import annotations

import io
import json
import re
import signal
import ssl
import subprocess
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headwater_server.serving import ListenOptions, UnsafeListenError
from headwater_server.serving.logs import JsonLines
from servers.certificates import make_certificates
from servers.http_host import eventually
from servers.serve_process import COMMAND, ServeProcess, admin_token


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data"


def headwater(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--data-dir", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def start(directory: Path, drain_seconds: str = "30") -> Iterator[ServeProcess]:
    audit = str(directory / "audit.jsonl")
    process = ServeProcess(directory, "--audit-log", audit, "--drain-timeout", drain_seconds)
    try:
        process.wait_ready()
        body = {"name": "Demo", "type": "testdata", "uid": "demo"}
        added = process.call("POST", "/api/datasources", json=body)
        assert added.status_code == 200, added.text
        yield process
    finally:
        process.process.kill()
        process.process.wait()


@pytest.fixture
def serving(directory: Path) -> Iterator[ServeProcess]:
    yield from start(directory)


@pytest.fixture
def impatient(directory: Path) -> Iterator[ServeProcess]:
    yield from start(directory, "0.5")


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """A host that the tests leave running, and so can share."""
    yield from start(tmp_path_factory.mktemp("lasting") / "data")


def test_the_first_start_prints_an_admin_token_once(directory: Path, serving: ServeProcess) -> None:
    listed = serving.call("GET", "/api/datasources")
    assert [each["name"] for each in listed.json()] == ["Demo"]
    assert serving.stop() == 0
    again = ServeProcess(directory)
    again.wait_ready()
    assert again.stop() == 0
    assert "hwsa_" not in again.log


def test_sigterm_lets_a_running_request_finish_and_then_ends_well(serving: ServeProcess) -> None:
    with ThreadPoolExecutor() as threads:
        running = threads.submit(serving.call, "POST", "/api/ds/query", json=slow(2000))
        assert eventually(lambda: in_flight(serving) == 2)
        serving.process.send_signal(signal.SIGTERM)
        answer = running.result()
    assert answer.status_code == 200
    assert serving.process.wait(30) == 0
    audited = (serving.directory / "audit.jsonl").read_text().splitlines()
    assert json.loads(audited[-1])["outcome"] == "ok"


def test_sigterm_cancels_what_takes_longer_than_the_drain(impatient: ServeProcess) -> None:
    with ThreadPoolExecutor() as threads:
        running = threads.submit(impatient.call, "POST", "/api/ds/query", json=slow(120_000))
        assert eventually(lambda: in_flight(impatient) == 2)
        impatient.process.send_signal(signal.SIGTERM)
        answer = running.result()
    assert answer.json()["results"]["A"]["status"] == 499
    assert impatient.process.wait(30) == 0


def slow(milliseconds: int) -> dict[str, object]:
    query = {"refId": "A", "datasource": {"uid": "demo"}, "scenario": "slow", "delayMs": milliseconds}
    return {"from": "now-1h", "to": "now", "queries": [query]}


def in_flight(process: ServeProcess) -> float:
    """Requests being answered, the one that asks included."""
    found = re.search(r"^grafana_http_request_in_flight (\S+)$", process.call("GET", "/metrics").text, re.M)
    return float(found[1]) if found else 0.0


def audited(process: ServeProcess, request_id: str) -> list[dict[str, object]]:
    records = map(json.loads, (process.directory / "audit.jsonl").read_text().splitlines())
    return [record for record in records if record["request_id"] == request_id]


def test_the_audit_log_says_who_did_what(lasting: ServeProcess) -> None:
    lasting.call("POST", "/api/ds/query", json=slow(10), headers={"X-Request-Id": "audited-query"})
    lasting.call("GET", "/api/datasources", token="", headers={"X-Request-Id": "audited-refusal"})
    assert eventually(lambda: audited(lasting, "audited-refusal"))
    (query,) = audited(lasting, "audited-query")
    (refused,) = audited(lasting, "audited-refusal")
    assert (query["who"], query["action"]) == ("token:admin", "datasources:query")
    assert (query["data_source"], query["rows"], query["status"]) == ("demo", 1, 200)
    assert query["outcome"] == "ok"
    assert float(str(query["ms"])) >= 10
    assert query["bytes"]
    assert re.fullmatch(r"[0-9a-f]{16}", str(query["query_hash"]))
    assert (refused["outcome"], refused["status"], refused["who"]) == ("denied", 401, "")
    assert (lasting.directory / "audit.jsonl").stat().st_mode & 0o077 == 0


def test_the_log_is_json_with_request_ids_and_without_tokens(lasting: ServeProcess) -> None:
    lasting.call("GET", "/api/datasources", headers={"X-Request-Id": "logged"})
    assert eventually(lambda: '"logged"' in lasting.log)
    lines = [json.loads(line) for line in lasting.log.splitlines() if line.startswith("{")]
    answered = next(line for line in lines if line.get("request_id") == "logged")
    assert (answered["status"], answered["route"]) == (200, "/api/datasources")
    assert answered["who"] == "token:admin"
    assert not [line for line in lines if admin_token(lasting) in json.dumps(line)]


def test_a_token_that_the_command_line_revokes_is_refused_by_a_running_host(lasting: ServeProcess) -> None:
    made = headwater(lasting.directory, "token", "create", "ci", "--role", "editor", "--expires", "1h")
    token = made.stdout.strip()
    assert lasting.call("GET", "/api/datasources", token=token).status_code == 200
    assert headwater(lasting.directory, "token", "revoke", "ci").returncode == 0
    assert eventually(lambda: lasting.call("GET", "/api/datasources", token=token).status_code == 401)


def test_tokens_are_listed_without_being_shown(directory: Path) -> None:
    made = headwater(directory, "token", "create", "ci", "--scope", "datasources:query:demo")
    listed = headwater(directory, "token", "list", "--json")
    assert made.stdout.startswith("hwsa_")
    assert made.stdout.strip() not in listed.stdout
    record = json.loads(listed.stdout)[0]
    assert (record["name"], record["scopes"], record["state"]) == ("ci", "datasources:query:demo", "good")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "x"), "needs --role or --scope"),
        (("create", "x", "--role", "king"), "not a role"),
        (("create", "x", "--scope", "everything"), "not a scope"),
        (("create", "x", "--role", "viewer", "--expires", "soon"), "not a duration"),
        (("create", " ", "--role", "viewer"), "printable characters"),
        (("revoke", "nobody"), "no token 'nobody'"),
    ],
)
def test_mistakes_on_the_command_line_are_sentences(
    directory: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = headwater(directory, "token", *arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    "text", ["data.example.org/x", "ftp://data.example.org/", "https:///x", "https://h/?a=1"]
)
def test_a_root_url_is_a_web_address(directory: Path, text: str) -> None:
    done = headwater(directory, "serve", "--root-url", text)
    assert done.returncode == 2
    assert "give an address such as https://data.example.org/headwater/" in done.stderr


def test_beyond_loopback_plain_http_is_refused(directory: Path) -> None:
    done = headwater(directory, "serve", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "--tls-cert" in done.stderr
    assert "--allow-plain-http" in done.stderr
    assert "hwsa_" not in done.stderr


def test_tls_is_served_with_the_given_certificate(directory: Path, tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path / "tls")
    process = ServeProcess(
        directory, "--tls-cert", str(certificates.server), "--tls-key", str(certificates.server_key)
    )
    process.url = process.url.replace("http:", "https:")
    try:
        process.wait_ready(verify=ssl.create_default_context(cafile=certificates.authority))
    finally:
        process.stop()
    assert "https://127.0.0.1" in process.log


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_addresses_are_private(host: str) -> None:
    ListenOptions(host=host).check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "localhost.example.org", ""])
def test_all_other_addresses_need_tls_or_the_operators_word(host: str) -> None:
    with pytest.raises(UnsafeListenError):
        ListenOptions(host=host).check()
    ListenOptions(host=host, plain_http_ok=True).check()


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeListenError, match="both"):
        ListenOptions(tls_certificate=tmp_path / "c.pem").check()
    with pytest.raises(UnsafeListenError, match="does not exist"):
        ListenOptions(tls_certificate=tmp_path / "c.pem", tls_key=tmp_path / "k.pem").check()


@pytest.mark.parametrize(
    ("kind", "url"),
    [("prometheus", "http://127.0.0.1:{port}"), ("mysql", "127.0.0.1:{port}")],
)
def test_denied_addresses_are_not_connected_to(directory: Path, kind: str, url: str) -> None:
    host = ServeProcess(directory, "--deny-addresses", "10.0.0.0/8,127.0.0.0/8")
    try:
        host.wait_ready()
        made = {"name": "db", "uid": "db", "type": kind, "url": url.format(port=host.port), "user": "reader"}
        assert host.call("POST", "/api/datasources", json=made).status_code == 200
        query = {"refId": "A", "datasource": {"uid": "db"}, "expr": "up", "rawSql": "SELECT 1"}
        asked = {"from": "now-1h", "to": "now", "queries": [query]}
        result = host.call("POST", "/api/ds/query", json=asked).json()["results"]["A"]
    finally:
        host.stop()
    assert result["status"] == 403
    assert "does not connect to 127.0.0.1: the host's address policy" in result["error"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_with_the_json_format_every_line_of_stderr_is_json(directory: Path, workers: str) -> None:
    process = ServeProcess(directory, "--log-format", "json", "--workers", workers)
    try:
        process.wait_ready()
        process.call("GET", "/api/datasources", token="")
    finally:
        assert process.stop() == 0
    events = [json.loads(line) for line in process.log.splitlines()]
    texts = [event["event"] for event in events]
    assert f"Headwater serves {process.url}" in texts
    assert any(text.startswith("Admin token, shown only now: hwsa_") for text in texts)
    assert any(event.get("route") == "/api/datasources" for event in events)
    assert all(event["level"] and event["timestamp"] for event in events)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "many"), "Invalid value for '--port'"),
        (("--provisioning", "/nowhere"), "does not exist"),
        (("--host", "0.0.0.0"), "Listening on 0.0.0.0 without TLS"),
        (("--admin-password-file", "/nowhere"), "/nowhere cannot be read"),
    ],
)
def test_a_start_that_fails_says_so_in_json_too(
    directory: Path, arguments: tuple[str, ...], said: str
) -> None:
    failed = headwater(directory, "serve", *arguments, "--log-format", "json")
    assert failed.returncode == 2
    events = [json.loads(line) for line in failed.stderr.splitlines()]
    assert said in events[-1]["event"]
    assert events[-1]["level"] == "error"


def test_tracebacks_and_prints_of_several_threads_become_json_lines() -> None:
    sink = io.StringIO()
    lines = JsonLines(sink)
    with ThreadPoolExecutor() as threads:
        for number in range(200):
            threads.submit(print, f"line {number}", number, file=lines)
    try:
        raise ValueError("broken")
    except ValueError:
        traceback.print_exc(file=lines)
    print("warning: one\nsentence", file=lines)
    print('{"event": "ready", "level": "info"}', file=lines)
    events = [json.loads(line) for line in sink.getvalue().splitlines()]
    assert sorted(event["event"] for event in events[:200]) == sorted(f"line {n} {n}" for n in range(200))
    assert [event["event"] for event in events[-2:]] == ["one\nsentence", "ready"]
    assert [event["level"] for event in events[-2:]] == ["warning", "info"]
    assert "ValueError: broken" in [event["event"] for event in events]
