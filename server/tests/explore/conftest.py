"""A host with real data sources, and a real browser that looks at its page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from servers import postgresql as postgres
from servers.browser import open_browser
from servers.explore_site import Site
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer
from servers.postgresql import PostgresServer, start_postgresql
from servers.process import ServerProcess, accepts_connections, free_port
from servers.prometheus import PrometheusServer, start_prometheus
from servers.prometheus_samples import openmetrics

expect.set_options(timeout=20_000)  # how long what must come may take on a busy machine


@pytest.fixture(scope="session")
def prometheus() -> Iterator[PrometheusServer]:
    with start_prometheus(openmetrics=openmetrics()) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        with server.admin() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE orders (id BIGINT PRIMARY KEY, created DATETIME, note TEXT)")
            cursor.execute(
                "INSERT INTO orders VALUES (9007199254740993, '2024-01-01 00:10:00', ''), "
                "(2, '2024-01-01 00:20:00', NULL), (10, '2024-01-01 00:30:00', 'late')"
            )
            cursor.execute("CREATE TABLE readings (order_id BIGINT, level INT, `my note` TEXT)")
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    with start_postgresql() as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE visits (seen timestamptz, country text, pages integer)")
            connection.execute("INSERT INTO visits VALUES ('2024-01-01 00:10:00Z', 'ch', 7)")
            connection.execute("CREATE SCHEMA web; CREATE TABLE web.visits AS SELECT 1 AS web_only")
            connection.execute('CREATE TABLE web.clicks AS SELECT 3 AS "onButton"')
        yield server


@pytest.fixture(scope="session")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    prometheus: PrometheusServer,
    mariadb: DatabaseServer,
    postgresql: PostgresServer,
) -> Iterator[Site]:
    environment = {
        "HEADWATER_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "DB_PASSWORD": mariadb.password,
        "PG_PASSWORD": postgres.PASSWORD,
    }
    command = str(Path(sys.executable).with_name("headwater"))
    database = ["--url", mariadb.address, "--user", mariadb.user, "--database", mariadb.database]
    for source in (
        ["demo", "--type", "testdata"],
        ["lake", "--type", "clickhouse", "--url", "chdb://"],
        ["metrics", "--type", "prometheus", "--url", prometheus.url],
        ["orders", "--type", "mysql", *database, "--secret", "password=env:DB_PASSWORD"],
        [
            "visits",
            "--type",
            "postgresql",
            "--url",
            f"127.0.0.1:{postgresql.port}",
            "--user",
            postgres.USER,
            "--database",
            "postgres",
            "--set",
            "sslmode=disable",
            "--secret",
            "password=env:PG_PASSWORD",
        ],
    ):
        add = [command, "ds", "add", *source, "--uid", source[0]]
        subprocess.run(add, env={**os.environ, **environment}, check=True, capture_output=True)
    port = free_port()
    with ServerProcess(
        [command, "serve", "--port", str(port)],
        ready=lambda: accepts_connections(port),
        environment=environment,
    ) as host:
        token = re.search(r"hwsa_\S+", host.log.read_text())
        assert token, host.log.read_text()
        yield Site(f"http://127.0.0.1:{port}", token[0], environment)


@pytest.fixture(scope="module")  # while it is open, Playwright's event loop runs in the tests' thread
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def faults() -> list[str]:
    """What the page's console complains of. A test that provokes complaints clears it."""
    return []


@pytest.fixture
def page(browser: Browser, site: Site, faults: list[str]) -> Iterator[Page]:
    """The page, signed in. Any error in its scripts, or of its security policy, fails the test."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 860},
        accept_downloads=True,
        permissions=["clipboard-read", "clipboard-write"],
        timezone_id="Europe/Zurich",
    )
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    opened.goto(site.link())
    expect(opened.locator(".editor .cm-editor")).to_be_visible()
    yield opened
    context.close()
    assert not faults


@pytest.fixture
def ask(page: Page) -> Callable[..., None]:
    """`ask(text)` writes it over the query and runs it; waits for the end unless `wait` is False."""

    def run(text: str, *, wait: bool = True) -> None:
        page.locator(".editor").first.click()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(text)
        page.keyboard.press("Control+Enter")
        if wait:
            expect(page.locator("p.status")).to_contain_text(" in ")

    return run


@pytest.fixture
def visit(page: Page, site: Site) -> Callable[..., None]:
    """`visit(source, **state)` opens a link anew."""

    def go(source: str = "demo", **state: str) -> None:
        page.goto("about:blank")
        page.goto(site.link(source, **state))
        expect(page.locator(".editor .cm-editor").first).to_be_visible()

    return go
