"""Trust and client certificates."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from headwater.errors import DownstreamConnectionError, ValidationError
from headwater.models import DataSourceInstanceSettings
from headwater.sdk.http import HttpClient, HttpClientSettings
from headwater.sdk.tls import client_context
from headwater.secrets import Secret
from servers.certificates import SERVER_NAME, Certificates, make_certificates
from servers.scripted_http import Request, ScriptedServer, answer, serve


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(certificates: Certificates) -> Iterator[ScriptedServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server, certificates.server_key)
    with serve(answer(b"ok"), tls=context) as running:
        yield running


@pytest.fixture
def strict_server(certificates: Certificates) -> Iterator[ScriptedServer]:
    """Asks for a client certificate of the test authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates.authority))
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.verify_mode = ssl.CERT_REQUIRED
    # With TLS 1.3 a refused client certificate shows only after the handshake.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serve(answer(b"ok"), tls=context) as running:
        yield running


def get(server: ScriptedServer, json_data: dict[str, Any], **secrets: Path | str) -> bytes:
    texts = {key: path.read_text() if isinstance(path, Path) else path for key, path in secrets.items()}
    instance = DataSourceInstanceSettings(
        uid="u",
        name="n",
        type="t",
        url=server.url,
        json_data=json_data,
        decrypted_secure_json_data={key: Secret(text) for key, text in texts.items()},
    )
    with HttpClient(HttpClientSettings.from_instance(instance)) as http, http.request("GET") as response:
        return response.read()


def test_an_unknown_authority_is_refused_with_the_reason(server: ScriptedServer) -> None:
    with pytest.raises(DownstreamConnectionError, match="certificate verify failed") as failed:
        get(server, {})
    assert failed.value.retryable is False


def test_the_configured_authority_is_trusted(server: ScriptedServer, certificates: Certificates) -> None:
    assert get(server, {"tlsAuthWithCACert": True}, tlsCACert=certificates.authority) == b"ok"


def test_another_authority_is_not(server: ScriptedServer, certificates: Certificates) -> None:
    with pytest.raises(DownstreamConnectionError, match="verify failed"):
        get(server, {"tlsAuthWithCACert": True}, tlsCACert=certificates.stranger)


def test_the_expected_name_can_be_set(server: ScriptedServer, certificates: Certificates) -> None:
    trusting = {"tlsAuthWithCACert": True}
    assert get(server, {**trusting, "serverName": SERVER_NAME}, tlsCACert=certificates.authority) == b"ok"
    with pytest.raises(DownstreamConnectionError):
        get(server, {**trusting, "serverName": "other.test"}, tlsCACert=certificates.authority)


def test_verification_can_be_switched_off(server: ScriptedServer) -> None:
    assert get(server, {"tlsSkipVerify": True}) == b"ok"


def test_a_client_certificate_is_presented(strict_server: ScriptedServer, certificates: Certificates) -> None:
    settings = {"tlsAuth": True, "tlsAuthWithCACert": True}
    secrets = {"tlsClientCert": certificates.client, "tlsClientKey": certificates.client_key}
    assert get(strict_server, settings, tlsCACert=certificates.authority, **secrets) == b"ok"


def test_without_a_client_certificate_a_strict_server_refuses(
    strict_server: ScriptedServer, certificates: Certificates
) -> None:
    with pytest.raises(DownstreamConnectionError):
        get(strict_server, {"tlsAuthWithCACert": True}, tlsCACert=certificates.authority)


@pytest.mark.parametrize(
    ("settings", "key"),
    [({"tlsAuthWithCACert": True}, "tlsCACert"), ({"tlsAuth": True}, "tlsClientCert")],
)
def test_a_text_that_is_no_certificate_names_its_key(
    server: ScriptedServer, certificates: Certificates, settings: dict[str, Any], key: str
) -> None:
    secrets: dict[str, Path | str] = {"tlsClientKey": certificates.client_key, key: "canary"}
    with pytest.raises(ValidationError) as failed:
        get(server, settings, **secrets)
    assert failed.value.path == f"secureJsonData.{key}"
    assert "canary" not in str(failed.value)


def test_tls_goes_through_a_proxy_to_the_server(server: ScriptedServer, certificates: Certificates) -> None:
    port = int(server.url.rpartition(":")[2])

    def tunnel(_: Request, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as target:
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=pump, args=(target, client))
            back.start()
            pump(client, target)
            back.join()

    with serve(tunnel) as proxy:
        settings = {"tlsAuthWithCACert": True, "proxyUrl": proxy.url}
        assert get(server, settings, tlsCACert=certificates.authority) == b"ok"
    (request,) = proxy.requests
    assert (request.method, request.target) == ("CONNECT", f"127.0.0.1:{port}")


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(
    server: ScriptedServer, certificates: Certificates
) -> None:
    key = serialization.load_pem_private_key(certificates.client_key.read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hunter22"),
    ).decode()
    with pytest.raises(ValidationError, match="certificate and key do not fit") as failed:
        get(server, {"tlsAuth": True}, tlsClientCert=certificates.client, tlsClientKey=locked)
    assert failed.value.path == "secureJsonData.tlsClientCert"
    assert str(failed.value.__cause__) == "the client key is encrypted with a password"


@pytest.mark.parametrize("fits", [True, False])
def test_where_no_file_can_be_in_memory_only_none_stays_on_disk(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fits: bool
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    key = certificates.client_key if fits else certificates.server_key
    with contextlib.nullcontext() if fits else pytest.raises(ValidationError):
        client_context(certificate=(certificates.client.read_text(), key.read_text()))
    assert list(tmp_path.iterdir()) == []
