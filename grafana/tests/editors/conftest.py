"""A packed plugin's editors in Chromium, on Grafana's own packages, and Headwater's host behind them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from headwater import Headwater
from headwater_grafana.pack.frontend import module_js
from servers.browser import open_browser
from servers.mariadb import start_mariadb
from servers.postgresql import PASSWORD as POSTGRES_PASSWORD, USER as POSTGRES_USER, start_postgresql
from servers.process import (
    ServerProcess,
    accepts_connections,
    cache_directory,
    find_program,
    free_port,
    unavailable,
)

HERE = Path(__file__).parent
SOURCES = ("package.json", "package-lock.json", "build.mjs", "boot.js", "page.js")
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def bundle() -> Path:
    """The page with Grafana's packages in it, built once for these sources and versions."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()[:12]
    built = cache_directory("grafana-editors") / digest
    if built.is_dir():
        return built
    npm, node = find_program("npm"), find_program("node")
    if npm is None or node is None:
        unavailable("npm and node are needed to fetch Grafana's packages")
    work = cache_directory("grafana-editors-build")
    for name in SOURCES:
        shutil.copy(HERE / name, work)
    install = [npm, "ci", "--no-audit", "--no-fund", "--silent"]
    done = subprocess.run(install, cwd=work, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        unavailable(f"npm could not fetch Grafana's packages: {done.stderr.strip()[-300:]}")
    fresh = built.with_name(f"{digest}.{os.getpid()}")
    subprocess.run([node, "build.mjs", str(fresh)], cwd=work, check=True, timeout=300)
    return fresh.rename(built)


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address and token of a host, under Grafana's paths; its data sources are named after their plugins."""
    with start_mariadb() as database, start_postgresql() as postgres:
        with database.admin() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE shops (id BIGINT PRIMARY KEY, city VARCHAR(40))")
            cursor.execute("INSERT INTO shops VALUES (1, 'Bern'), (2, \"L'Aquila\"), (3, 'Basel\\\\')")
        environment = {
            "HEADWATER_DATA_DIR": str(tmp_path_factory.mktemp("data")),
            "DB_PASSWORD": database.password,
            "PG_PASSWORD": POSTGRES_PASSWORD,
        }
        command = str(Path(sys.executable).with_name("headwater"))
        for source in (
            ["testdata", "--type", "testdata"],
            ["clickhouse", "--type", "clickhouse", "--url", "chdb://"],
            ["postgresql", "--type", "postgresql", "--url", f"127.0.0.1:{postgres.port}",
             "--user", POSTGRES_USER, "--database", "postgres", "--set", "sslmode=disable",
             "--secret", "password=env:PG_PASSWORD"],
            ["mysql", "--type", "mysql", "--url", database.address, "--user", database.user, "--database",
             database.database, "--secret", "password=env:DB_PASSWORD"],
        ):  # fmt: skip
            subprocess.run(
                [command, "ds", "add", *source, "--uid", source[0]],
                env={**os.environ, **environment}, check=True, capture_output=True,
            )  # fmt: skip
        port = free_port()
        with ServerProcess(
            [command, "serve", "--port", str(port)],
            ready=lambda: accepts_connections(port),
            environment=environment,
        ) as server:
            token = re.search(r"hwsa_\S+", server.log.read_text())
            assert token, server.log.read_text()
            yield f"http://127.0.0.1:{port}", token[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


class Editors:
    """A page with one plugin's editors. `state` is what an editor's host has of it."""

    def __init__(self, page: Page, complaints: list[str]) -> None:
        self.page = page
        self.complaints = complaints

    def field(self, label: str) -> Locator:
        """The first field whose label starts so; its description follows."""
        return self.page.get_by_label(re.compile(rf"^{re.escape(label)}")).first

    def edit_config(self, **options: Any) -> None:
        self.page.evaluate("options => harness.editConfig(options)", options)

    def edit_query(self, **query: Any) -> None:
        self.page.evaluate("query => harness.editQuery(query)", {"refId": "A", **query})

    def edit_variable(self, query: Any) -> None:
        self.page.evaluate("query => harness.editVariable(query)", query)

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.page.evaluate("state")
        return state

    def set_variable(self, name: str, value: Any, *, multi: bool = False) -> None:
        self.page.evaluate(
            "([name, value, multi]) => { harness.variables[name] = { value, multi } }", [name, value, multi]
        )

    def applied(self, **query: Any) -> dict[str, Any]:
        """The query as it goes to the backend."""
        applied: dict[str, Any] = self.page.evaluate(
            "query => harness.dataSource.applyTemplateVariables(query, {})", query
        )
        return applied

    def query(self, **query: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.page.evaluate("query => harness.query(query)", query)
        return answer

    def call(self, method: str, *arguments: Any) -> Any:
        return self.page.evaluate(
            "([method, given]) => harness.dataSource[method](...given)", [method, list(arguments)]
        )


@pytest.fixture(scope="module")
def pages(browser: Browser, bundle: Path, host: tuple[str, str]) -> Iterator[Pages]:
    opened = Pages(browser, bundle, *host)
    yield opened
    opened.close()


@pytest.fixture
def open_editors(pages: Pages) -> Iterator[Callable[[str], Editors]]:
    """`open_editors("mysql")` shows that plugin's. A complaint on the console fails the test."""
    used: list[Editors] = []

    def open_(plugin_id: str) -> Editors:
        editors = pages.editors(plugin_id)
        editors.complaints.clear()
        editors.page.bring_to_front()  # a page behind another gets no focus
        used.append(editors)
        return editors

    yield open_
    assert [editors.complaints for editors in used if editors.complaints] == []


class Pages:
    """One page for each plugin: Grafana's packages take a while to load."""

    def __init__(self, browser: Browser, bundle: Path, origin: str, token: str) -> None:
        self._bundle = bundle
        self._origin = origin
        self._context = browser.new_context(
            viewport={"width": 1000, "height": 1400}, extra_http_headers={"Authorization": f"Bearer {token}"}
        )
        self._editors: dict[str, Editors] = {}

    def editors(self, plugin_id: str) -> Editors:
        if plugin_id not in self._editors:
            self._editors[plugin_id] = self._open(plugin_id)
        return self._editors[plugin_id]

    def close(self) -> None:
        self._context.close()

    def _open(self, plugin_id: str) -> Editors:
        with Headwater() as headwater:
            module = module_js(headwater.plugin_info(plugin_id))
        page = self._context.new_page()
        page.set_default_timeout(60_000)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.route(f"{self._origin}/grafana/**", lambda route: _serve(route, self._bundle, module))
        page.route("**/public/**", _nothing)  # fonts and icons of Grafana's application
        page.goto(f"{self._origin}/grafana/index.html")
        page.wait_for_function("window.harness !== undefined")
        settings = {
            "uid": plugin_id, "id": 1, "name": plugin_id, "type": plugin_id, "jsonData": {},
            "meta": {"id": plugin_id},
        }  # fmt: skip
        page.evaluate(
            "([url, settings]) => harness.load(url, settings)",
            [f"{self._origin}/grafana/module.js", settings],
        )
        page.set_default_timeout(20_000)
        assert not complaints
        return Editors(page, complaints)


def _serve(route: Route, bundle: Path, module: str) -> None:
    name = route.request.url.rpartition("/")[2]
    if name == "index.html":
        sheets = "".join(f'<link rel="stylesheet" href="{each.name}">' for each in bundle.glob("*.css"))
        body = f'<!doctype html>{sheets}<div id="root"></div><script type="module" src="page.js"></script>'
        route.fulfill(body=body, content_type="text/html")
    elif name == "module.js":
        route.fulfill(body=module, content_type="text/javascript")
    else:
        route.fulfill(path=bundle / name)


def _nothing(route: Route) -> None:
    kind = "image/svg+xml" if route.request.url.endswith(".svg") else "font/woff2"
    empty = '<svg xmlns="http://www.w3.org/2000/svg"/>' if kind == "image/svg+xml" else ""
    route.fulfill(body=empty, content_type=kind)
