"""Bodies that are read into their reader's buffers."""

from __future__ import annotations

import gzip
import socket

import pytest
from hypothesis import given, settings, strategies as st

from headwater.errors import DownstreamConnectionError, DownstreamProtocolError, LimitExceededError
from headwater.models import DataSourceInstanceSettings
from headwater.sdk.http import HttpClient, HttpClientSettings
from servers.scripted_http import Request, raw, serve

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
BODY = bytes(range(256)) * 40


def chunked(body: bytes, size: int) -> bytes:
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def client(url: str) -> HttpClient:
    return HttpClient(HttpClientSettings.from_instance(DataSourceInstanceSettings("u", "n", "t", url=url)))


def read(sent: bytes, size: int = 1000, *, max_bytes: int | None = None) -> bytes:
    with serve(raw(sent)) as server, client(server.url) as http:
        response = http.request("GET", max_bytes=max_bytes)
        buffer, found = memoryview(bytearray(size)), bytearray()
        while count := response.readinto(buffer):
            found += buffer[:count]
        assert response.bytes_read == len(found)
        assert response.readinto(buffer) == 0
    return bytes(found)


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=1, max_size=5000), st.integers(1, 6000), st.integers(1, 6000))
def test_chunks_and_buffers_of_any_size(body: bytes, chunk: int, size: int) -> None:
    assert read(HEAD + b"\r\n" + chunked(body, max(chunk, len(body) // 50)), max(size, 50)) == body


def test_a_body_of_a_declared_length() -> None:
    assert read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)) == BODY


def test_a_body_up_to_the_connections_end() -> None:
    assert read(b"HTTP/1.0 200 OK\r\n\r\n" + BODY) == BODY


def test_an_encoded_body_is_decoded() -> None:
    head = HEAD + b"Content-Encoding: gzip\r\n\r\n"
    assert read(head + chunked(gzip.compress(BODY), 100)) == BODY


def test_extensions_and_trailers_are_passed_over() -> None:
    assert read(HEAD + b"\r\n3 ;a=b\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n") == b"abc"


def test_the_connection_is_used_again() -> None:
    ports = set()

    def script(request: Request, connection: socket.socket) -> None:
        ports.add(connection.getpeername()[1])
        raw(HEAD + b"\r\n" + chunked(BODY, 999), close=False)(request, connection)

    with serve(script) as server, client(server.url) as http:
        for _ in range(3):
            response = http.request("GET")
            while response.readinto(memoryview(bytearray(len(BODY)))):
                pass
    assert len(ports) == 1


@pytest.mark.parametrize("end", [b"", b"5", b"5\r\n", b"5\r\nab", b"5\r\nabcde", b"0\r\n", b"0\r\nx: y\r\n"])
def test_a_body_that_breaks_off_is_not_whole(end: bytes) -> None:
    with pytest.raises(DownstreamConnectionError, match="broke off"):
        read(HEAD + b"\r\n" + end)


@pytest.mark.parametrize(
    "chunk",
    [b"-1\r\nabc\r\n", b"+3\r\nabc\r\n", b"0x3\r\nabc\r\n", b"1_0\r\nabc\r\n", b"\r\nabc\r\n",
     b"3\r\nabcd\r\n", b"1" * 70_000 + b"\r\n", b"0\r\n" + b"x: y\r\n" * 20_000],
    ids=["negative", "signed", "prefixed", "grouped", "none", "too long", "endless", "trailers without end"],
)  # fmt: skip
def test_what_is_no_chunk_is_refused(chunk: bytes) -> None:
    with pytest.raises(DownstreamProtocolError, match="does not answer in HTTP"):
        read(HEAD + b"\r\n" + chunk)


def test_more_than_the_limit_is_refused() -> None:
    with pytest.raises(LimitExceededError):
        read(HEAD + b"\r\n" + chunked(BODY, 100), max_bytes=5000)
