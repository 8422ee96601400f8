"""Calls from pages of other origins: none, until the host says from which."""

from __future__ import annotations

from collections.abc import Callable

import httpx2

from servers.http_host import RunningHost

HostFactory = Callable[..., RunningHost]
ORIGIN = "https://app.example.org"


def preflight(host: RunningHost, origin: str, headers: str = "authorization,content-type") -> httpx2.Response:
    """What a browser asks before it lets a page send JSON with a token."""
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": headers,
    }
    with host.client("") as nobody:
        return nobody.options("/api/ds/query", headers=asked)


def allowed(answer: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def test_by_default_no_page_may_call(make_host: HostFactory) -> None:
    host = make_host()

    with host.client() as client:
        answer = client.get("/api/datasources", headers={"origin": ORIGIN})

    assert allowed(preflight(host, ORIGIN)) == {}
    assert allowed(answer) == {}


def test_pages_of_an_allowed_origin_may_call_with_a_token(make_host: HostFactory) -> None:
    host = make_host(options={"cors_origins": (ORIGIN,)})

    asked = preflight(host, ORIGIN)
    with host.client() as client:
        answer = client.get("/api/datasources", headers={"origin": ORIGIN})

    assert asked.status_code == 200
    assert allowed(asked)["access-control-allow-origin"] == ORIGIN
    assert "authorization" in allowed(asked)["access-control-allow-headers"].lower()
    assert asked.headers["vary"].startswith("Origin")
    assert answer.status_code == 200
    assert allowed(answer)["access-control-allow-origin"] == ORIGIN
    assert "x-request-id" in allowed(answer)["access-control-expose-headers"].lower()


def test_never_with_what_a_browser_adds_by_itself(make_host: HostFactory) -> None:
    host = make_host(options={"cors_origins": (ORIGIN,)})

    assert "access-control-allow-credentials" not in allowed(preflight(host, ORIGIN))


def test_other_origins_are_refused(make_host: HostFactory) -> None:
    host = make_host(options={"cors_origins": (ORIGIN,)})

    for origin in (
        "https://app.example.org.evil.example",
        "http://app.example.org",
        "null",
        f"{ORIGIN}:8443",
    ):
        refused = preflight(host, origin)
        assert (refused.status_code, refused.headers.get("access-control-allow-origin")) == (400, None)


def test_an_unknown_header_is_refused(make_host: HostFactory) -> None:
    host = make_host(options={"cors_origins": (ORIGIN,)})

    assert preflight(host, ORIGIN, "x-strange").status_code == 400


def test_a_page_can_read_why_it_was_refused(make_host: HostFactory) -> None:
    host = make_host(options={"cors_origins": (ORIGIN,)})

    with host.client("") as nobody:
        answer = nobody.get("/api/datasources", headers={"origin": ORIGIN})

    assert answer.status_code == 401
    assert allowed(answer)["access-control-allow-origin"] == ORIGIN
