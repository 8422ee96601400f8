"""What the HTTP client sends, what it accepts, and how it fails."""

from __future__ import annotations

import contextlib
import email
import gzip
import socket
import threading
from typing import Any

import pyarrow as pa
import pytest

from headwater.calls import CallContext
from headwater.errors import (
    DeadlineExceededError,
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamError,
    DownstreamProtocolError,
    DownstreamServerError,
    DownstreamTimeoutError,
    ErrorSource,
    HostExhaustedError,
    LimitExceededError,
    QueryCanceledError,
    ValidationError,
)
from headwater.models import DataSourceInstanceSettings
from headwater.sdk.http import HttpClient, HttpClientSettings
from headwater.secrets import Secret
from servers.process import no_file_descriptors_left
from servers.scripted_http import Request, Script, answer, raw, serve


def client(url: str, *, secrets: dict[str, str] | None = None, **fields: Any) -> HttpClient:
    instance = DataSourceInstanceSettings(
        uid="u",
        name="n",
        type="t",
        url=url,
        decrypted_secure_json_data={key: Secret(value) for key, value in (secrets or {}).items()},
        **fields,
    )
    return HttpClient(HttpClientSettings.from_instance(instance), user_agent="test/1")


def by_target(scripts: dict[str, Script]) -> Script:
    return lambda request, connection: scripts[request.target](request, connection)


def test_path_parameters_form_and_headers_arrive() -> None:
    with (
        serve(answer(b"ok")) as server,
        client(f"{server.url}/base?tenant=a") as http,
        http.request("POST", "api/q", params={"x": ["1", "2"]}, form={"query": "a b"}) as response,
    ):
        assert response.read() == b"ok"
    (request,) = server.requests
    assert request.target == "/base/api/q?tenant=a&x=1&x=2"
    assert request.body == b"query=a+b"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["user-agent"] == "test/1"


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


def test_parts_arrive_as_a_form_of_several_parts() -> None:
    with (
        serve(answer(b"ok")) as server,
        client(server.url) as http,
        http.request("POST", "q", parts={"query": "ü\r\n", "x": ""}) as response,
    ):
        assert response.read() == b"ok"
    (request,) = server.requests
    kind = request.headers["content-type"]
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
    arrived = [(part["content-disposition"], part.get_payload(decode=True)) for part in message.walk()][1:]
    assert arrived == [('form-data; name="query"', "ü\r\n".encode()), ('form-data; name="x"', b"")]


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


@pytest.mark.parametrize(
    ("fields", "secrets", "authorization"),
    [
        (
            {"basic_auth_enabled": True, "basic_auth_user": "me"},
            {"basicAuthPassword": "pw"},
            "Basic bWU6cHc=",
        ),
        (
            {"basic_auth_enabled": True, "basic_auth_user": "日本"},
            {"basicAuthPassword": "pässword €"},
            "Basic 5pel5pysOnDDpHNzd29yZCDigqw=",
        ),
        ({}, {"bearerToken": "t0ken"}, "Bearer t0ken"),
        ({"json_data": {"httpHeaderName1": "Authorization"}}, {"httpHeaderValue1": "Custom x"}, "Custom x"),
    ],
)
def test_credentials_are_sent(fields: dict[str, Any], secrets: dict[str, str], authorization: str) -> None:
    with serve(answer()) as server, client(server.url, secrets=secrets, **fields) as http:
        http.request("GET").close()
    assert server.requests[0].headers["authorization"] == authorization


def test_the_callers_identity_is_forwarded_only_when_the_operator_says_so() -> None:
    headers = {"Authorization": "Bearer user", "X-Id-Token": "id", "Cookie": "keep=1; drop=2"}
    with serve(answer()) as server:
        for json_data in ({}, {"oauthPassThru": True, "keepCookies": ["keep"]}):
            with client(server.url, json_data=json_data) as http:
                http.request("GET", context=CallContext(headers=headers)).close()
    silent, forwarding = (request.headers for request in server.requests)
    assert not {"authorization", "x-id-token", "cookie"} & silent.keys()
    assert forwarding["authorization"] == "Bearer user"
    assert forwarding["x-id-token"] == "id"
    assert forwarding["cookie"] == "keep=1"


@pytest.mark.parametrize(
    ("cookies", "kept"),
    [
        ("a/b=1; keep=2", "keep=2"),
        ('data={"x": [1]}; keep=2', "keep=2"),
        ("word; keep=2; ü=3", "keep=2"),
        ("keep=a=b ;other=1", "keep=a=b"),
        ("keep=1; keep=2", "keep=1; keep=2"),
        ("keeper=1", None),
    ],
)
def test_a_cookie_is_forwarded_whatever_the_others_are(cookies: str, kept: str | None) -> None:
    context = CallContext(headers={"Cookie": cookies})
    with serve(answer()) as server, client(server.url, json_data={"keepCookies": ["keep"]}) as http:
        http.request("GET", context=context).close()
    assert server.requests[0].headers.get("cookie") == kept


def test_a_configured_header_replaces_the_clients_own() -> None:
    custom = {
        "basic_auth_enabled": True,
        "basic_auth_user": "me",
        "json_data": {"httpHeaderName1": "authorization", "httpHeaderName2": "USER-AGENT"},
    }
    secrets = {"basicAuthPassword": "pw", "httpHeaderValue1": "Token t", "httpHeaderValue2": "mine"}
    with serve(answer()) as server, client(server.url, secrets=secrets, **custom) as http:
        http.request("GET").close()
    (request,) = server.requests
    assert (request.headers["authorization"], request.headers["user-agent"]) == ("Token t", "mine")


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


def test_loopback_is_asked_for_plain_bytes_and_compression_can_be_forced() -> None:
    packed = answer(gzip.compress(b"hello"), headers={"Content-Encoding": "gzip"})
    with serve(packed) as server:
        for compression in ("auto", "on"):
            with (
                client(server.url, json_data={"compression": compression}) as http,
                http.request("GET") as response,
            ):
                assert response.read() == b"hello"
    automatic, forced = (request.headers["accept-encoding"] for request in server.requests)
    assert automatic == "identity"
    assert "gzip" in forced


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


def test_a_redirect_within_the_origin_is_followed() -> None:
    moved = answer(status="307 Temporary Redirect", headers={"Location": "/new"})
    script = by_target({"/old?q=1": moved, "/new?q=1": answer(b"here")})
    with (
        serve(script) as server,
        client(server.url) as http,
        http.request("POST", "old", params={"q": "1"}, body=b"same") as response,
    ):
        assert response.read() == b"here"
    assert [request.body for request in server.requests] == [b"same", b"same"]


def test_a_redirect_to_another_host_is_refused_and_gets_no_credentials() -> None:
    with serve(answer(b"stolen")) as thief:
        moved = answer(status="302 Found", headers={"Location": f"{thief.url}/x?token=1"})
        with (
            serve(moved) as server,
            client(server.url, secrets={"bearerToken": "t"}) as http,
            pytest.raises(DownstreamProtocolError, match="not followed") as failed,
        ):
            http.request("GET")
    assert thief.requests == []
    assert "token=1" not in str(failed.value)


@pytest.mark.parametrize(
    ("location", "said"),
    [("http://[::1", "no URL"), ("http://other.example:8443/x", r"http://other\.example:8443/x")],
)
def test_a_redirect_that_is_not_followed_says_where_it_leads(location: str, said: str) -> None:
    moved = answer(status="302 Found", headers={"Location": location})
    with (
        serve(moved) as server,
        client(server.url) as http,
        pytest.raises(DownstreamProtocolError, match=said),
    ):
        http.request("GET")


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("/v2/items?page=2", "/v2/items?page=2&key=k"),
        ("items", "/v1/items?key=k"),
        ("?page=2&key=own", "/v1/?page=2&key=own"),
        ("../x y\r\nHost: z", "/x%20y%0D%0AHost:%20z?key=k"),
    ],
)
def test_a_link_is_asked_within_the_origin(link: str, target: str) -> None:
    with serve(answer(b"here")) as server, client(f"{server.url}/v1/") as http:
        with http.request("GET", link=link, params={"key": "k"}) as response:
            assert response.url == f"{server.url}{target}"
        http.request("GET", link=f"{server.url}/absolute").close()
    assert [request.target for request in server.requests] == [target, "/absolute"]


@pytest.mark.parametrize(
    "link",
    [
        "http://other.example/x?token=1",
        "//other.example/x",
        "https://127.0.0.1/x",
        "http://127.0.0.1:1/x",
        "file:///etc/passwd",
        "http://[::1",
        "http://127.0.0.1:port/",
    ],
)
def test_a_link_to_another_origin_is_refused_before_anything_is_sent(link: str) -> None:
    with (
        serve(answer()) as server,
        client(server.url, secrets={"bearerToken": "t"}) as http,
        pytest.raises(DownstreamProtocolError, match="links to") as failed,
    ):
        http.request("GET", link=link)
    assert server.requests == []
    assert "token=1" not in str(failed.value)


def test_a_link_carries_no_credentials_of_its_own() -> None:
    with serve(answer()) as server, client(server.url) as http:
        own = server.url.replace("//", "//user:word@")
        with pytest.raises(DownstreamProtocolError, match="links to") as failed:
            http.request("GET", link=own)
    assert "word" not in str(failed.value)


def test_header_values_are_sent_as_utf8() -> None:
    headers = {"json_data": {"httpHeaderName1": "X-Tenant"}}
    with (
        serve(answer()) as server,
        client(server.url, secrets={"httpHeaderValue1": "é€日本"}, **headers) as http,
    ):
        http.request("GET").close()
    assert server.requests[0].headers["x-tenant"].encode("latin-1").decode() == "é€日本"


@pytest.mark.parametrize("token", ["t0\r\nX-Injected: 1", "t\x00", "t\x7f"])
def test_a_token_with_a_control_character_is_refused_by_name(token: str) -> None:
    with pytest.raises(ValidationError, match="bearerToken"):
        client("http://127.0.0.1:1", secrets={"bearerToken": token})


def test_a_forwarded_header_is_sent_as_it_came_or_refused_by_name() -> None:
    def ask(http: HttpClient, token: str) -> None:
        with CallContext(headers={"Authorization": token}) as context:
            http.request("GET", context=context).close()

    with serve(answer()) as server, client(server.url, json_data={"oauthPassThru": True}) as http:
        came_by_http = "Bearer pässword".encode().decode("latin-1")
        for token in (came_by_http, "Bearer 日本"):
            ask(http, token)
        with pytest.raises(ValidationError, match=r"^headers\.authorization: holds a line break"):
            ask(http, "Bearer t0\r\nX-Injected: 1")
        with pytest.raises(ValidationError, match=r"^headers\.authorization: .*not valid Unicode"):
            ask(http, "Bearer \ud800")
    sent = [request.headers["authorization"] for request in server.requests]
    assert [text.encode("latin-1").decode() for text in sent] == ["Bearer pässword", "Bearer 日本"]


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


def test_a_circle_of_redirects_ends() -> None:
    moved = answer(status="308 Permanent Redirect", headers={"Location": "/again"})
    with (
        serve(moved) as server,
        client(server.url) as http,
        pytest.raises(DownstreamProtocolError, match="circle"),
    ):
        http.request("GET")


def test_an_unsafe_path_is_refused_before_anything_is_sent() -> None:
    with serve(answer()) as server, client(server.url) as http, pytest.raises(ValidationError):
        http.request("GET", "../admin")
    assert server.requests == []


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


def test_closing_ends_idle_connections_whoever_still_refers_to_them() -> None:
    with serve(answer(b"1")) as server, client(server.url) as http:
        http.request("GET").read()
        pool = http._manager.connection_from_url(server.url).pool
        assert pool is not None
        idle = pool.queue[-1]
        assert idle.sock is not None
        http.close()
        assert idle.sock is None


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
