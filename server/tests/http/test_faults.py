"""Requests that no client library would send, and starts and ends that do not go as planned."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from headwater_server.audit import AuditEvent, FileAuditLog
from servers.http_host import RunningHost, eventually
from servers.process import free_port

COMMAND = [sys.executable, "-m", "headwater_server"]
HEAD = "POST /api/ds/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def say(host: RunningHost, *sent: str) -> str:
    """All that the host answers until it closes the connection."""
    with host.connect() as connection:
        for each in sent:
            connection.sendall(each.encode())
        connection.settimeout(10)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer.decode("latin-1")


@pytest.mark.parametrize("name", ["token", "access_token", "auth_token", "api_key", "Authorization"])
def test_a_token_in_the_address_is_no_token(host: RunningHost, name: str) -> None:
    """It would end up in the logs of proxies."""
    with host.client("") as nobody:
        assert nobody.get("/api/datasources", params={name: host.admin}).status_code == 401
        assert nobody.get("/api/datasources", params={name: f"Bearer {host.admin}"}).status_code == 401


def test_several_authorization_headers_are_refused(host: RunningHost) -> None:
    """A proxy in front may have looked at the other one."""
    good = f"Authorization: Bearer {host.admin}\r\n"
    for second in (good, "Authorization: Bearer other\r\n"):
        answer = say(
            host, f"GET /api/datasources HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{good}{second}\r\n"
        )
        assert answer.startswith("HTTP/1.1 401 ")


def test_several_lengths_or_a_length_and_chunks_are_no_request(host: RunningHost) -> None:
    """Where a proxy and the host disagree on the end of a body, the next request is whose?"""
    auth = f"Authorization: Bearer {host.admin}\r\n"
    for lengths in (
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
    ):
        answer = say(host, f"{HEAD}{auth}{lengths}\r\n{{}}0\r\n\r\n")
        assert answer.startswith("HTTP/1.1 400 ")
        assert answer.count("HTTP/1.1 ") == 1


def test_pipelined_requests_are_answered_in_order(host: RunningHost) -> None:
    healthy, unknown = "GET /healthz HTTP/1.1\r\nHost: x\r\n", "GET /nothing HTTP/1.1\r\nHost: x\r\n"
    answer = say(host, f"{healthy}\r\n{unknown}\r\n{healthy}Connection: close\r\n\r\n")
    statuses = [part.split(" ")[0] for part in answer.split("HTTP/1.1 ")[1:]]
    assert statuses == ["200", "404", "200"]


def test_http_1_0_is_answered_and_closed(host: RunningHost) -> None:
    answer = say(host, "GET /healthz HTTP/1.0\r\n\r\n")
    assert " 200 " in answer.splitlines()[0]
    assert answer.endswith("Ok")


def test_chunks_without_an_end_are_408(make_host: Callable[..., RunningHost]) -> None:
    host = make_host(options={"body_timeout": 0.3})
    head = f"{HEAD}Authorization: Bearer {host.admin}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    assert say(host, f"{head}\r\n", "1\r\n{\r\n").startswith("HTTP/1.1 408 ")


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND"])
def test_no_other_origin_is_invited(client: httpx2.Client, method: str) -> None:
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = client.request(method, "/api/ds/query", headers=headers)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]
    read = client.get("/api/datasources", headers=headers)
    assert not [name for name in read.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    [
        "uid/%2e%2e",
        "uid/demo%00",
        "uid/demo%2f..%2fdemo",
        "uid/d%C0%AEmo",
        "name/%00",
        "id/%ff",
        "%F0%9F%92%A5",
    ],
)
def test_an_encoded_name_finds_nothing_else(client: httpx2.Client, path: str) -> None:
    assert client.get(f"/api/datasources/{path}").status_code in (400, 404)


# --- starts and ends -------------------------------------------------------------------------------


def serve(directory: Path, port: int, *options: str) -> subprocess.Popen[str]:
    command = [*COMMAND, "--data-dir", str(directory), "serve", "--port", str(port), *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def test_a_port_in_use_is_a_sentence_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        process = serve(tmp_path / "data", other.getsockname()[1])
        _, said = process.communicate(timeout=60)
    assert process.returncode == 4
    assert said.startswith("error: Cannot listen on 127.0.0.1, port ")
    assert "hwsa_" not in said
    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    process = serve(tmp_path / "file" / "data", 0)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "cannot be made" in said
    assert "Traceback" not in said


def test_a_second_sigterm_does_not_wait_and_is_no_failure(tmp_path: Path) -> None:
    port = free_port()
    process = serve(tmp_path, port)
    assert process.stderr is not None
    assert eventually(lambda: _answers(port))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST /api/ds/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n")
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_loses_audit_records_and_says_so_but_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "audit").symlink_to("/dev/full")
    log = FileAuditLog(tmp_path / "audit")
    log.write(AuditEvent(time="t", request_id="r", who="w", address="a", action="x"))
    assert eventually(lambda: log.lost == 1)
    (tmp_path / "audit").unlink()
    log.write(AuditEvent(time="t", request_id="r", who="w", address="a", action="after"))
    log.close()
    assert '"action":"after"' in (tmp_path / "audit").read_text()
    assert "could not be written" in capsys.readouterr().out + caplog.text
