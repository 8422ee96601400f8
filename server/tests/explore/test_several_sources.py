"""Several data sources in one run: a row for each, one request, expressions over all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pyarrow.parquet
from playwright.sync_api import Page, Request, expect

from servers.explore_site import Site

HOUR = {"from": "2024-01-01T00:00:00Z", "to": "2024-01-01T01:00:00Z"}
ORDERS = "SELECT created AS time, id FROM orders WHERE id < 100 AND $__timeFilter(created)"
FLAGS = (
    "SELECT toDateTime('2024-01-01 00:20:00', 'UTC') + number * 600 AS time, number AS flag FROM numbers(2)"
)
JOINED = """SELECT o.time, o.id, f.flag, r."__value__" AS requests, t."region"
FROM A o JOIN B f USING (time) JOIN C r USING (time) CROSS JOIN D t ORDER BY o.time"""


def write(page: Page, group: str, text: str) -> None:
    page.get_by_role("group", name=group).locator(".editor").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def run(page: Page) -> None:
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text(" in ")


def cells(page: Page) -> list[str]:
    return page.get_by_role("gridcell").all_text_contents()


def add(page: Page, letter: str, source: str, text: str) -> None:
    page.get_by_role("button", name="+ Add query").click()
    page.get_by_label(f"Data source of query {letter}").select_option(source)
    write(page, f"Query {letter}", text)


def asked(page: Page, act: Callable[[], None]) -> list[dict[str, Any]]:
    """The bodies of the query requests that the page sends while `act` acts."""
    sent: list[dict[str, Any]] = []

    def listen(request: Request) -> None:
        if request.url.endswith("/api/ds/query"):
            body: dict[str, Any] = request.post_data_json or {}
            sent.append(body)

    page.on("request", listen)
    act()
    page.remove_listener("request", listen)
    return sent


def test_sql_joins_mariadb_clickhouse_prometheus_and_testdata(
    page: Page, site: Site, visit: Callable[..., None]
) -> None:
    regions = {"refId": "D", "source": "demo", "text": "csv", "extra": {"csvContent": "region\nnorth\n"}}
    visit("orders", query=ORDERS, more=json.dumps([regions]), **HOUR)
    add(page, "B", "lake", FLAGS)
    add(page, "C", "metrics", "sum(requests)")
    page.get_by_role("group", name="Query C").get_by_label("Min step").fill("10m")
    page.get_by_role("group", name="Query C").get_by_label("Min step").blur()
    page.get_by_role("button", name="+ SQL").click()
    write(page, "Expression E", JOINED)
    for letter in "ABCD":
        page.get_by_role("checkbox", name=f"Hide {letter}").check()
    [sent] = asked(page, lambda: run(page))
    assert [query["datasource"]["uid"] for query in sent["queries"]] == [
        "orders", "demo", "lake", "metrics", "__expr__",
    ]  # fmt: skip
    expect(page.locator("p.status")).to_contain_text("2 rows in")
    expect(page.get_by_role("alert")).to_have_count(0)
    assert cells(page)[0:3] == ["2024-01-01 00:20:00", "2", "0"]
    assert cells(page)[5:8] == ["2024-01-01 00:30:00", "10", "1"]
    assert cells(page)[4] == "north"

    link = page.url
    page.goto("about:blank")
    page.goto(f"{link}&token={site.token}")
    expect(page.get_by_label("Data source of query D")).to_have_value("demo")
    page.get_by_role("textbox", name="Query A").click()
    run(page)
    expect(page.locator("p.status")).to_contain_text("2 rows in")


def test_what_an_expression_computes_is_downloaded_with_its_types(
    page: Page, visit: Callable[..., None]
) -> None:
    more = [{"source": "__expr__", "text": "SELECT n * 6::BIGINT AS answer FROM A", "extra": {"type": "sql"}}]
    visit("orders", query="SELECT 7 AS n", more=json.dumps(more))
    run(page)
    page.get_by_label("Rows of query").select_option("B")
    with page.expect_download() as download:
        page.get_by_role("button", name="Parquet", exact=True).click()
    assert pyarrow.parquet.read_table(download.value.path()).to_pylist() == [{"answer": 42}]


def test_columns_of_inputs_of_several_data_sources_are_suggested(
    page: Page, visit: Callable[..., None]
) -> None:
    more = [
        {"source": "metrics", "text": "requests", "extra": {"hide": True}},
        {"source": "__expr__", "text": "", "extra": {"type": "sql"}},
    ]
    visit("orders", query="SELECT id AS order_id FROM orders", more=json.dumps(more), **HOUR)
    write(page, "Expression C", "SELECT  FROM A, B")
    for _ in range(len(" FROM A, B")):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Control+Space")
    suggested = page.locator(".cm-tooltip-autocomplete .cm-completionLabel")
    for name in ("order_id", "__value__"):
        expect(suggested.filter(has_text=name).first).to_be_visible()


def test_an_error_stays_at_its_row_and_spares_the_others(page: Page, visit: Callable[..., None]) -> None:
    more = [
        {"source": "metrics", "text": "sum(", "extra": {}},
        {"source": "demo", "text": "logs", "extra": {}},
    ]
    visit("orders", query="SELECT 1 AS n", more=json.dumps(more))
    run(page)
    expect(page.get_by_role("group", name="Query B").get_by_role("alert")).to_contain_text("B: ")
    expect(page.get_by_role("alert")).to_have_count(1)
    page.get_by_role("tab", name="Table").click()
    page.get_by_label("Rows of query").select_option("A")
    expect(page.get_by_role("gridcell")).to_have_text(["1"])
    page.get_by_label("Rows of query").select_option("C")
    expect(page.get_by_role("columnheader", name="body")).to_be_visible()


def test_another_data_source_of_a_row_starts_it_afresh_and_back_brings_the_text(
    page: Page, visit: Callable[..., None]
) -> None:
    more = json.dumps([{"text": "SELECT 2", "extra": {}}])
    visit("orders", query="SELECT 1", more=more)
    page.get_by_label("Data source of query B").select_option("metrics")
    expect(page.get_by_role("combobox", name="Data source", exact=True)).to_have_value("")
    expect(page.get_by_role("textbox", name="Query A")).to_contain_text("SELECT 1")
    assert "SELECT 2" not in page.locator("main").text_content()  # type: ignore[operator]
    page.get_by_role("textbox", name="Query B").click()
    expect(page.locator(".schema h2")).to_contain_text("of metrics")
    page.go_back()
    expect(page.get_by_role("textbox", name="Query B")).to_contain_text("SELECT 2")
    expect(page.get_by_label("Data source of query B")).to_have_value("orders")


def test_letters_stay_when_a_query_above_is_removed(page: Page, visit: Callable[..., None]) -> None:
    more = [
        {"source": "lake", "text": "SELECT 7 AS n", "extra": {"hide": True}},
        {"source": "__expr__", "text": "SELECT n * 6 AS answer FROM B", "extra": {"type": "sql"}},
    ]
    visit("orders", query="SELECT 1", more=json.dumps(more))
    page.get_by_role("button", name="Remove query A").click()
    run(page)
    expect(page.get_by_role("gridcell")).to_have_text(["42"])
    assert parse_qs(page.url.partition("#")[2])["ref"] == ["B"]
    page.reload()
    expect(page.get_by_role("group", name="Query B")).to_be_visible()
    expect(page.get_by_role("group", name="Expression C")).to_be_visible()


def test_history_brings_all_queries_back(page: Page, visit: Callable[..., None]) -> None:
    more = json.dumps([{"source": "lake", "text": "SELECT 2 AS second", "extra": {}}])
    visit("orders", query="SELECT 1 AS first", more=more)
    run(page)
    page.get_by_role("combobox", name="Data source", exact=True).select_option("demo")
    expect(page.locator(".history li")).to_contain_text("orders, lake")
    page.get_by_role("button", name="Run again SELECT 1 AS first +1").click()
    page.get_by_label("Rows of query").select_option("B")
    expect(page.get_by_role("columnheader", name="second")).to_be_visible()


def test_a_data_source_that_is_gone_is_told_at_its_row(page: Page, visit: Callable[..., None]) -> None:
    more = json.dumps([{"source": "gone", "text": "", "extra": {}}])
    visit("orders", query="SELECT 1 AS n", more=more)
    expect(page.get_by_role("group", name="Query B").get_by_role("alert")).to_contain_text(
        "no data source gone"
    )
    page.get_by_role("button", name="Remove query B").click()
    run(page)
    expect(page.get_by_role("gridcell")).to_have_text(["1"])


def test_series_become_numbers_and_are_compared(page: Page, visit: Callable[..., None]) -> None:
    visit("metrics", query="requests", **HOUR)
    page.get_by_role("button", name="+ Math").click()
    page.get_by_label("Kind of expression B").select_option("reduce")
    form = page.get_by_role("group", name="Expression B")
    expect(form.get_by_label("Input")).to_have_value("A")
    form.get_by_label("Reducer").select_option("max")
    page.get_by_role("button", name="+ Math").click()
    page.get_by_label("Kind of expression C").select_option("threshold")
    compared = page.get_by_role("group", name="Expression C")
    compared.get_by_label("Value").select_option("gt")
    compared.get_by_label("Limit").fill("-1")
    compared.get_by_label("Limit").blur()
    for letter in "AB":
        page.get_by_role("checkbox", name=f"Hide {letter}").check()
    run(page)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("columnheader", name=re.compile("^C, number"))).to_be_visible()
    expect(page.get_by_role("gridcell").first).to_have_text("1")


def test_python_that_is_copied_asks_each_data_source(
    page: Page, site: Site, visit: Callable[..., None]
) -> None:
    more = [{"source": "metrics", "text": "requests", "extra": {"interval": "10m"}}]
    visit("orders", query="SELECT 'it''s' AS said", more=json.dumps(more), **HOUR)
    script = site.write("each.py", copied(page, "Python") + "print(frame_a.to_pylist(), len(frames_b))")
    assert site.run(f"python {script}").strip() == "[{'said': \"it's\"}] 3"


def test_python_that_is_copied_has_the_host_compute(
    page: Page, site: Site, visit: Callable[..., None]
) -> None:
    more = [
        {"source": "lake", "text": "SELECT 6 AS n", "extra": {"hide": True}},
        {"source": "__expr__", "text": "SELECT A.n * B.n AS answer FROM A, B", "extra": {"type": "sql"}},
    ]
    visit("orders", query="SELECT 7 AS n", options='{"hide": true}', more=json.dumps(more))
    script = site.write("all.py", copied(page, "Python") + 'print(frames["C"][0].to_pylist(), len(frames))')
    assert site.run(f"python {script}").strip() == "[{'answer': 42}] 1"


def copied(page: Page, what: str) -> str:
    page.get_by_role("button", name=what, exact=True).click()
    expect(page.get_by_text(f"{what} copied")).to_be_visible()
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text
