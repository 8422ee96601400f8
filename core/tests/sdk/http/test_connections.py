"""Connections: kept, given up, waited for, and requests that are repeated on a new one."""

from __future__ import annotations

import socket
import threading

import pytest

from headwater.calls import CallContext
from headwater.errors import (
    DeadlineExceededError,
    DownstreamConnectionError,
    HostExhaustedError,
    QueryCanceledError,
    ValidationError,
)
from servers.process import no_file_descriptors_left
from servers.scripted_http import Request, answer, raw, serve

from .conftest import client


@pytest.mark.parametrize("cancelled", [False, True])
def test_who_waits_for_a_free_connection_waits_no_longer_than_its_call(*, cancelled: bool) -> None:
    with serve(answer(b"ok")) as server, client(server.url, json_data={"httpMaxConnsPerHost": 1}) as http:
        with http.request("GET", "q"):  # is not read to its end, so that its connection is in use
            context = CallContext(timeout=None if cancelled else 0.3)
            if cancelled:
                threading.Timer(0.3, context.cancel).start()
            with pytest.raises(QueryCanceledError if cancelled else DeadlineExceededError):
                http.request("GET", "q", context=context)
        with http.request("GET", "q", context=CallContext(timeout=10)) as response:
            assert response.read() == b"ok"
    assert len(server.requests) == 2


def test_running_out_of_file_descriptors_is_the_hosts_fault() -> None:
    with serve(answer(b"ok")) as server, client(server.url) as http:
        with no_file_descriptors_left(), pytest.raises(HostExhaustedError, match="ulimit -n"):
            http.request("GET", "x")
        with http.request("GET", "x") as response:
            assert response.read() == b"ok"


def test_connections_are_kept_and_used_again() -> None:
    ports = []

    def script(request: Request, connection: socket.socket) -> None:
        ports.append(connection.getpeername())
        answer(b"ok")(request, connection)

    with serve(script) as server, client(server.url) as http:
        for _ in range(3):
            with http.request("GET", "x") as response:
                response.read()
    assert len(set(ports)) == 1


def test_an_answer_that_is_not_read_to_its_end_gives_up_its_connection() -> None:
    with serve(answer(b"x" * 5_000_000)) as server, client(server.url) as http:
        http.request("GET", "big").close()
        with http.request("GET", "big") as response:
            assert len(response.read()) == 5_000_000


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    with serve(answer(b"ok")) as server, client(server.url) as http, http.request("GET") as response:
        assert response.read() == b"ok"


def test_a_configured_proxy_gets_the_whole_url() -> None:
    with (
        serve(answer(b"ok")) as proxy,
        client("http://server.test/x", json_data={"proxyUrl": proxy.url}) as http,
        http.request("GET", "y") as response,
    ):
        assert response.read() == b"ok"
    assert proxy.requests[0].target == "http://server.test/x/y"


@pytest.mark.parametrize("target", ["http://server.test", "https://server.test"])
def test_a_proxy_that_cannot_be_reached_is_told_from_the_server(target: str) -> None:
    with serve(answer()) as proxy:
        json_data = {"proxyUrl": proxy.url}
    with (
        client(target, json_data=json_data) as http,
        pytest.raises(DownstreamConnectionError, match=f"^The proxy could not reach {target}\\.$"),
    ):
        http.request("GET")


@pytest.mark.parametrize("url", ["socks5://127.0.0.1", "proxy.test:80:80", "http://[", "x"])
def test_what_is_no_proxy_is_refused_by_its_key(url: str) -> None:
    with pytest.raises(ValidationError, match=r"^jsonData\.proxyUrl: this is not a proxy URL$"):
        client("http://server.test", json_data={"proxyUrl": url})


def test_an_idempotent_request_is_repeated_when_the_kept_connection_died() -> None:
    def script(request: Request, connection: socket.socket) -> None:
        if len(server.requests) == 2:
            connection.shutdown(socket.SHUT_RDWR)
        else:
            answer(b"ok")(request, connection)

    with serve(script) as server, client(server.url) as http:
        for _ in range(2):
            with http.request("GET") as response:
                assert response.read() == b"ok"
    assert len(server.requests) == 3


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_request_on_a_new_connection_is_never_repeated(method: str) -> None:
    with (
        serve(raw(b"")) as server,
        client(server.url) as http,
        pytest.raises(DownstreamConnectionError, match="broke off"),
    ):
        http.request(method)
    assert len(server.requests) == 1


def test_a_post_is_not_repeated_unless_it_is_said_to_be_idempotent() -> None:
    def script(request: Request, connection: socket.socket) -> None:
        if len(server.requests) % 2 == 0:
            connection.shutdown(socket.SHUT_RDWR)
        else:
            answer(b"ok")(request, connection)

    with serve(script) as server, client(server.url) as http:
        http.request("POST").read()
        with pytest.raises(DownstreamConnectionError):
            http.request("POST")
        http.request("POST").read()
        http.request("POST", idempotent=True).read()
    assert len(server.requests) == 5


def test_closing_ends_idle_connections_whoever_still_refers_to_them() -> None:
    with serve(answer(b"1")) as server, client(server.url) as http:
        http.request("GET").read()
        pool = http._manager.connection_from_url(server.url).pool
        assert pool is not None
        idle = pool.queue[-1]
        assert idle.sock is not None
        http.close()
        assert idle.sock is None


def test_a_refused_connection_and_an_unknown_name_are_connection_errors() -> None:
    with serve(answer()) as server:
        url = server.url
    for unreachable in (url, "http://nowhere.invalid"):
        with client(unreachable) as http, pytest.raises(DownstreamConnectionError) as failed:
            http.request("GET")
        assert unreachable in str(failed.value)


def test_a_host_that_is_no_name_is_no_url() -> None:
    with (
        client("http://xn--ä.test") as http,
        pytest.raises(ValidationError, match=r"^url: this is not a URL$"),
    ):
        http.request("GET")


def test_calls_of_several_threads_do_not_disturb_each_other() -> None:
    def script(request: Request, connection: socket.socket) -> None:
        answer(request.target.encode() * 1000)(request, connection)

    failures: list[BaseException] = []
    with serve(script) as server, client(server.url) as http:

        def work(name: str) -> None:
            try:
                for _ in range(20):
                    with http.request("GET", name) as response:
                        assert response.read() == f"/{name}".encode() * 1000
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert failures == []
