"""The app inside of other apps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from headwater import Headwater
from headwater_server.http import HeadwaterApp, HttpOptions, create_app
from headwater_server.http.static_files import page_routes
from servers.http_host import admin_authenticator
from servers.http_requests import query_of

WALK = {"scenario": "random_walk", "maxDataPoints": 5}


@pytest.fixture
def headwater() -> Iterator[Headwater]:
    with Headwater(allow_plugins={"testdata"}) as headwater:
        headwater.add_data_source(type="testdata", name="Demo", uid="demo")
        yield headwater


def ask(app: object, token: str, method: str, path: str, **options: object) -> httpx2.Response:
    async def run() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)  # type: ignore[arg-type]
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
            return await client.request(method, path, **options)  # type: ignore[arg-type]

    return asyncio.run(run())


@pytest.mark.parametrize("prefix", ["", "/data", "/resources/a%20b"])
def test_an_app_works_under_any_prefix(headwater: Headwater, prefix: str) -> None:
    authenticator, token = admin_authenticator()
    app = create_app(headwater, authenticator=authenticator)
    outer = Starlette(routes=[Mount(prefix.replace("%20", " "), app)])
    assert ask(outer, token, "POST", f"{prefix}/api/ds/query", json=query_of(WALK)).status_code == 200
    resource = ask(
        outer, token, "GET", f"{prefix}/api/datasources/uid/demo/resources/scenarios/random%5Fwalk"
    )
    assert resource.json()["id"] == "random_walk"
    app.close()


def test_methods_that_a_client_makes_up_are_counted_as_one(headwater: Headwater) -> None:
    authenticator, token = admin_authenticator()
    app = create_app(headwater, authenticator=authenticator)
    for number in range(3):
        assert ask(app, token, f"MADE-UP-{number}", "/healthz").status_code == 405
    metrics = ask(app, token, "GET", "/metrics").text
    assert "MADE-UP" not in metrics
    assert 'method="other",status_code="405"} 3.0' in metrics
    app.close()


@pytest.mark.parametrize("prefix", ["", "/tools/headwater", "/a%20b"])
def test_a_prefix_of_the_root_url_may_stay_on_the_path_or_not(headwater: Headwater, prefix: str) -> None:
    authenticator, token = admin_authenticator()
    options = HttpOptions(root_url="https://data.example.org/tools/headwater/")
    if "%20" in prefix:
        options = HttpOptions(root_url="https://data.example.org/a%20b")
    app = create_app(headwater, authenticator=authenticator, options=options)
    assert ask(app, "", "GET", f"{prefix}/healthz").status_code == 200
    assert ask(app, token, "POST", f"{prefix}/api/ds/query", json=query_of(WALK)).status_code == 200
    resource = ask(app, token, "GET", f"{prefix}/api/datasources/uid/demo/resources/scenarios/random%5Fwalk/")
    assert resource.json()["id"] == "random_walk"
    assert ask(app, token, "GET", "/tools/headwaters/api/org").status_code == 404
    app.close()


def test_the_address_of_the_page_less_its_slash_leads_to_it(headwater: Headwater) -> None:
    authenticator, token = admin_authenticator()
    options = HttpOptions(root_url="https://data.example.org/tools/headwater")
    app = create_app(headwater, authenticator=authenticator, options=options)
    answer = ask(app, "", "GET", "/tools/headwater")
    assert (answer.status_code, answer.headers["location"]) == (307, "headwater/")
    settings = ask(app, token, "GET", "/api/frontend/settings").json()
    assert (settings["appUrl"], settings["appSubUrl"]) == (options.root_url, "/tools/headwater")
    app.close()


def test_two_apps_of_one_process_share_nothing(headwater: Headwater) -> None:
    def make() -> tuple[HeadwaterApp, str]:
        authenticator, token = admin_authenticator()
        return create_app(headwater, authenticator=authenticator), token

    (first, first_token), (second, second_token) = make(), make()
    assert ask(first, first_token, "GET", "/api/datasources").status_code == 200
    assert ask(second, first_token, "GET", "/api/datasources").status_code == 401
    text = ask(second, second_token, "GET", "/metrics").text
    assert 'handler="/api/datasources",method="GET",status_code="200"' not in text
    first.close()
    assert ask(second, second_token, "GET", "/api/datasources").status_code == 200
    second.close()


def test_an_app_without_an_authenticator_lets_nobody_in(headwater: Headwater) -> None:
    app = create_app(headwater)
    assert ask(app, "hwsa_x", "GET", "/api/datasources").status_code == 401
    assert ask(app, "", "GET", "/healthz").status_code == 200
    app.close()


def test_the_page_is_served_under_a_strict_policy_and_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "static"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    assert page_routes(folder) == []
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "page.js").write_text("1")
    app = create_app_with_page(folder)
    page = ask(app, "", "GET", "/")
    assert page.text == "<!doctype html>"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert ask(app, "", "GET", "/page.js").headers["content-type"].startswith("text/javascript")
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/nothing.js"):
        assert ask(app, "", "GET", path).status_code == 404


def create_app_with_page(folder: Path) -> Starlette:
    from starlette.middleware import Middleware

    from headwater_server.http.middleware import RequestMiddleware

    with Headwater(allow_plugins=set()) as headwater:
        host = create_app(headwater).host
        return Starlette(routes=page_routes(folder), middleware=[Middleware(RequestMiddleware, host=host)])
