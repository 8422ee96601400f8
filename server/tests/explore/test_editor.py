"""The editor holds what is typed, and only a suggestion that was chosen writes anything else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

HUMAN = 70  # ms between keys: time for the suggestions to open by themselves

SQL = "SELECT count(*) AS n\nFROM orders -- 'tis\nWHERE note = 'it''s' AND (\n  id > 1\n  AND id < 10\n)"
PROMQL = 'sum by (job) (\n  rate(requests{job=~"a|b"}[5m])\n)\n/ 2'
JSON = '{\n  "a": [1, 2, {"b": "it\'s"}],\n  "c": "}"\n}'


def written(page: Page) -> str:
    return "\n".join(page.locator(".cm-line").all_text_contents())


def type_anew(page: Page, text: str) -> None:
    page.locator(".editor").click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.type(text, delay=HUMAN)


@pytest.mark.parametrize(
    ("source", "text"), [("orders", SQL), ("lake", SQL), ("metrics", PROMQL), ("demo", JSON)]
)
def test_what_is_typed_is_what_is_written(
    page: Page, visit: Callable[..., None], source: str, text: str
) -> None:
    visit(source)
    type_anew(page, text)
    assert written(page) == text


@pytest.mark.parametrize(
    ("source", "text", "chosen"),
    [("orders", "SELECT 1 AS n\nUNION SEL", "SELECT"), ("metrics", "1 +\nreques", "requests")],
)
def test_enter_is_a_new_line_until_a_suggestion_was_moved_to(
    page: Page, visit: Callable[..., None], source: str, text: str, chosen: str
) -> None:
    visit(source)
    type_anew(page, text)
    expect(page.locator(".cm-tooltip-autocomplete")).to_contain_text(chosen)
    page.keyboard.press("Enter")
    assert written(page) == text + "\n"
    page.keyboard.press("Backspace")
    page.keyboard.press("Control+Space")
    expect(page.locator(".cm-tooltip-autocomplete")).to_contain_text(chosen)
    page.wait_for_timeout(HUMAN * 2)  # the editor ignores keys right after the suggestions opened
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    first, second = text.splitlines()
    assert written(page) == f"{first}\n{second.rsplit(' ', 1)[0] + ' ' if ' ' in second else ''}{chosen}"


def expect_suggested(page: Page, names: list[str]) -> None:
    """Asks for suggestions; `names` must be the first ones."""
    page.keyboard.press("Control+Space")
    labels = page.locator(".cm-tooltip-autocomplete .cm-completionLabel")
    for at, name in enumerate(names):
        expect(labels.nth(at)).to_have_text(name)


@pytest.mark.parametrize(
    ("source", "before", "after", "first"),
    [
        ("orders", "SELECT * FROM rea", "", ["readings"]),
        ("visits", "SELECT * FROM vis", "", ["visits"]),
        ("visits", "SELECT cou", " FROM visits", ["country"]),
        ("visits", "SELECT * FROM cli", "", ["web.clicks"]),
        ("visits", "SELECT * FROM web.cli", "", ["clicks"]),
        ("visits", "SELECT onB", " FROM web.clicks", ["onButton"]),
        ("orders", "SELECT * FROM readings WHERE lev", "", ["level"]),
        ("orders", "SELECT lev", " FROM readings", ["level"]),
        ("orders", "SELECT o.", " FROM readings r JOIN orders o ON r.order_id = o.id", ["created", "id"]),
        ("orders", "SELECT * FROM orders o LEFT JOIN readings r ON r.ord", "", ["order_id"]),
        ("orders", "SELECT * FROM orders, readings WHERE $__timeFilter(cre", ")", ["created"]),
        ("orders", "SELECT x FROM (SELECT lev", " FROM readings) AS x", ["level"]),
        ("orders", "SELECT `my", " FROM readings", ["`my note`"]),
        ("orders", "SELECT 1; SELECT max(lev", ") FROM readings", ["level"]),
        ("orders", "WITH late AS (SELECT id AS late_id FROM orders) SELECT * FROM la", "", ["late"]),
        ("orders", "WITH late AS (SELECT id AS late_id FROM orders) SELECT late.", " FROM late", ["late_id"]),
        ("orders", "SELECT s.", " FROM (SELECT id AS sub_id FROM orders) AS s", ["sub_id"]),
        ("orders", "SELECT count(*) AS how_many FROM orders ORDER BY how", "", ["how_many"]),
        ("lake", "SELECT * FROM system.one WHERE du", "", ["dummy"]),
        ("lake", "SELECT n.num", " FROM system.numbers AS n", ["number"]),
        ("lake", "SELECT num", " FROM system.numbers GROUP BY number", ["number"]),
        ("lake", "SELECT * FROM system.numbers_", "", ["numbers_mt"]),
        ("metrics", "sum by (jo", ") (requests)", ["job"]),
        ("metrics", "requests{jo", "}", ["job"]),
    ],
)  # fmt: skip
def test_names_that_fit_come_before_any_keyword(
    page: Page, visit: Callable[..., None], source: str, before: str, after: str, first: list[str]
) -> None:
    visit(source, query=before + after)
    page.locator(".editor").click()
    page.keyboard.press("Control+Home")
    for _ in before:
        page.keyboard.press("ArrowRight")
    expect_suggested(page, first)


def test_a_name_that_needs_quotes_gets_them(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query="SELECT * FROM readings WHERE my")
    page.locator(".editor").click()
    page.keyboard.press("Control+End")
    expect_suggested(page, ["my note"])
    page.wait_for_timeout(HUMAN * 2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert written(page) == "SELECT * FROM readings WHERE `my note`"


@pytest.mark.parametrize("text", ["SELECT 'lev", "SELECT 1 -- lev", "SELECT /* lev", "SELECT 1 AS lev"])
def test_strings_comments_and_new_names_have_no_suggestions(
    page: Page, visit: Callable[..., None], text: str
) -> None:
    visit("orders", query=text)
    page.locator(".editor").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("e", delay=HUMAN)
    page.wait_for_timeout(HUMAN * 5)
    expect(page.locator(".cm-tooltip-autocomplete")).to_have_count(0)


@pytest.mark.parametrize("run", ["Control+Enter", "Run"])
def test_suggestions_close_when_the_query_runs(page: Page, visit: Callable[..., None], run: str) -> None:
    visit("orders")
    type_anew(page, "SELECT 1 AS n FROM orders WHERE 1 OR no")
    expect(page.locator(".cm-tooltip-autocomplete")).to_be_visible()
    if run == "Run":
        page.get_by_role("button", name="Run", exact=True).click()
    else:
        page.keyboard.press(run)
    expect(page.locator("p.status")).to_contain_text(" in ")
    expect(page.locator(".cm-tooltip-autocomplete")).to_have_count(0)


def test_json_options_hold_what_is_typed(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query="SELECT :n + 1 AS m")
    page.get_by_text("Query options").click()
    page.get_by_label("params").click()
    page.keyboard.type('{"n": 41}', delay=HUMAN)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("gridcell")).to_have_text(["42"])
