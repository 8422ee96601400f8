"""Expressions below queries: SQL and math over their answers."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import Page, expect

SALES = "SELECT id % 2 AS odd, count(*) AS n FROM orders GROUP BY 1 ORDER BY 1"


def write(page: Page, name: str, text: str) -> None:
    page.get_by_role("group", name=name).locator(".editor").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def run(page: Page) -> None:
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text(" in ")


def test_sql_selects_from_the_query_above_which_may_be_hidden(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query=SALES)
    page.get_by_role("button", name="+ SQL").click()
    page.get_by_role("checkbox", name="Hide A").check()
    write(page, "Expression B", "SELECT sum(n) AS orders FROM A")
    run(page)
    expect(page.get_by_role("columnheader", name="orders")).to_be_visible()
    expect(page.locator("tbody")).to_contain_text("3")
    expect(page.locator("p.status")).to_contain_text("1 row")


def test_columns_of_the_inputs_are_suggested(page: Page, visit: Callable[..., None]) -> None:
    visit(
        "demo",
        query="random_walk",
        options=json.dumps({"seriesCount": 2, "hide": True}),
        more=json.dumps([{"source": "__expr__", "text": "", "extra": {"type": "sql"}}]),
    )
    write(page, "Expression B", "SELECT  FROM A")
    for _ in range(len(" FROM A")):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Control+Space")
    suggested = page.locator(".cm-tooltip-autocomplete .cm-completionLabel")
    for name in ("time", "__value__", "__metric_name__", "series"):
        expect(suggested.filter(has_text=name).first).to_be_visible()


def test_math_computes_with_the_query_above(page: Page, visit: Callable[..., None]) -> None:
    visit("demo", query="random_walk", options=json.dumps({"seed": 7}))
    page.get_by_role("button", name="+ Math").click()
    page.get_by_role("checkbox", name="Hide A").check()
    write(page, "Expression B", "$A > -1000000")
    run(page)
    page.get_by_role("tab", name="Table").click()
    expect(page.get_by_role("columnheader", name="B")).to_be_visible()
    expect(page.locator("tbody tr").first).to_contain_text("1")


def test_a_wrong_expression_is_told_beside_its_letter(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query=SALES)
    page.get_by_role("button", name="+ SQL").click()
    write(page, "Expression B", "SELECT nope FROM A")
    run(page)
    expect(page.get_by_role("alert")).to_contain_text('column "nope" not found')
    expect(page.get_by_role("columnheader", name="odd")).to_be_visible()
