"""The page under a path: behind a proxy that strips it or keeps it, and mounted in another app."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pyarrow.parquet
import pytest
from playwright.sync_api import Browser, Page, expect

from servers.explore_site import Site
from servers.nginx import start_nginx
from servers.process import ServerProcess, accepts_connections, free_port

MOUNTED = """
import sys

import uvicorn
from fastapi import FastAPI

from headwater import Headwater
from headwater_server.auth import ApiToken, Authenticator, MemoryTokenStore, Role, new_token
from headwater_server.http import create_app

with Headwater() as headwater:
    headwater.add_data_source(name="demo", type="testdata", uid="demo")
    tokens, made = MemoryTokenStore(), new_token()
    tokens.add(ApiToken("admin", made.digest, Role.ADMIN))
    print(made.secret.reveal(), flush=True)
    grafana = create_app(headwater, authenticator=Authenticator(tokens))
    app = FastAPI()
    app.mount("/grafana", grafana)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
    grafana.close()
"""


def token_in(host: ServerProcess) -> str:
    found = re.search(r"hwsa_\S+", host.log.read_text())
    assert found, host.log.read_text()
    return found[0]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """One host behind a proxy that strips `/tools/stripped` and keeps `/tools/kept`; another one mounted."""
    folder = tmp_path_factory.mktemp("prefixes")
    environment = {"HEADWATER_DATA_DIR": str(folder)}
    command = str(Path(sys.executable).with_name("headwater"))
    add = [command, "--data-dir", str(folder), "ds", "add", "demo", "--uid", "demo", "--type", "testdata"]
    subprocess.run(add, check=True, capture_output=True)
    host_port, proxy_port, mounted_port = free_port(), free_port(), free_port()
    proxy = f"http://127.0.0.1:{proxy_port}"
    serve = [command, "serve", "--port", str(host_port), "--root-url", f"{proxy}/tools/kept/"]
    target = f"http://127.0.0.1:{host_port}"
    with ExitStack() as stack:
        host = stack.enter_context(
            ServerProcess(serve, ready=lambda: accepts_connections(host_port), environment=environment)
        )
        stack.enter_context(
            start_nginx({"/tools/stripped/": f"{target}/", "/tools/kept": target}, proxy_port)
        )
        mounted = stack.enter_context(
            ServerProcess(
                [sys.executable, "-c", MOUNTED, str(mounted_port)],
                ready=lambda: accepts_connections(mounted_port),
            )
        )
        token = token_in(host)
        assert f"Explore page, signed in: {proxy}/tools/kept/#token={token}\n" in host.log.read_text()
        yield {
            "stripped": Site(f"{proxy}/tools/stripped", token, environment),
            "kept": Site(f"{proxy}/tools/kept", token, environment),
            "mounted": Site(f"http://127.0.0.1:{mounted_port}/grafana", token_in(mounted), environment),
        }


@pytest.fixture(params=["stripped", "kept", "mounted"])
def prefixed(request: pytest.FixtureRequest, addresses: dict[str, Site]) -> Site:
    return addresses[request.param]


@pytest.fixture
def prefixed_page(browser: Browser, prefixed: Site) -> Iterator[Page]:
    """The page at its address without the slash; every request must stay below that address."""
    context = browser.new_context(accept_downloads=True, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(10_000)
    wrong: list[str] = []
    page.on("request", lambda sent: None if sent.url.startswith(prefixed.origin) else wrong.append(sent.url))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(f"{prefixed.origin}#token={prefixed.token}&source=demo&query=random_walk")
    expect(page.locator(".editor .cm-editor")).to_be_visible()
    yield page
    context.close()
    assert [each for each in wrong if not each.startswith("blob:")] == []


def test_the_page_queries_and_downloads(prefixed_page: Page, tmp_path: Path) -> None:
    prefixed_page.keyboard.press("Control+Enter")
    expect(prefixed_page.locator("p.status")).to_contain_text("rows in")
    with prefixed_page.expect_download() as download:
        prefixed_page.get_by_role("button", name="Parquet", exact=True).click()
    download.value.save_as(tmp_path / "walk.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "walk.parquet").num_columns == 2


def test_data_sources_are_listed_and_tested(prefixed_page: Page) -> None:
    prefixed_page.get_by_role("button", name="Data sources").click()
    prefixed_page.get_by_role("button", name="Test demo").click()
    expect(prefixed_page.locator(".health.OK")).to_be_visible()


def test_links_and_what_is_copied_lead_there(prefixed_page: Page, prefixed: Site) -> None:
    texts = {}
    for what in ("Link", "Python", "CLI", "curl"):
        prefixed_page.get_by_role("button", name=what, exact=True).click()
        expect(prefixed_page.get_by_text(f"{what} copied")).to_be_visible()
        texts[what] = prefixed_page.evaluate("navigator.clipboard.readText()")
    assert texts["Link"].startswith(f"{prefixed.origin}/#")
    script = prefixed.write("copied.py", texts["Python"] + "print(frames[0].num_columns)")
    assert prefixed.run(f"{sys.executable} {script}").split() == ["2"]
    assert "walk-0" in prefixed.run(texts["CLI"] + " --limit 1 -o csv")
    assert json.loads(prefixed.run(texts["curl"]))["results"]["A"]["status"] == 200


def test_grafanas_addresses_lead_there_too(prefixed_page: Page, prefixed: Site) -> None:
    prefixed_page.goto(f"{prefixed.origin}/connections/datasources/edit/demo")
    expect(prefixed_page.get_by_role("heading", name="Edit demo")).to_be_visible()
    panes = {"x": {"datasource": "demo", "queries": [{"refId": "A", "scenario": "logs"}]}}
    prefixed_page.goto(f"{prefixed.origin}/explore?{urlencode({'panes': json.dumps(panes)})}")
    expect(prefixed_page.get_by_role("textbox", name="Query")).to_contain_text("logs")
