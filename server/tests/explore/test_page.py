"""The Explore page in a real browser, against a real host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from servers.browser import open_browser
from servers.process import ServerProcess, accepts_connections, free_port

ROWS = 100_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The link that `headwater serve` makes of address and token, for a host with one test-data source."""
    environment = {"HEADWATER_DATA_DIR": str(tmp_path_factory.mktemp("data"))}
    command = str(Path(sys.executable).with_name("headwater"))
    add = [command, "ds", "add", "demo", "--type", "testdata"]
    subprocess.run(add, env={**os.environ, **environment}, check=True, capture_output=True)
    port = free_port()
    with ServerProcess(
        [command, "serve", "--port", str(port)],
        ready=lambda: accepts_connections(port),
        environment=environment,
    ) as host:
        token = re.search(r"hwsa_\S+", host.log.read_text())
        assert token, host.log.read_text()
        yield f"http://127.0.0.1:{port}/#token={token[0]}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """The page, signed in. Any error in its scripts, or of its security policy, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    opened.goto(site)
    expect(opened.locator(".editor .cm-editor")).to_be_visible()
    yield opened
    context.close()
    assert not faults


def ask(page: Page, text: str) -> None:
    page.locator(".editor").click()
    page.keyboard.press("Control+A")
    page.keyboard.type(text)
    page.keyboard.press("Control+Enter")


def test_the_token_leaves_the_address_bar_and_is_not_stored(page: Page) -> None:
    assert "token" not in page.url
    assert "hwsa_" not in page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")


def test_a_stranger_is_asked_for_a_token(browser: Browser, site: str) -> None:
    page = browser.new_page()
    page.goto(site.partition("#")[0])
    expect(page.get_by_label("Token")).to_be_visible()
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Token")).to_be_visible()
    page.close()


def test_a_large_answer_scrolls_with_few_rows_in_the_document(page: Page) -> None:
    page.get_by_text("Query options").click()
    page.get_by_label("Number of rows.").fill(str(ROWS))
    page.keyboard.press("Tab")
    ask(page, "streaming_rows")
    expect(page.locator("p.status")).to_contain_text(f"{ROWS:,} rows in")
    assert page.locator("tbody tr").count() < 100
    page.locator(".table").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    expect(page.locator(f"tr[aria-rowindex='{ROWS}']")).to_be_visible()


def test_time_series_are_plotted(page: Page) -> None:
    ask(page, "random_walk")
    page.get_by_role("tab", name="Plot").click()
    expect(page.locator(".plot canvas")).to_be_visible()
    expect(page.locator(".u-legend")).to_contain_text("walk-0")


def test_a_wrong_query_says_what_to_do(page: Page) -> None:
    ask(page, "random_wlak")
    expect(page.get_by_role("alert")).to_contain_text("did you mean 'random_walk'?")


def test_a_running_query_can_be_cancelled(page: Page) -> None:
    ask(page, "endless")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("p.status")).to_contain_text("Cancelled")


def test_a_link_brings_the_query_back(page: Page, site: str) -> None:
    ask(page, "random_walk")
    token = site.partition("#")[2]
    page.goto("about:blank")
    page.goto(site.partition("#")[0] + f"#{token}&query=logs&from=now-6h&to=now")
    expect(page.locator(".editor")).to_contain_text("logs")
    expect(page.get_by_label("From", exact=True)).to_have_value("now-6h")


def test_rows_are_saved_as_csv(page: Page, tmp_path: Path) -> None:
    ask(page, "random_walk")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    saved = tmp_path / "result.csv"
    download.value.save_as(saved)
    lines = saved.read_text().splitlines()
    assert lines[0].startswith("time,")
    assert len(lines) == 1001


def test_a_data_source_is_added_tested_and_removed(page: Page) -> None:
    page.get_by_role("button", name="Data sources").click()
    page.get_by_role("button", name="Add").click()
    page.get_by_label("Type").select_option("testdata")
    page.get_by_label("Name", exact=True).fill("from the page")
    page.get_by_role("button", name="Save and test").click()
    expect(page.locator(".health.OK")).to_contain_text("Test data is ready.")
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("li", has_text="from the page").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("from the page")).to_have_count(0)
