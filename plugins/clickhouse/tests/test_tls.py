"""HTTPS, with the server's certificate checked and ours presented. ClickHouse stands behind a TLS proxy."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headwater import Headwater
from headwater.errors import DownstreamConnectionError
from servers.certificates import Certificates, make_certificates
from servers.clickhouse import ClickHouseServer
from servers.scripted_http import Request, ScriptedServer, serve

AddSource = Callable[..., str]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def proxy(server: ClickHouseServer, certificates: Certificates) -> Iterator[ScriptedServer]:
    """Terminates TLS, wants a client certificate, and forwards to the real server."""

    def forward(request: Request, connection: socket.socket) -> None:
        upstream = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        upstream.request(request.method, request.target, request.body)
        answer = upstream.getresponse()
        body = answer.read()
        head = "".join(f"{k}: {v}\r\n" for k, v in answer.getheaders() if k != "Transfer-Encoding")
        connection.sendall(f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        upstream.close()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.server, certificates.server_key)
    tls.load_verify_locations(certificates.authority)
    tls.verify_mode = ssl.CERT_REQUIRED
    with serve(forward, tls=tls) as started:
        yield started


def pem(path: Path) -> str:
    return path.read_text()


def test_both_sides_show_their_certificates(
    host: Headwater, add: AddSource, proxy: ScriptedServer, certificates: Certificates
) -> None:
    name = add(
        url=proxy.url,
        json_data={"tlsAuth": True, "tlsAuthWithCACert": True},
        secure_json_data={
            "tlsCACert": pem(certificates.authority),
            "tlsClientCert": pem(certificates.client),
            "tlsClientKey": pem(certificates.client_key),
        },
    )
    assert host.query(name, "SELECT 1 AS v").table.to_pylist() == [{"v": 1}]


def test_a_stranger_is_not_trusted(
    host: Headwater, add: AddSource, proxy: ScriptedServer, certificates: Certificates
) -> None:
    name = add(
        url=proxy.url,
        json_data={"tlsAuthWithCACert": True},
        secure_json_data={"tlsCACert": pem(certificates.stranger)},
    )
    with pytest.raises(DownstreamConnectionError, match="certificate verify failed"):
        host.query(name, "SELECT 1")
    assert host.check_health(name).message.startswith("[tls]")


def test_a_server_that_wants_a_certificate_gets_none_unless_configured(
    host: Headwater, add: AddSource, proxy: ScriptedServer, certificates: Certificates
) -> None:
    name = add(
        url=proxy.url,
        json_data={"tlsAuthWithCACert": True},
        secure_json_data={"tlsCACert": pem(certificates.authority)},
    )
    with pytest.raises(DownstreamConnectionError):
        host.query(name, "SELECT 1")


def test_skipped_verification_shows_in_health(
    host: Headwater, add: AddSource, proxy: ScriptedServer, certificates: Certificates
) -> None:
    name = add(
        url=proxy.url,
        json_data={"tlsSkipVerify": True, "tlsAuth": True},
        secure_json_data={
            "tlsClientCert": pem(certificates.client),
            "tlsClientKey": pem(certificates.client_key),
        },
    )
    health = host.check_health(name)
    assert health.status == 1
    assert "not verified" in health.details["tls"]
