"""Redirects and links: followed within the origin, and nowhere else."""

from __future__ import annotations

import pytest

from headwater.errors import DownstreamProtocolError
from servers.scripted_http import answer, serve

from .conftest import by_target, client


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


def test_a_circle_of_redirects_ends() -> None:
    moved = answer(status="308 Permanent Redirect", headers={"Location": "/again"})
    with (
        serve(moved) as server,
        client(server.url) as http,
        pytest.raises(DownstreamProtocolError, match="circle"),
    ):
        http.request("GET")
