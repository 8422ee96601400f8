"""Variables: values with a field above the queries, bound by each data source, never pasted into a query."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from servers.explore_site import Site

HOUR = {"from": "2024-01-01T00:00:00Z", "to": "2024-01-01T01:00:00Z"}
HOSTILE = [
    "'; DROP TABLE orders; -- ",
    "\\' OR 1=1 -- ",
    '" or "a"="a',
    "`$other` ${text} :text {text:String}",
    "$__timeFilter(x)",
    "*/ SELECT 1 /*",
]


def run(page: Page) -> None:
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text(" in ")


def cells(page: Page) -> Any:
    return expect(page.get_by_role("gridcell"))


def test_a_variable_is_added_used_and_shared(page: Page, site: Site, visit: Callable[..., None]) -> None:
    visit("orders", query="SELECT id FROM orders WHERE note = $note OR '$note' = '?'")
    page.get_by_role("button", name="+ Variable").click()
    page.get_by_role("dialog").get_by_label("Name").fill("A")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("no capital letter alone")
    page.get_by_role("dialog").get_by_label("Name").fill("note")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("textbox", name="note").fill("late")
    run(page)
    cells(page).to_have_text(["10"])
    link = page.url
    page.goto("about:blank")
    page.goto(f"{link}&token={site.token}")
    expect(page.get_by_role("textbox", name="note")).to_have_value("late")
    page.get_by_role("textbox", name="note").fill("?")
    run(page)
    cells(page).to_have_count(3)
    page.go_back()
    expect(page.get_by_role("textbox", name="note")).to_have_value("late")
    page.get_by_role("button", name="Edit variable note").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("group", name="Variables")).to_have_count(0)


def test_hostile_values_come_back_as_they_were(page: Page, visit: Callable[..., None]) -> None:
    """From MariaDB, ClickHouse, PostgreSQL and DuckDB."""
    more = [
        {"source": "lake", "text": "SELECT $text AS v", "extra": {"hide": True}},
        {"source": "visits", "text": "SELECT $text::text AS v", "extra": {"hide": True}},
        {
            "source": "__expr__",
            "text": "SELECT A.v, B.v, C.v, $text AS v FROM A, B, C",
            "extra": {"type": "sql"},
        },
    ]
    variables = [
        {"name": "text", "type": "text", "value": ""},
        {"name": "other", "type": "text", "value": "x"},
    ]
    visit(
        "orders",
        query="SELECT '$text' AS v",
        options='{"hide": true}',
        more=json.dumps(more),
        variables=json.dumps(variables),
    )
    for text in HOSTILE:
        page.get_by_role("textbox", name="text", exact=True).fill(text)
        run(page)
        cells(page).to_have_text([text] * 4, use_inner_text=False)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_is_typed_is_kept_while_the_page_learns_more(page: Page, visit: Callable[..., None]) -> None:
    held: list[Route] = []
    page.route("**/api/plugins/__expr__/settings", lambda route: held.append(route))
    variables = [{"name": "text", "type": "text", "value": ""}]
    visit("orders", query="SELECT $text AS v", variables=json.dumps(variables))
    field = page.get_by_role("textbox", name="text", exact=True)
    field.fill("typed")
    held[0].continue_()
    expect(page.get_by_role("button", name="Math", exact=False)).to_be_visible()
    expect(field).to_have_value("typed")
    run(page)
    cells(page).to_have_text(["typed"])


@pytest.mark.parametrize("text", ['"} or vector(1) or up{a="', ".*", "south"])
def test_a_label_is_compared_with_the_value_itself(page: Page, visit: Callable[..., None], text: str) -> None:
    variables = [{"name": "region", "type": "text", "value": text}]
    visit(
        "metrics",
        query='count(requests{region=~"$region"})',
        options='{"instant": true}',
        variables=json.dumps(variables),
        **HOUR,
    )
    run(page)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("p.status")).to_contain_text("0 rows in")


def test_values_of_a_query_depend_on_the_variables_above_and_may_be_several(
    page: Page, visit: Callable[..., None]
) -> None:
    variables = [
        {"name": "least", "type": "number", "value": 2},
        {
            "name": "id",
            "type": "query",
            "source": "orders",
            "text": "SELECT id FROM orders WHERE id BETWEEN $least AND 99 ORDER BY id",
            "multi": True,
        },
    ]
    more = [
        {"source": "lake", "text": "SELECT number AS n FROM numbers(20) WHERE n IN ($id)", "extra": {}},
        {"source": "__expr__", "text": "SELECT id FROM A WHERE id IN ($id)", "extra": {"type": "sql"}},
        {"source": "__expr__", "text": "$C * $least", "extra": {"type": "math", "hide": True}},
    ]
    visit(
        "orders",
        query="SELECT id FROM orders WHERE id IN ($id) ORDER BY id",
        more=json.dumps(more),
        variables=json.dumps(variables),
    )
    expect(page.locator("summary", has_text="All (2)")).to_be_visible()
    run(page)
    expect(page.get_by_role("alert")).to_have_count(0)
    cells(page).to_have_text(["2", "10"])
    for letter in "BC":
        page.get_by_label("Rows of query").select_option(letter)
        cells(page).to_have_text(["2", "10"])
    page.locator("summary", has_text="All (2)").click()
    page.get_by_role("checkbox", name="2", exact=True).uncheck()
    page.keyboard.press("Escape")
    run(page)
    cells(page).to_have_text(["10"])
    page.get_by_role("spinbutton", name="least").fill("3")
    page.get_by_role("spinbutton", name="least").blur()
    expect(page.locator("summary", has_text="10")).to_be_visible()


def test_an_interval_is_written_into_the_query(page: Page, visit: Callable[..., None]) -> None:
    variables = [{"name": "step", "type": "interval", "choices": ["1m", "30m", "auto"], "value": "30m"}]
    visit(
        "metrics",
        query="sum(max_over_time(requests[$step]))",
        options='{"interval": "$step"}',
        variables=json.dumps(variables),
        **HOUR,
    )
    run(page)
    page.get_by_role("tab", name="Query").click()
    expect(page.get_by_role("region", name="Request body")).to_contain_text("requests[30m]")
    expect(page.get_by_role("region", name="Request body")).to_contain_text('"interval": "30m"')
    variables[0]["choices"] = ["1m]) or vector(1"]
    visit("metrics", query="max_over_time(requests[$step])", variables=json.dumps(variables), **HOUR)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("group", name="Query A").get_by_role("alert")).to_contain_text("is no interval")


def test_what_cannot_be_bound_is_told_at_its_row_and_nothing_is_sent(
    page: Page, visit: Callable[..., None]
) -> None:
    variables = [{"name": "text", "type": "text", "value": "x"}, {"name": "n", "type": "number", "value": 2}]
    more = [
        {"text": "SELECT ${text:raw}", "extra": {}},
        {"source": "demo", "text": "$text", "extra": {}},
        {"source": "demo", "text": "random_walk", "extra": {"seriesCount": "$n"}},
        {"source": "__expr__", "text": "$D * $text", "extra": {"type": "math"}},
    ]
    visit("orders", query="SELECT 'a $text b'", more=json.dumps(more), variables=json.dumps(variables))
    page.keyboard.press("Control+Enter")
    alert = page.get_by_role("group", name="Query A").get_by_role("alert")
    expect(alert).to_contain_text("A variable is a whole value: write it without quotes")
    expect(page.get_by_role("group", name="Query B").get_by_role("alert")).to_contain_text("no formats")
    expect(page.get_by_role("group", name="Query C").get_by_role("alert")).to_contain_text(
        "binds no parameters"
    )
    expect(page.get_by_role("group", name="Expression E").get_by_role("alert")).to_contain_text(
        "single numbers"
    )
    expect(page.get_by_role("alert")).to_have_count(4)
    expect(page.locator("p.status")).to_have_count(0)


def test_all_of_more_values_than_are_listed_is_refused(page: Page, visit: Callable[..., None]) -> None:
    many = {"name": "many", "type": "query", "source": "lake", "multi": True}
    many["text"] = "SELECT toString(number) FROM numbers(1001)"
    visit("lake", query="SELECT $many AS v", variables=json.dumps([many]))
    expect(page.get_by_label("many: All (1000)")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert").first).to_contain_text("$many has more than 1,000 values")
    page.get_by_label("many: All (1000)").click()
    choices = page.get_by_role("group", name="many")
    expect(choices).to_contain_text("Only the first 1,000")
    choices.get_by_label("All").uncheck()
    choices.get_by_label("0", exact=True).check()
    run(page)
    cells(page).to_have_text(["[0]"])


def test_a_link_with_variables_that_are_none_opens(page: Page, visit: Callable[..., None]) -> None:
    odd = [
        {"name": "a", "type": "list", "choices": "abc"},
        {"name": "b", "type": "list", "choices": [1, None]},
    ]
    visit("lake", query="SELECT $b AS v", variables=json.dumps(odd))
    expect(page.get_by_role("combobox", name="b", exact=True)).to_have_value("1")
    run(page)
    cells(page).to_have_text(["1"])
