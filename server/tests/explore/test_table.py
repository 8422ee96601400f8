"""Beside the table: a row whole, a column's statistics, and filters of columns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

ORDERS = "SELECT id, note, created FROM orders ORDER BY id"


def cells(page: Page, column: int) -> list[str]:
    """The texts in a column, counted from 1; the first is the row's number."""
    return page.locator(f"tbody tr > :nth-child({column})").all_inner_texts()


def open_column(page: Page, name: str) -> Locator:
    page.get_by_role("button", name=f"Filter and statistics of {name}", exact=True).click()
    return page.get_by_role("complementary", name=f"Column {name}")


def facts(panel: Locator) -> dict[str, str]:
    return dict(
        text.split("\n") for text in panel.get_by_label("Statistics").locator("div").all_inner_texts()
    )


def test_a_row_is_shown_whole_and_follows_the_cursor(page: Page, visit: Callable[..., None]) -> None:
    payload = """'{"a": [9007199254740993, {"b": null}]}' AS payload"""
    visit("orders", query=f"SELECT id, note, {payload} FROM orders ORDER BY id")
    page.keyboard.press("Control+Enter")
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    row = page.get_by_role("complementary", name="Row 1")
    expect(row.locator("dd").first).to_have_text("2")
    expect(row.locator("dd").nth(1)).to_have_text("null")
    expect(row.locator("pre")).to_have_text(
        '{\n  "a": [\n    9007199254740993,\n    {\n      "b": null\n    }\n  ]\n}'
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    row = page.get_by_role("complementary", name="Row 3")
    expect(row.locator("dd").first).to_have_text("9007199254740993")
    row.get_by_role("button", name="Copy as JSON").click()
    expect(row.get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert json.loads(copied)["id"] == 9007199254740993
    page.keyboard.press("Escape")
    expect(row).to_have_count(0)


def test_statistics_are_of_the_rows_that_the_page_has(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query=ORDERS)
    page.keyboard.press("Control+Enter")
    numbers = open_column(page, "id")
    assert facts(numbers) == {
        "Values": "3",
        "Nulls": "0",
        "Distinct": "3",
        "Least": "2",
        "Greatest": "9007199254740993",
        "Mean": "3,002,400,000,000,000",
    }
    expect(numbers).to_contain_text("Of the 3 rows that the page has; the data source may have more.")
    texts = open_column(page, "note")
    assert facts(texts) == {"Values": "2", "Nulls": "1", "Distinct": "2"}


def test_numbers_and_times_have_a_histogram_and_texts_their_most_frequent(
    page: Page, visit: Callable[..., None]
) -> None:
    visit("lake", query="SELECT number AS n, ['a', 'b', 'b', 'b'][number % 4 + 1] AS kind FROM numbers(240)")
    page.keyboard.press("Control+Enter")
    panel = open_column(page, "n")
    expect(panel.get_by_role("img")).to_have_attribute("aria-label", "Counts: " + ", ".join(["10"] * 24))
    panel = open_column(page, "kind")
    assert [text.split() for text in panel.get_by_role("listitem").all_inner_texts()] == [
        ["b", "180"],
        ["a", "60"],
    ]
    panel.get_by_role("button", name="a", exact=True).click()
    expect(page.locator(".filters")).to_contain_text("60 of 240 rows")


def test_filters_of_columns_are_combined_and_removed(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query=ORDERS)
    page.keyboard.press("Control+Enter")
    for text, kept in [
        ("> 9007199254740992", ["9007199254740993"]),
        ("<= 10", ["2", "10"]),
        ("!= 10", ["2", "9007199254740993"]),
        ("00", ["9007199254740993"]),
    ]:
        open_column(page, "id").get_by_label("Filter").fill(text)
        expect(page.locator("tbody tr")).to_have_count(len(kept))
        assert cells(page, 2) == kept
        page.get_by_role("button", name="Close Column id").click()
    open_column(page, "id").get_by_label("Filter").fill("<= 10")
    notes = open_column(page, "note")
    for text, kept in [("null", ["2"]), ("!null", ["10"]), ("LA", ["10"]), ("= la", [])]:
        notes.get_by_label("Filter").fill(text)
        expect(page.locator(".filters")).to_contain_text(f"{len(kept)} of 3 rows")
        assert cells(page, 2) == kept
    notes.get_by_label("Filter").fill("!null")
    expect(notes).to_contain_text("Of the 1 row that pass the filters, out of 3 rows that the page has")
    page.get_by_role("button", name="Remove the filter of note").click()
    page.get_by_role("columnheader", name="id").get_by_role("button", name=re.compile("^id")).click()
    page.get_by_role("columnheader", name="id").get_by_role("button", name=re.compile("^id")).click()
    assert cells(page, 2) == ["10", "2"]
    assert cells(page, 1) == ["2", "1"]


def test_the_most_frequent_values_find_their_rows_whatever_they_hold(
    page: Page, visit: Callable[..., None]
) -> None:
    values = ["a\nb", " lead", '"quoted"', "> 1", ""]
    visit("lake", query=f"SELECT arrayJoin(JSONExtract({literal(values * 2)}, 'Array(String)')) AS t")
    page.keyboard.press("Control+Enter")
    panel = open_column(page, "t")
    expect(panel.locator(".common .name")).to_have_count(len(values))
    for index, value in enumerate(values):
        panel.locator(".common .name").nth(index).click()
        expect(page.locator("p.filters")).to_contain_text("2 of 10 rows")
        assert [text.strip() for text in page.locator("tbody td.string").all_text_contents()] == [
            value.strip() or "(empty)"
        ] * 2
        panel.get_by_label("Filter").fill("")


def literal(value: object) -> str:
    """JSON as a text of SQL."""
    text = json.dumps(value).replace("\\", "\\\\")
    return f"'{text}'"
