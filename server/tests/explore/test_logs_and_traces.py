"""What plugins declare as logs and traces is shown as such."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

LINES = """
SELECT toDateTime64(1704067200 + number, 9, 'UTC') AS timestamp,
       ['started', 'Cache <b>miss</b>', 'cache hit'][number % 3 + 1] AS body,
       ['info', 'WARN', 'err'][number % 3 + 1] AS level,
       map('service.name', 'api') AS ResourceAttributes
FROM numbers(6)
"""

SPANS = """
SELECT * FROM VALUES(
  'traceID String, spanID String, parentSpanID String, serviceName String, operationName String,
   startTime Float64, duration Float64, statusCode Int8',
  ('t', 'c', 'b', 'db', 'SELECT', 1704067200020.0, 30.0, 2),
  ('t', 'a', '', 'web', 'GET /', 1704067200000.0, 100.0, 0),
  ('t', 'b', 'a', 'api', 'basket', 1704067200010.0, 50.0, 0),
  ('u', 'x', 'missing', 'web', 'orphan', 1704067200000.0, 1.5, 0))
"""

SPAN = """
SELECT 't' AS traceID, 's' AS spanID, '' AS parentSpanID, 'op' AS operationName, 'web' AS serviceName"""


def bodies(page: Page) -> Any:
    return expect(page.locator(".log-line .line-body"))


def test_log_lines_are_found_by_level_and_text(page: Page, visit: Callable[..., None]) -> None:
    visit("lake", query=LINES, options=json.dumps({"format": "logs"}))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("tab", name="Logs")).to_have_attribute("aria-selected", "true")
    miss = "Cache <b>miss</b>"
    bodies(page).to_have_text(["cache hit", miss, "started", "cache hit", miss, "started"])
    expect(page.locator(".levels button")).to_have_text(["error 2", "warning 2", "info 2"])
    page.get_by_role("button", name="info 2").click()
    page.get_by_label("Oldest first").check()
    bodies(page).to_have_text([miss, "cache hit", miss, "cache hit"])
    page.get_by_label("Lines that contain").fill("MISS")
    bodies(page).to_have_text([miss, miss])
    expect(page.locator("mark").first).to_have_text("miss")
    page.locator(".log-line summary").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".log-line dl")).to_contain_text("service.name")
    expect(page.locator(".log-line").nth(1).locator("time")).to_have_text("2024-01-01 00:00:04")


def test_a_trace_has_its_spans_below_their_parents(page: Page, visit: Callable[..., None]) -> None:
    visit("lake", query=SPANS, options=json.dumps({"format": "traces"}))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("tab", name="Trace")).to_have_attribute("aria-selected", "true")
    names = page.locator(".span-name")
    expect(names).to_have_text(["GET / web", "basket api", "! Error:SELECT db"])
    expect(page.locator(".panel")).to_contain_text("100 ms · 3 spans · 3 services · 2024-01-01 00:00:00")
    names.nth(1).focus()
    page.keyboard.press("ArrowLeft")
    expect(names).to_have_count(2)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    span = page.get_by_role("complementary", name="Span SELECT")
    expect(span).to_contain_text("Starts after20 ms")
    expect(span).to_contain_text("Takes30 ms")
    page.get_by_role("combobox", name="Trace").select_option("u")
    expect(names).to_have_text(["orphan web"])


def test_a_trace_of_the_test_data_has_its_tags(page: Page, visit: Callable[..., None]) -> None:
    visit("demo", query="trace", options=json.dumps({"spanCount": 12}))
    page.keyboard.press("Control+Enter")
    expect(page.locator(".span-name")).to_have_count(12)
    page.locator(".span-name").first.click()
    span = page.get_by_role("complementary", name="Span GET /basket")
    expect(span).to_contain_text("hostweb-1")


def test_a_list_of_traces_is_a_table(page: Page, visit: Callable[..., None]) -> None:
    visit("lake", query="SELECT 't' AS traceID, 5 AS duration", options=json.dumps({"format": "traces"}))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("grid")).to_be_visible()
    expect(page.get_by_role("tab", name="Trace")).to_have_count(0)


def test_whole_numbers_in_labels_and_tags_are_exact(page: Page, visit: Callable[..., None]) -> None:
    line = "SELECT now() AS timestamp, 'x' AS body, map('id', 9007199254740993::UInt64) AS labels"
    visit("lake", query=line, options=json.dumps({"format": "logs"}))
    page.keyboard.press("Control+Enter")
    page.locator(".log-line summary").click()
    expect(page.locator(".log-line dl")).to_contain_text("9007199254740993")
    span = f"{SPAN}, 5.0 AS duration, 0 AS startTime, map('id', 9007199254740993::UInt64) AS tags"
    visit("lake", query=span, options=json.dumps({"format": "traces"}))
    page.keyboard.press("Control+Enter")
    page.locator(".span-name").click()
    expect(page.get_by_role("complementary", name="Span op")).to_contain_text("9007199254740993")


def test_spans_whose_times_are_no_numbers_are_shown(page: Page, visit: Callable[..., None]) -> None:
    span = f"{SPAN}, 'soon' AS startTime, 'long' AS duration"
    visit("lake", query=span, options=json.dumps({"format": "traces"}))
    page.keyboard.press("Control+Enter")
    expect(page.locator(".span-name")).to_have_text(["op web"])


def test_a_trace_may_be_deeper_than_calls_are_nested(page: Page, visit: Callable[..., None]) -> None:
    spans = """SELECT 't' AS traceID, toString(number) AS spanID, toString(number - 1) AS parentSpanID,
        'op' AS operationName, 'web' AS serviceName, number AS startTime, 1 AS duration FROM numbers(20000)"""
    visit("lake", query=spans, options=json.dumps({"format": "traces"}))
    page.keyboard.press("Control+Enter")
    expect(page.locator(".spans")).to_contain_text("19000 more spans; fold some to see them.")
