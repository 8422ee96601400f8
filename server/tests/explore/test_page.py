"""The Explore page as a whole: running, cancelling, links, history, what is copied."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from servers.explore_site import Site

HOUR = {"from": "2024-01-01T00:00:00Z", "to": "2024-01-01T01:00:00Z"}


def test_a_wrong_query_says_what_to_do_and_whose_fault_it_is(page: Page, ask: Callable[..., None]) -> None:
    ask("random_wlak")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("did you mean 'random_walk'?")
    expect(alert).to_contain_text(re.compile("Request [0-9a-f]{32}"))


def test_escape_cancels_a_running_query(page: Page, visit: Callable[..., None]) -> None:
    visit("lake", query="SELECT count() FROM numbers(100000000000) WHERE sin(number) > 2")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".status-line")).to_contain_text("rows read")
    page.keyboard.press("Escape")
    expect(page.locator("p.status[role=status]")).to_contain_text("Cancelled after")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()


def test_progress_shows_before_the_first_row(page: Page, visit: Callable[..., None]) -> None:
    visit("lake", query="SELECT count() FROM numbers(100000000000) WHERE sin(number) > 2")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".status-line")).to_contain_text("of 100,000,000,000 rows read")
    expect(page.locator(".status-line")).to_contain_text("no rows yet")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("p.status[role=status]")).to_contain_text("Cancelled after 0 rows")


def test_a_link_brings_queries_options_and_range_back(
    page: Page, site: Site, visit: Callable[..., None]
) -> None:
    visit("metrics", query="requests", options=json.dumps({"instant": True}), **HOUR)
    page.get_by_role("button", name="+ Add query").click()
    page.get_by_role("textbox", name="Query B").click()
    page.keyboard.insert_text("gappy")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Link", exact=True).click()
    expect(page.get_by_text("Link copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    page.goto("about:blank")
    page.goto(f"{link}&token={site.token}")
    expect(page.get_by_role("combobox", name="Data source", exact=True)).to_have_value("metrics")
    expect(page.get_by_label("From", exact=True)).to_have_value(HOUR["from"])
    expect(page.get_by_role("textbox", name="Query A")).to_contain_text("requests")
    expect(page.get_by_role("textbox", name="Query B")).to_contain_text("gappy")
    expect(page.get_by_label("Type").first).to_have_value("instant")


def test_two_queries_run_together_and_one_error_spares_the_other(
    page: Page, visit: Callable[..., None]
) -> None:
    more = json.dumps([{"text": "SELECT 2 AS second", "extra": {}}, {"text": "SELECT nothing", "extra": {}}])
    visit("orders", query="SELECT 1 AS first", more=more)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("C: ")
    expect(page.get_by_role("columnheader", name="first")).to_be_visible()
    page.get_by_label("Rows of query").select_option("B")
    expect(page.get_by_role("columnheader", name="second")).to_be_visible()
    page.get_by_role("button", name="Remove query C").click()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_full_history_makes_room_and_hinders_no_run(page: Page, ask: Callable[..., None]) -> None:
    page.evaluate(
        """() => {
            const queries = [{refId: "A", source: "demo", text: "logs".padEnd(54000), extra: {}}];
            const entry = {queries, names: ["demo"], range: {from: "now-1h", to: "now"}};
            const entries = Array.from({length: 95}, (_, at) => ({...entry, at}));
            localStorage.setItem("headwater.history", JSON.stringify(entries));
        }"""
    )
    page.reload()
    for text in ("logs".ljust(90_000), "logs".ljust(90_001), "logs".ljust(300_000)):
        ask(text)
    kept = page.evaluate("JSON.parse(localStorage.getItem('headwater.history'))")
    lengths = [len(entry["queries"][0]["text"]) for entry in kept]
    assert lengths[:2] == [90_001, 90_000]  # the longest is not kept
    assert 90 < len(lengths) < 97


def test_a_history_of_another_version_is_passed_over(page: Page, ask: Callable[..., None]) -> None:
    page.evaluate(
        """() => localStorage.setItem("headwater.history", '[{"queries": [{"source": "demo"}]}, null]')"""
    )
    page.reload()
    ask("logs")
    expect(page.locator(".history li")).to_have_count(1)


def test_a_view_that_cannot_be_drawn_leaves_the_page_alone(
    page: Page, ask: Callable[..., None], faults: list[str]
) -> None:
    schema = {"fields": [{"name": "t", "type": "time"}, {"name": "x", "type": "number"}]}
    frame = {"schema": schema, "data": {"values": [["no time"], [1]]}}
    line = json.dumps({"refId": "A", "frame": frame}) + "\n"
    page.route("**/api/ds/query", lambda route: route.fulfill(body=line, content_type="text/jsonl"))
    ask("anything")
    expect(page.get_by_role("alert")).to_contain_text("This view cannot be shown: Invalid time value")
    page.get_by_role("tab", name="Query").click()
    expect(page.get_by_text("no time")).to_have_count(0)
    expect(page.locator(".inspector")).to_be_visible()
    page.unroute("**/api/ds/query")
    ask("logs")
    expect(page.get_by_role("alert")).to_have_count(0)
    faults.clear()


def test_a_browser_that_refuses_addresses_hinders_no_run(page: Page, ask: Callable[..., None]) -> None:
    refuse = "() => { throw new DOMException('Too many calls', 'SecurityError'); }"
    page.evaluate(f"() => {{ history.replaceState = history.pushState = {refuse}; }}")
    ask("logs")
    expect(page.locator(".log-line").first).to_be_visible()


def test_history_runs_again_keeps_stars_and_forgets_the_rest(page: Page, ask: Callable[..., None]) -> None:
    ask("logs")
    ask("random_walk")
    page.get_by_role("button", name="Star logs").click()
    page.get_by_role("button", name="Run again logs").click()
    expect(page.locator(".editor")).to_contain_text("logs")
    expect(page.get_by_role("list", name="Log lines")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".history li")).to_have_count(1)
    expect(page.locator(".history li")).to_contain_text("logs")


def copied(page: Page, what: str) -> str:
    page.get_by_role("button", name=what, exact=True).click()
    expect(page.get_by_text(f"{what} copied")).to_be_visible()
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_a_query_that_begins_with_a_comment_is_copied_as_no_option(
    page: Page, site: Site, visit: Callable[..., None]
) -> None:
    visit("orders", query="-- why\nSELECT COUNT(*) AS n FROM orders")
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text("1 row in")
    assert "3" in site.run(copied(page, "CLI"))


def test_what_is_copied_runs_elsewhere(page: Page, site: Site, visit: Callable[..., None]) -> None:
    visit("orders", query="SELECT note, 'it''s' AS \"q\" FROM orders WHERE $__timeFilter(created)", **HOUR)
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text("3 rows in")
    script = site.write("copied.py", copied(page, "Python") + "print(frame.num_rows)")
    assert site.run(f"python {script}").split() == ["3"]
    assert len(site.run(copied(page, "CLI") + " -o csv").splitlines()) == 4
    answer = json.loads(site.run(copied(page, "curl")))
    assert answer["results"]["A"]["frames"][0]["data"]["values"][1] == ["it's"] * 3


def test_options_are_copied_with_the_query(page: Page, site: Site, visit: Callable[..., None]) -> None:
    visit("demo", query="random_walk", options=json.dumps({"seriesCount": 2, "format": "wide"}))
    assert "walk-1" in site.run(copied(page, "CLI") + " --limit 1 -o csv")
    script = site.write("copied.py", copied(page, "Python") + "print(frames[0].num_columns)")
    assert site.run(f"python {script}").split() == ["3"]


def test_the_schema_browser_writes_names_and_the_editor_completes_them(
    page: Page, visit: Callable[..., None]
) -> None:
    visit("orders", query="SELECT * FROM")
    page.get_by_role("button", name="Columns of orders").click()
    expect(page.locator(".schema")).to_contain_text("created")
    page.get_by_role("button", name="orders", exact=True).click()
    expect(page.locator(".editor")).to_contain_text("SELECT * FROM orders")
    page.locator(".editor").click()
    page.keyboard.press("Control+A")
    page.keyboard.type("SELECT orders.no")
    expect(page.locator(".cm-tooltip-autocomplete")).to_contain_text("note")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+A")
    page.keyboard.type("SELECT $__timeFi")
    expect(page.locator(".cm-tooltip-autocomplete")).to_contain_text("$__timeFilter(column)")


def test_tables_of_other_schemas_are_written_so_that_postgresql_finds_them(
    page: Page, visit: Callable[..., None]
) -> None:
    visit("visits", query="SELECT")
    page.get_by_role("button", name="Columns of web.clicks").click()
    page.get_by_role("button", name="onButton", exact=True).click()
    expect(page.locator(".editor")).to_contain_text('SELECT "onButton"')
    page.locator(".editor").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" FROM")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="web.clicks", exact=True).click()
    expect(page.locator(".editor")).to_contain_text('SELECT "onButton" FROM web.clicks')
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text("1 row")


def test_a_table_of_an_empty_query_becomes_one_that_runs(page: Page, visit: Callable[..., None]) -> None:
    visit("lake")
    page.get_by_role("button", name="example_weather", exact=True).click()
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text("100 rows in")


def test_macros_are_told_and_what_became_of_them(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query="SELECT id FROM orders WHERE", **HOUR)
    page.get_by_text("Macros", exact=True).click()
    expect(page.locator(".macros")).to_contain_text("column BETWEEN FROM_UNIXTIME({from})")
    page.get_by_role("button", name="$__timeFilter(column)", exact=True).click()
    expect(page.locator(".editor")).to_contain_text("WHERE $__timeFilter(column)")
    page.locator(".editor").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text("SELECT id FROM orders WHERE $__timeFilter(created)")
    page.keyboard.press("Control+Enter")
    page.get_by_role("tab", name="Query").click()
    expect(page.get_by_role("region", name="Executed query")).to_contain_text("FROM_UNIXTIME(1704067200)")


def test_what_is_typed_beside_the_query_counts_when_it_runs_by_key(
    page: Page, visit: Callable[..., None]
) -> None:
    visit("metrics", query="requests", **HOUR)
    page.get_by_label("From", exact=True).fill("")
    page.keyboard.type("2024-01-01T00:30:00Z")
    page.keyboard.press("Control+Enter")
    page.get_by_role("tab", name="Query").click()
    expect(page.get_by_role("region", name="Request body")).to_contain_text('"from": "2024-01-01T00:30:00Z"')
    page.get_by_label("Min step").click()
    page.keyboard.type("10m")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("region", name="Request body")).to_contain_text('"interval": "10m"')
    expect(page.locator("p.status")).to_contain_text("12 rows in")
    expect(page.get_by_label("Min step")).to_be_focused()
