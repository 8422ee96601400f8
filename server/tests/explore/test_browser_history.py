"""Back and Forward over runs, zooms, data sources and pages; a change of the data source starts afresh."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from servers.browser import plot_box

HOUR = {"from": "2024-01-01T00:00:00Z", "to": "2024-01-01T01:00:00Z"}


def query(page: Page) -> str:
    return "\n".join(page.locator(".cm-line").all_text_contents())


def test_a_change_of_the_data_source_keeps_nothing_that_is_not_its_own(
    page: Page, visit: Callable[..., None]
) -> None:
    more = json.dumps([{"text": "SELECT nothing", "extra": {}}])
    visit("orders", query="SELECT :n AS n", options=json.dumps({"params": {"n": 1}}), more=more)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("B: ")
    expect(page.get_by_role("columnheader", name="n")).to_be_visible()
    page.get_by_role("combobox", name="Data source", exact=True).select_option("lake")
    expect(page.locator(".empty")).to_contain_text("Write a query")
    expect(page.get_by_role("textbox", name="Query")).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("grid")).to_have_count(0)
    assert re.search("params|SELECT", page.url) is None
    page.go_back()
    expect(page.get_by_role("combobox", name="Data source", exact=True)).to_have_value("orders")
    expect(page.get_by_role("textbox", name="Query A")).to_contain_text("SELECT :n AS n")
    expect(page.get_by_role("textbox", name="Query B")).to_contain_text("SELECT nothing")
    expect(page.get_by_role("columnheader", name="n")).to_be_visible()


def test_a_running_query_ends_when_the_data_source_changes(page: Page, visit: Callable[..., None]) -> None:
    visit("lake", query="SELECT count() FROM numbers(100000000000) WHERE sin(number) > 2")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".status-line")).to_contain_text("rows read")
    page.get_by_role("combobox", name="Data source", exact=True).select_option("orders")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
    expect(page.locator(".status-line")).to_have_count(0)


def test_back_undoes_runs_and_forward_repeats_them(page: Page, ask: Callable[..., None]) -> None:
    ask("logs")
    expect(page.get_by_role("list", name="Log lines")).to_be_visible()
    ask("random_walk")
    ask("random_walk")
    page.go_back()
    expect(page.get_by_role("list", name="Log lines")).to_be_visible()
    assert query(page) == "logs"
    page.go_forward()
    expect(page.get_by_role("tab", name="Plot")).to_have_attribute("aria-selected", "true")
    assert query(page) == "random_walk"
    page.go_back()
    page.go_back()
    expect(page.locator(".empty")).to_contain_text("Write a query")
    expect(page.get_by_label("Token")).to_have_count(0)


def test_what_was_typed_after_a_run_does_not_change_what_back_returns_to(
    page: Page, ask: Callable[..., None]
) -> None:
    ask("logs")
    ask("random_walk")
    page.go_back()
    page.locator(".editor").click()
    page.keyboard.type(" never run")
    ask("all_types")
    page.go_back()
    expect(page.get_by_role("list", name="Log lines")).to_be_visible()
    assert query(page) == "logs"


def test_back_undoes_a_zoom(page: Page, visit: Callable[..., None]) -> None:
    visit("metrics", query="requests", **HOUR)
    page.keyboard.press("Control+Enter")
    page.get_by_role("tab", name="Plot").click()
    box = plot_box(page)
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60, steps=4)
    page.mouse.up()
    expect(page.get_by_label("From", exact=True)).to_have_value(re.compile("T00:1[45]:"))
    page.go_back()
    expect(page.get_by_label("From", exact=True)).to_have_value(HOUR["from"])
    expect(page.get_by_label("To", exact=True)).to_have_value(HOUR["to"])
    expect(page.locator("p.status")).to_contain_text("rows in")


def test_pages_are_entries_and_explore_keeps_what_it_shows(page: Page, ask: Callable[..., None]) -> None:
    ask("logs")
    page.get_by_role("button", name="Data sources").click()
    page.get_by_role("button", name="Edit demo").click()
    expect(page.get_by_role("heading", name="Edit demo")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Data sources")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Data sources")).to_be_visible()
    page.get_by_role("button", name="Explore").click()
    assert query(page) == "logs"


def test_a_run_is_still_there_after_a_visit_to_the_data_sources(page: Page, ask: Callable[..., None]) -> None:
    ask("logs")
    page.get_by_role("button", name="Data sources").click()
    expect(page.get_by_role("heading", name="Data sources")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("list", name="Log lines")).to_be_visible()
    expect(page.locator("p.status")).to_contain_text("rows in")


def test_a_query_of_the_history_of_another_kind_of_source_runs_there(
    page: Page, visit: Callable[..., None]
) -> None:
    visit("orders", query="SELECT 41 + 1 AS answer")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("gridcell")).to_have_text(["42"])
    page.get_by_role("combobox", name="Data source", exact=True).select_option("metrics")
    expect(page.locator(".schema")).to_contain_text("requests")
    page.get_by_role("button", name="Run again SELECT 41 + 1 AS answer").click()
    expect(page.get_by_role("gridcell")).to_have_text(["42"])
    expect(page.get_by_role("alert")).to_have_count(0)
