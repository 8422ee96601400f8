"""Addresses that Grafana's clients hand to people open the page with what they name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from servers.explore_site import Site

RANGE = {"from": "1704067200000", "to": "now-1h"}
UP = {"refId": "Q", "expr": "requests", "instant": True, "range": False, "key": "Q-7f3", "hide": False}


def explore(site: Site, **parameters: object) -> str:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in parameters.items()}
    return f"{site.origin}/explore?{urlencode({'orgId': '1', **texts})}"


def pane(datasource: object, *queries: Mapping[str, object]) -> dict[str, object]:
    return {"abc": {"datasource": datasource, "queries": list(queries), "range": RANGE}}


@pytest.mark.parametrize(
    "parameters",
    [
        {"schemaVersion": "1", "panes": pane("metrics", {**UP, "datasource": {"uid": "metrics"}})},
        {"panes": pane("-- Mixed --", {**UP, "datasource": {"type": "prometheus", "uid": "metrics"}})},
        {"left": {"datasource": "metrics", "queries": [UP], "range": RANGE}},
        {
            "left": [
                RANGE["from"],
                RANGE["to"],
                "metrics",
                {"expr": "requests", "instant": True},
                {"ui": [True]},
            ]
        },
    ],
)
def test_a_link_to_explore_brings_its_query(page: Page, site: Site, parameters: dict[str, object]) -> None:
    page.goto(explore(site, **parameters))
    expect(page.get_by_role("combobox", name="Data source", exact=True)).to_have_value("metrics")
    expect(page.get_by_role("textbox", name="Query")).to_contain_text("requests")
    expect(page.get_by_label("From", exact=True)).to_have_value(RANGE["from"])
    expect(page.get_by_label("To", exact=True)).to_have_value("now-1h")
    expect(page.get_by_label("Type").first).to_have_value("instant")
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text("rows in")
    assert "panes" not in page.url
    assert "Q-7f3" not in page.url


def test_queries_of_several_data_sources_and_expressions_come_along(page: Page, site: Site) -> None:
    first = {"refId": "A", "rawSql": "SELECT 1 AS n", "datasource": {"uid": "orders"}}
    second = {"refId": "B", "expr": "requests", "datasource": {"uid": "metrics"}, "hide": True}
    third = {"refId": "D", "rawSql": "SELECT 2 AS n", "format": "table"}
    gone = {"refId": "E", "expr": "up", "datasource": {"uid": "gone"}}
    union = {"type": "sql", "expression": "SELECT n FROM A UNION SELECT n FROM D"}
    sql = {"refId": "F", **union, "datasource": {"uid": "__expr__", "type": "__expr__"}}
    page.goto(explore(site, panes=pane("orders", first, second, third, gone, sql)))
    expect(page.get_by_role("textbox", name="Query A")).to_contain_text("SELECT 1 AS n")
    expect(page.get_by_label("Data source of query B")).to_have_value("metrics")
    expect(page.get_by_role("checkbox", name="Hide B")).to_be_checked()
    expect(page.get_by_role("textbox", name="Query D")).to_contain_text("SELECT 2 AS n")
    expect(page.get_by_role("group", name="Query E")).to_have_count(0)
    page.keyboard.press("Control+Enter")
    page.get_by_label("Rows of query").select_option("F")
    expect(page.get_by_role("gridcell")).to_have_count(2)


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"a": null}', '{"a": {"queries": [null]}}', '"x"'])
def test_a_broken_link_opens_an_empty_page(page: Page, site: Site, text: str) -> None:
    page.goto(explore(site, panes=text))
    expect(page.locator(".editor .cm-editor")).to_be_visible()


def test_a_link_to_a_data_source_that_is_not_there_says_so(page: Page, site: Site) -> None:
    page.goto(explore(site, panes=pane("gone", UP)))
    expect(page.get_by_text("You can query no data source gone.")).to_be_visible()
    page.get_by_role("combobox", name="Data source", exact=True).select_option("demo")
    expect(page.locator(".editor .cm-editor")).to_be_visible()
    page.goto(f"{site.origin}/connections/datasources/edit/gone")
    expect(page.get_by_role("alert")).to_contain_text("no data source gone")


def test_a_link_to_a_data_source_opens_its_form_after_signing_in(
    page: Page, site: Site, faults: list[str]
) -> None:
    page.get_by_role("button", name="Sign out").click()
    page.goto("about:blank")
    page.goto(f"{site.origin}/datasources/edit/orders")
    page.get_by_label("Token").fill(site.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Edit orders")).to_be_visible()
    faults.clear()  # of 401
    page.goto(f"{site.origin}/connections/datasources")
    expect(page.get_by_role("heading", name="Data sources")).to_be_visible()
