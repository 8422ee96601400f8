"""Who gets into the page, what they see there, and how long they stay signed in."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from servers.explore_site import Site
from servers.process import ServerProcess, accepts_connections, free_port


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def stranger(browser: Browser, site: Site) -> Iterator[Page]:
    """The page, with nobody signed in."""
    page = browser.new_page()
    page.goto(site.origin)
    expect(page.get_by_label("Token")).to_be_visible()
    yield page
    page.close()


def token(site: Site, name: str, options: str) -> str:
    return site.run(f"headwater token create {name} {options}").strip()


def test_a_token_that_nobody_knows_is_refused_and_a_good_one_taken(stranger: Page, site: Site) -> None:
    sign_in(stranger, "wrong")
    expect(stranger.get_by_role("alert")).to_contain_text("does not know this token, or it has expired")
    sign_in(stranger, site.token)
    expect(stranger.get_by_role("combobox", name="Data source")).to_be_visible()


def test_a_token_that_may_query_nothing_is_told_from_one_that_nobody_knows(
    stranger: Page, site: Site
) -> None:
    sign_in(stranger, token(site, "writer", "--scope secrets:write"))
    expect(stranger.get_by_role("alert")).to_contain_text("knows this token, but it may query no data source")
    expect(stranger.get_by_role("alert")).to_contain_text("datasources:query")


@pytest.mark.parametrize(
    ("name", "options", "seen"),
    [
        ("viewer", "--role viewer", "all"),
        ("one", "--scope datasources:query:orders", "orders"),
    ],
)
def test_who_may_only_query_uses_explore_with_those_data_sources(
    stranger: Page, site: Site, name: str, options: str, seen: str
) -> None:
    sign_in(stranger, token(site, name, options))
    picker = stranger.get_by_role("combobox", name="Data source")
    expect(picker).to_be_visible()
    everything = [each["name"] for each in json.loads(site.run("headwater ds list --json"))]
    names = [text.rpartition(" (")[0] for text in picker.locator("option").all_inner_texts()]
    assert names == (everything if seen == "all" else [seen])
    expect(stranger.get_by_role("button", name="Data sources")).to_have_count(0)
    picker.select_option("orders")
    expect(stranger.locator(".schema")).to_contain_text("orders")
    stranger.get_by_role("textbox", name="Query").click()
    stranger.keyboard.type("SELECT count(*) AS n FROM orders")
    stranger.keyboard.press("Control+Enter")
    expect(stranger.get_by_role("gridcell")).to_have_text(["3"])


def test_an_editor_sees_data_sources_and_changes_none(stranger: Page, site: Site) -> None:
    sign_in(stranger, token(site, "editor", "--role editor"))
    stranger.get_by_role("button", name="Data sources").click()
    stranger.get_by_role("button", name="Test demo").click()
    expect(stranger.locator(".health.OK")).to_be_visible()
    expect(stranger.get_by_role("button", name="Add")).to_have_count(0)
    expect(stranger.get_by_role("button", name="Edit demo")).to_have_count(0)


def test_where_anybody_may_query_nobody_has_to_sign_in(browser: Browser, site: Site, tmp_path: Path) -> None:
    command = str(Path(sys.executable).with_name("headwater"))
    port = free_port()
    serve = [command, "serve", "--port", str(port), "--anonymous", "viewer"]
    environment = dict(site.environment)
    with ServerProcess(serve, ready=lambda: accepts_connections(port), environment=environment):
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/#source=demo&query=random_walk")
        expect(page.locator(".editor .cm-editor")).to_be_visible()
        page.keyboard.press("Control+Enter")
        expect(page.locator("p.status")).to_contain_text("rows in")
        expect(page.get_by_role("button", name="Data sources")).to_have_count(0)
        page.get_by_role("button", name="Sign in").click()
        sign_in(page, site.token)
        expect(page.get_by_role("button", name="Data sources")).to_be_visible()
        page.close()


def test_the_sign_in_outlives_reloads_and_ends_with_the_tab(
    page: Page, site: Site, faults: list[str]
) -> None:
    page.reload()
    expect(page.locator(".editor .cm-editor")).to_be_visible()
    page.goto("about:blank")
    page.go_back()
    expect(page.locator(".editor .cm-editor")).to_be_visible()
    assert "token" not in page.url
    assert "hwsa_" not in page.evaluate("JSON.stringify([localStorage, document.cookie, history.state])")
    other = page.context.new_page()
    other.goto(site.origin)
    expect(other.get_by_label("Token")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()
    assert "hwsa_" not in page.evaluate("JSON.stringify(sessionStorage)")
    assert all("401" in fault for fault in faults)
    faults.clear()


def test_a_token_that_is_revoked_meanwhile_asks_again_and_loses_no_text(stranger: Page, site: Site) -> None:
    sign_in(stranger, token(site, "brief", "--role viewer"))
    stranger.get_by_role("textbox", name="Query").click()
    stranger.keyboard.insert_text("random_walk")
    site.run("headwater token revoke brief")
    expect(stranger.locator("header")).to_contain_text("brief")
    stranger.wait_for_timeout(5500)  # so long a host trusts what it knows of a token
    stranger.keyboard.press("Control+Enter")
    expect(stranger.get_by_role("alert")).to_contain_text("does not know this token")
    sign_in(stranger, site.token)
    expect(stranger.get_by_role("textbox", name="Query")).to_contain_text("random_walk")
