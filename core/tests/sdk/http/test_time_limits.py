"""Calls that end before their answer: silent servers, deadlines and cancellations."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from headwater.calls import CallContext
from headwater.errors import DeadlineExceededError, DownstreamTimeoutError, QueryCanceledError
from servers.scripted_http import Request, answer, serve

from .conftest import client


def test_a_server_that_accepts_no_connection_is_a_timeout() -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # nobody accepts: the queue is full, and later callers get no answer
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        http = stack.enter_context(
            client(f"http://127.0.0.1:{listener.getsockname()[1]}", json_data={"dialTimeout": 0.1})
        )
        with pytest.raises(DownstreamTimeoutError, match="did not accept a connection in time"):
            http.request("GET")


def test_a_silent_server_is_a_timeout() -> None:
    with (
        serve() as server,
        client(server.url, json_data={"timeout": 0.1}) as http,
        pytest.raises(DownstreamTimeoutError),
    ):
        http.request("GET")


def test_cancelling_closes_the_connection_of_a_waiting_request() -> None:
    context = CallContext(timeout=30)
    with serve() as server, client(server.url) as http:
        threading.Timer(0.1, context.cancel).start()
        with pytest.raises(QueryCanceledError):
            http.request("GET", context=context)
        assert server.hung_up.wait(5)


def test_the_deadline_closes_the_connection_in_the_middle_of_an_answer() -> None:
    def script(request: Request, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        server.hang(request, connection)

    context = CallContext(timeout=0.2)
    with (
        serve(script) as server,
        client(server.url) as http,
        http.request("GET", context=context) as response,
    ):
        chunks = response.stream_chunks()
        assert next(chunks) == b"hello"
        with pytest.raises(DeadlineExceededError):
            next(chunks)
        assert server.hung_up.wait(5)


def test_a_body_that_ends_with_the_connection_is_no_success_when_cancelled() -> None:
    def script(request: Request, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhalf")
        server.hang(request, connection)

    context = CallContext()
    with (
        serve(script) as server,
        client(server.url) as http,
        http.request("GET", context=context) as response,
    ):
        threading.Timer(0.1, context.cancel).start()
        with pytest.raises(QueryCanceledError):
            response.read()


def test_a_cancelled_call_sends_nothing() -> None:
    context = CallContext()
    context.cancel()
    with serve(answer()) as server, client(server.url) as http, pytest.raises(QueryCanceledError):
        http.request("GET", context=context)
    assert server.requests == []
