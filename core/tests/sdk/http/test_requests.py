"""What the HTTP client sends: paths, parameters, bodies, headers and credentials."""

from __future__ import annotations

import email
import gzip
from typing import Any

import pytest

from headwater.calls import CallContext
from headwater.errors import ValidationError
from headwater.sdk.http import HttpClient
from servers.scripted_http import answer, serve

from .conftest import client


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


def test_an_unsafe_path_is_refused_before_anything_is_sent() -> None:
    with serve(answer()) as server, client(server.url) as http, pytest.raises(ValidationError):
        http.request("GET", "../admin")
    assert server.requests == []
