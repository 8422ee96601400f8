"""The page for those who do not use a mouse, or see little: axe's rules, and the keyboard."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from servers.process import fetch_npm_package

REDUCED = {"source": "__expr__", "text": "A", "extra": {"type": "reduce", "reducer": "mean"}}
AXE_VERSION = "4.14.1"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


@pytest.fixture(scope="module")
def axe() -> str:
    return (fetch_npm_package("axe-core", AXE_VERSION) / "axe.min.js").read_text()


def violations(page: Page, axe: str) -> list[str]:
    """What axe objects to, from serious on."""
    page.evaluate(axe)
    found: dict[str, Any] = page.evaluate("rules => axe.run(document, rules)", RULES)
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_has_no_serious_objection(
    page: Page, visit: Callable[..., None], axe: str, theme: str, faults: list[str]
) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    visit("orders", query="SELECT id, note FROM orders")
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    seen = {"empty": violations(page, axe)}
    page.get_by_text("Macros", exact=True).click()
    page.get_by_text("Query options").click()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("grid")).to_be_visible()
    seen["table"] = violations(page, axe)
    page.get_by_role("button", name="Filter and statistics of note").click()
    seen["column"] = violations(page, axe)
    page.locator("tbody td.number").first.click()
    seen["row"] = violations(page, axe)
    page.get_by_role("tab", name="Query").click()
    seen["inspector"] = violations(page, axe)
    more = [{"source": "demo", "text": "nothing", "extra": {}}, REDUCED]
    variables = [{"name": "note", "type": "list", "choices": ["late", "early"], "multi": True}]
    visit("orders", query="SELECT $note", more=json.dumps(more), variables=json.dumps(variables))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert").first).to_be_visible()
    page.locator(".variables summary").click()
    seen["variables"] = violations(page, axe)
    page.get_by_role("button", name="Edit variable note").click()
    seen["variable"] = violations(page, axe)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save as named").click()
    seen["save"] = violations(page, axe)
    page.keyboard.press("Escape")
    visit("demo", query="random_walk", options='{"seriesCount": 12}')
    page.keyboard.press("Control+Enter")
    page.get_by_role("tab", name="Plot").click()
    seen["plot"] = violations(page, axe)
    for query in ("logs", "trace"):
        visit("demo", query=query)
        page.keyboard.press("Control+Enter")
        page.locator(".log-line summary, .span-name").nth(2).click()
        seen[query] = violations(page, axe)
    visit("demo", query="nothing")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    seen["error"] = violations(page, axe)
    page.get_by_role("button", name="Data sources").click()
    seen["sources"] = violations(page, axe)
    page.get_by_role("button", name="Edit orders").click()
    expect(page.get_by_role("heading", name="Edit orders")).to_be_visible()
    seen["form"] = violations(page, axe)
    assert not any(seen.values()), seen


def test_the_system_theme_counts_until_one_is_chosen(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Use the light theme").click()
    page.emulate_media(color_scheme="light")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_tab_reaches_every_control_and_leaves_the_editor(page: Page, ask: Callable[..., None]) -> None:
    ask("random_walk")
    page.locator("body").evaluate("body => (body.ownerDocument.activeElement?.blur(), scrollTo(0, 0))")
    page.get_by_role("button", name="Explore").focus()
    reached = set()
    focused = "(document.activeElement?.textContent ?? '').trim()"
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(focused))
    assert {"Run", "Link", "CSV", "Parquet", "Arrow", "+ Add query", "Clear"} <= reached


def test_arrow_keys_move_among_tabs(page: Page, ask: Callable[..., None]) -> None:
    ask("random_walk")
    page.get_by_role("tab", selected=True).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", selected=True)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", selected=True)).to_be_focused()


def test_focus_is_visible(page: Page) -> None:
    page.get_by_role("button", name="Run", exact=True).focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_a_narrow_window_does_not_scroll_sideways(page: Page, ask: Callable[..., None]) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    ask("random_walk")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_role("button", name="Data sources").click()
    expect(page.get_by_text("metrics")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
