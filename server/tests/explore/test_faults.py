"""A query that the data source refuses is marked where the fault is, and put in order on request."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect


def written(page: Page) -> str:
    return "\n".join(page.locator(".cm-line").all_text_contents())


@pytest.mark.parametrize(
    ("source", "text", "place", "marked"),
    [
        ("orders", "SELECT id\nFORM orders", "Line 2, column 6", "orders"),
        ("visits", "SELECT $__timeFrom(),\n  pagse FROM visits", "Line 2, column 3", "pagse"),
        ("lake", "SELECT 'é', $__fromTime,\n  2 FORM x", "Line 2, column 10", "x"),
        ("metrics", "sum(rate(requests[$__rate_interval])) BYE (job)", "Line 1, column 39", "BYE"),
    ],
)
def test_the_place_of_a_fault_is_marked_until_the_text_changes(
    page: Page, visit: Callable[..., None], source: str, text: str, place: str, marked: str
) -> None:
    visit(source, query=text)
    page.keyboard.press("Control+Enter")
    mark = page.locator(".cm-fault")
    expect(mark).to_have_text(marked)
    page.get_by_role("button", name=place, exact=True).click()
    expect(page.locator(".cm-content")).to_be_focused()
    page.keyboard.insert_text("!")
    assert f"!{marked}" in written(page)
    expect(mark).to_have_count(0)


def test_a_fault_without_a_place_marks_nothing(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query="SELECT id FROM nowhere")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("nowhere")
    expect(page.locator(".cm-fault-line")).to_have_count(0)


ORDERED = """select
  id,
  note
from
  orders
where
  $__timeFilter(created)
  and id > $least"""


@pytest.mark.parametrize(
    ("source", "text", "ordered"),
    [
        ("orders", "select id,note from orders where $__timeFilter(created) and id > $least", ORDERED),
        (
            "lake",
            "SELECT {n:UInt8} AS n,count() FROM numbers( 3 )",
            "SELECT\n  {n:UInt8} AS n,\n  count()\nFROM\n  numbers(3)",
        ),
        (
            "metrics",
            'sum(rate(requests{job=~"$job"}[$__rate_interval]))by(job) > $least',
            'sum by (job) (rate(requests{job=~"$job"}[$__rate_interval])) > $least',
        ),
    ],
)
def test_a_query_is_put_in_order_with_macros_and_variables_as_they_were(
    page: Page, visit: Callable[..., None], source: str, text: str, ordered: str
) -> None:
    visit(source, query=text)
    page.get_by_role("button", name="Format query").click()
    expect(page.locator(".cm-line")).to_have_count(len(ordered.splitlines()))
    expect(page.locator(".cm-line").last).to_have_text(ordered.splitlines()[-1])
    assert written(page) == ordered
    page.locator(".editor").click()
    page.keyboard.press("Control+Z")
    assert written(page) == text
    page.keyboard.press("Alt+Shift+F")
    expect(page.locator(".cm-line").last).to_have_text(ordered.splitlines()[-1])


def test_what_cannot_be_read_is_left_alone(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query="select ((")
    page.get_by_role("button", name="Format query").click()
    expect(page.get_by_text("The query cannot be put in order")).to_be_visible()
    assert written(page) == "select (("


def test_a_question_mark_shows_the_keys_unless_a_text_is_typed(page: Page) -> None:
    page.locator(".editor").click()
    page.keyboard.type("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_have_count(0)
    page.get_by_role("button", name="Run", exact=True).focus()
    page.keyboard.press("?")
    expect(keys).to_contain_text("Ctrl+Enter")
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    page.get_by_role("button", name="Keys", exact=True).click()
    expect(keys).to_be_visible()
