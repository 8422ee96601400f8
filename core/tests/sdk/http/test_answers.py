"""What the HTTP client accepts as an answer, and what it says of others."""

from __future__ import annotations

import gzip
import socket
from typing import Any

import pyarrow as pa
import pytest

from headwater.calls import CallContext
from headwater.errors import (
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamError,
    DownstreamProtocolError,
    DownstreamServerError,
    DownstreamTimeoutError,
    ErrorSource,
    LimitExceededError,
    QueryCanceledError,
)
from servers.scripted_http import Request, answer, raw, serve

from .conftest import by_target, client

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("status", ["101 Switching Protocols", "103 Early Hints", "199 Whatever"])
def test_the_request_after_an_interim_answer_gets_its_own(status: str) -> None:
    def script(request: Request, connection: socket.socket) -> None:
        if request.target == "/first":
            raw(f"HTTP/1.1 {status}\r\nLink: </x>\r\n\r\n".encode(), close=False)(request, connection)
        answer(request.target.encode())(request, connection)

    with serve(script) as server, client(server.url) as http:
        if status.startswith("101"):
            with pytest.raises(DownstreamProtocolError, match="another protocol"):
                http.request("POST", "first")
        else:
            assert http.request("POST", "first").read() == b"/first"
        assert http.request("POST", "second").read() == b"/second"
    assert [request.target for request in server.requests] == ["/first", "/second"]


def test_a_bomb_ends_at_the_deadline_though_nothing_waits_for_the_server() -> None:
    bomb = answer(gzip.compress(b"\0" * 200_000_000, 1), headers={"Content-Encoding": "gzip"})
    with serve(bomb) as server, client(server.url) as http, CallContext() as context:
        response = http.request("GET", context=context)
        next(chunks := response.stream_chunks())
        context.cancel()
        with pytest.raises(QueryCanceledError):
            list(chunks)


def test_a_larger_answer_than_allowed_is_cut_off_after_decoding() -> None:
    bomb = answer(gzip.compress(b"\0" * 50_000_000), headers={"Content-Encoding": "gzip"})
    with (
        serve(bomb) as server,
        client(server.url, json_data={"responseLimit": 1_000_000}) as http,
        http.request("GET") as response,
    ):
        with pytest.raises(LimitExceededError, match="1000000 bytes"):
            response.read()
        assert response.bytes_read < 2_000_000


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", DownstreamConnectionError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", DownstreamConnectionError),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
            DownstreamProtocolError,
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", DownstreamProtocolError),
        (b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", DownstreamProtocolError),
        (CHUNKED + b"-5\r\nhello\r\n", DownstreamProtocolError),
        (CHUNKED + b"-1\r\nhello\r\n", DownstreamProtocolError),
        (CHUNKED + b"zz\r\nhello\r\n", DownstreamProtocolError),
        (CHUNKED + b"5" * 100_000, DownstreamProtocolError),
        (CHUNKED + b"5;" + b"x" * 100_000, DownstreamProtocolError),
        (CHUNKED + b"0\r\n" + b"a" * 100_000, DownstreamProtocolError),
        (CHUNKED + b"0\r\n" + b"a: b\r\n" * 20_000, DownstreamProtocolError),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000, DownstreamProtocolError),
        (b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000, DownstreamProtocolError),
        (b"HTTP/1.1 200 " + b"b" * 100_000, DownstreamProtocolError),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
            DownstreamProtocolError,
        ),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", DownstreamProtocolError),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n", DownstreamProtocolError),
    ],
)
def test_a_broken_answer_is_a_downstream_error(data: bytes, error: type[Exception]) -> None:
    with serve(raw(data)) as server, client(server.url) as http, pytest.raises(error):
        http.request("GET").read()


@pytest.mark.parametrize("cut", range(1, 61, 6))
def test_an_answer_cut_within_its_head_is_not_taken_for_an_empty_one(cut: int) -> None:
    head = b"HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serve(raw(head[:cut])) as server, client(server.url) as http, pytest.raises(DownstreamError):
        http.request("GET").read()


@pytest.mark.parametrize(
    ("status", "error", "source"),
    [
        ("401 Unauthorized", DownstreamAuthError, ErrorSource.DOWNSTREAM),
        ("403 Forbidden", DownstreamAuthError, ErrorSource.DOWNSTREAM),
        ("504 Gateway Timeout", DownstreamTimeoutError, ErrorSource.DOWNSTREAM),
        ("500 Internal Server Error", DownstreamServerError, ErrorSource.DOWNSTREAM),
        ("414 URI Too Long", DownstreamServerError, ErrorSource.PLUGIN),
    ],
)
def test_a_status_says_whose_fault_it_is(status: str, error: type[Any], source: ErrorSource) -> None:
    with (
        serve(answer(b"x" * 5000, status=status)) as server,
        client(server.url) as http,
        http.request("GET") as response,
        pytest.raises(error) as failed,
    ):
        response.raise_for_status()
    assert failed.value.source is source
    assert len(str(failed.value)) < 1200


def test_a_body_is_a_file_that_arrow_reads() -> None:
    table = pa.table({"n": list(range(100_000))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    with (
        serve(answer(sink.getvalue().to_pybytes())) as server,
        client(server.url) as http,
        http.request("GET") as response,
        pa.ipc.open_stream(response.raw) as reader,
    ):
        assert reader.read_all() == table


def test_a_body_is_a_file_that_ends() -> None:
    with serve(answer(b"abcdef")) as server, client(server.url) as http:
        for sizes, pieces in (((), [b"abcdef"]), ((2,), [b"ab", b"cdef"]), ((2, 9), [b"ab", b"cdef", b""])):
            with http.request("GET") as response, response.raw as file:
                assert [*map(file.read, sizes), file.read()] == pieces
            file.close()
            assert file.closed


def test_who_listens_to_headers_may_make_a_request() -> None:
    heard = []

    def listener(name: str, value: str) -> bool:
        if name == "X-More":
            heard.append(http.request("GET", value).read())
        return False

    scripts = {"/a": answer(b"outer", headers={"X-More": "b"}), "/b": answer(b"inner")}
    with serve(by_target(scripts)) as server, client(server.url) as http:
        assert http.request("GET", "a", on_header=listener).read() == b"outer"
    assert heard == [b"inner"]
