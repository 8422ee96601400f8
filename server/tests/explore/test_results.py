"""What the page shows of an answer: the table, the plot, the files."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
from playwright.sync_api import Locator, Page, expect

from servers.browser import plot_box

ROWS = 100_000
HOUR = {"from": "2024-01-01T00:00:00Z", "to": "2024-01-01T01:00:00Z"}


def header(page: Page, name: str) -> Locator:
    return page.get_by_role("columnheader", name=name)


def column(page: Page, name: str) -> list[str]:
    """The texts of a column's cells that are in the document."""
    names = [text.splitlines()[0].rstrip(" ↑↓") for text in page.locator("thead th").all_inner_texts()]
    return page.locator(f"tbody tr > :nth-child({names.index(name) + 1})").all_inner_texts()


def test_a_large_answer_scrolls_with_few_rows_in_the_document(page: Page, visit: Callable[..., None]) -> None:
    visit("demo", query="streaming_rows", options=json.dumps({"rows": ROWS}))
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text(f"{ROWS:,} rows in")
    assert page.locator("tbody tr").count() < 100
    page.locator(".table").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    expect(page.locator(f"tr[aria-rowindex='{ROWS + 1}']")).to_be_visible()


def test_values_are_exact_and_null_is_not_the_empty_text(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query="SELECT id, note FROM orders ORDER BY id DESC")
    page.keyboard.press("Control+Enter")
    expect(header(page, "id")).to_contain_text("whole number")
    expect(header(page, "id").get_by_role("button").first).to_have_attribute(
        "title", re.compile("int64, may be null")
    )
    assert column(page, "id") == ["9007199254740993", "10", "2"]
    assert column(page, "note") == ["(empty)", "late", "null"]
    assert page.locator("td.null").count() == 1


def test_every_type_is_readable(page: Page, ask: Callable[..., None]) -> None:
    ask("all_types")
    assert column(page, "uint64")[2] == "18446744073709551615"
    assert column(page, "timestamp_ns")[2].endswith("16.854775807")
    assert column(page, "list")[1] == "[-9223372036854775808]"
    assert column(page, "struct")[0] == '{"x":1,"label":"one"}'


def test_columns_are_sorted_by_value_with_nulls_last(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query="SELECT id, note FROM orders")
    page.keyboard.press("Control+Enter")
    header(page, "id").get_by_role("button").first.click()
    expect(header(page, "id")).to_have_attribute("aria-sort", "ascending")
    assert column(page, "id") == ["2", "10", "9007199254740993"]
    header(page, "note").get_by_role("button").first.click()
    header(page, "note").get_by_role("button").first.click()
    assert column(page, "note") == ["late", "(empty)", "null"]


def test_columns_are_resized_and_cells_copied_by_keyboard(page: Page, ask: Callable[..., None]) -> None:
    ask("random_walk")
    page.get_by_role("tab", name="Table").click()
    grip, head = page.locator(".grip").first, header(page, "time")
    before, box = head.bounding_box(), grip.bounding_box()
    assert before
    assert box
    page.mouse.move(box["x"] + 4, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 84, box["y"] + 8)
    page.mouse.up()
    after = head.bounding_box()
    assert after
    assert round(after["width"] - before["width"]) == 80
    page.get_by_role("grid").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Control+C"):
        page.keyboard.press(key)
    expect(page.get_by_text("Cell copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == column(page, 'value {series="walk-0"}')[1]


def test_times_are_shown_in_utc_or_local_time(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query="SELECT TIMESTAMP '2024-01-01 00:10:00' AS moment")
    page.keyboard.press("Control+Enter")
    expect(header(page, "moment")).to_contain_text("UTC")
    assert column(page, "moment") == ["2024-01-01 00:10:00"]
    page.get_by_label("Time zone").select_option("browser")
    assert column(page, "moment") == ["2024-01-01 01:10:00"]


def test_time_series_are_plotted_with_a_legend_that_isolates(page: Page, visit: Callable[..., None]) -> None:
    visit("metrics", query="requests", options=json.dumps({"legendFormat": "job {{job}}"}), **HOUR)
    page.keyboard.press("Control+Enter")
    page.get_by_role("tab", name="Plot").click()
    legend = page.locator(".legend button")
    expect(legend).to_have_count(3)
    legend.nth(1).click()
    expect(page.locator(".legend [aria-pressed=true]")).to_have_count(1)
    legend.nth(1).click()
    expect(page.locator(".legend [aria-pressed=true]")).to_have_count(3)
    legend.nth(0).click(modifiers=["Control"])
    expect(page.locator(".legend [aria-pressed=true]")).to_have_count(2)
    page.locator(".plot .u-over").hover()
    expect(page.locator(".tooltip")).to_contain_text("2024-01-01 00:")
    expect(page.locator(".tooltip div")).to_have_count(2)


def test_a_drag_over_the_plot_zooms(page: Page, visit: Callable[..., None]) -> None:
    visit("metrics", query="requests", **HOUR)
    page.keyboard.press("Control+Enter")
    page.get_by_role("tab", name="Plot").click()
    drag(page, 0.25, 0.5)
    expect(page.get_by_label("From", exact=True)).to_have_value(re.compile("T00:1[45]:"))
    expect(page.get_by_label("To", exact=True)).to_have_value(re.compile("T00:(29|30):"))


def drag(page: Page, start: float, end: float) -> None:
    """Over the plot, from and to parts of its width."""
    box = plot_box(page)
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, box["y"] + 60, steps=4)
    page.mouse.up()


def times_in_sight(page: Page) -> list[str]:
    """The first and the last time of the plot, as its tooltip tells them."""
    box = plot_box(page)
    found = []
    for x in (box["x"] + 1, box["x"] + box["width"] - 1):
        page.mouse.move(x, box["y"] + 40)
        found.append(page.locator(".tooltip strong").inner_text())
    return found


def test_a_zoom_shows_its_range_though_the_query_takes_no_notice_of_it(
    page: Page, visit: Callable[..., None]
) -> None:
    minutes = "toDateTime('2024-01-01 00:00:00', 'UTC') + number * 60"
    visit("lake", query=f"SELECT {minutes} AS time, number AS n FROM numbers(61)")
    page.keyboard.press("Control+Enter")
    page.get_by_role("tab", name="Plot").click()
    assert times_in_sight(page) == ["2024-01-01 00:00:00", "2024-01-01 01:00:00"]
    drag(page, 0.25, 0.5)
    expect(page.get_by_label("From", exact=True)).to_have_value(re.compile("T00:1[45]:"))
    page.get_by_role("tab", name="Plot").click()
    first, last = times_in_sight(page)
    assert "2024-01-01 00:14:00" <= first <= "2024-01-01 00:16:00"
    assert "2024-01-01 00:29:00" <= last <= "2024-01-01 00:31:00"
    page.go_back()
    expect(page.get_by_label("From", exact=True)).to_have_value("now-1h")
    page.get_by_role("tab", name="Plot").click()
    assert times_in_sight(page) == ["2024-01-01 00:00:00", "2024-01-01 01:00:00"]


def test_many_series_are_cut_with_a_notice(page: Page, visit: Callable[..., None]) -> None:
    visit("demo", query="random_walk", options=json.dumps({"seriesCount": 130}))
    page.keyboard.press("Control+Enter")
    page.get_by_role("tab", name="Plot").click()
    expect(page.locator(".notice")).to_contain_text("first 100 of 130 series")


def test_promql_has_its_own_choices(page: Page, visit: Callable[..., None]) -> None:
    visit("metrics", query="requests", **HOUR)
    page.get_by_label("Type").select_option("instant")
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text("3 rows in")
    page.get_by_label("Type").select_option("range")
    page.get_by_label("Min step").fill("10m")
    page.get_by_label("Min step").press("Tab")
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text("21 rows in")


def test_rows_are_saved_as_csv_parquet_and_arrow(
    page: Page, visit: Callable[..., None], tmp_path: Path
) -> None:
    visit("orders", query="SELECT id, note FROM orders ORDER BY id")
    page.keyboard.press("Control+Enter")
    files = {}
    for what in ("CSV", "Parquet", "Arrow"):
        with page.expect_download() as download:
            page.get_by_role("button", name=what, exact=True).click()
        files[what] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[what])
    rows = list(csv.reader(files["CSV"].read_text().splitlines()))
    assert rows == [["id", "note"], ["2", ""], ["10", "late"], ["9007199254740993", ""]]
    table = pa.parquet.read_table(files["Parquet"])
    assert table.to_pylist()[0] == {"id": 2, "note": None}
    assert table["id"].to_pylist() == [2, 10, 9007199254740993]
    assert pa.ipc.open_stream(files["Arrow"]).read_all()["id"].to_pylist() == [2, 10, 9007199254740993]


def test_times_in_csv_carry_their_zone(page: Page, visit: Callable[..., None], tmp_path: Path) -> None:
    visit("lake", query="SELECT toDateTime64('2024-01-01 00:10:00.123456789', 9, 'UTC') AS a, NULL AS b")
    page.keyboard.press("Control+Enter")
    page.get_by_label("Time zone").select_option("browser")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    download.value.save_as(tmp_path / "times.csv")
    assert (tmp_path / "times.csv").read_text().splitlines() == ["a,b", "2024-01-01T00:10:00.123456789Z,"]


def test_an_endless_answer_is_received_up_to_what_the_page_holds(
    page: Page, ask: Callable[..., None]
) -> None:
    ask("endless", wait=False)
    expect(page.locator("p.status")).to_contain_text("Stopped after 200,000 rows", timeout=60_000)
    expect(page.get_by_role("note")).to_contain_text("Parquet or Arrow")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
    assert page.locator(".table").get_attribute("aria-rowcount") == "200001"


def test_the_rest_of_a_cut_answer_is_downloaded(
    page: Page, visit: Callable[..., None], tmp_path: Path
) -> None:
    visit("demo", query="streaming_rows", options=json.dumps({"rows": 300_000}))
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text("Stopped after 200,000 rows", timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("button", name="Parquet", exact=True).click()
    download.value.save_as(tmp_path / "all.parquet")
    assert pa.parquet.read_metadata(tmp_path / "all.parquet").num_rows == 300_000


def test_a_tab_of_no_use_says_why(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query="SELECT id, note FROM orders")
    page.keyboard.press("Control+Enter")
    plot = page.get_by_role("tab", name="Plot")
    expect(plot).to_have_attribute("title", re.compile("needs a column of times"))
    plot.click(force=True)
    expect(page.get_by_text("A plot needs a column of times and one of numbers")).to_be_visible()
    expect(page.get_by_role("tab", name="Table")).to_have_attribute("aria-selected", "true")


def test_types_are_words(page: Page, ask: Callable[..., None]) -> None:
    ask("all_types")
    names = ("bool", "int64", "float64", "timestamp_us", "string", "json")
    shown = [header(page, name).first.locator("small").inner_text() for name in names]
    assert shown == ["true or false", "whole number", "number", "time UTC", "text", "JSON"]


def test_an_answer_without_rows_says_so(page: Page, visit: Callable[..., None]) -> None:
    visit("orders", query="SELECT id FROM orders WHERE id = 77")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".empty")).to_contain_text("No rows.")


def test_downloads_and_the_request_shown_are_of_what_ran_not_of_what_was_typed_since(
    page: Page, visit: Callable[..., None], tmp_path: Path
) -> None:
    visit("orders", query="SELECT id FROM orders")
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text("3 rows in")
    page.locator(".editor").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" LIMIT 1")
    with page.expect_download() as download:
        page.get_by_role("button", name="Parquet", exact=True).click()
    download.value.save_as(tmp_path / "rows.parquet")
    assert pa.parquet.read_metadata(tmp_path / "rows.parquet").num_rows == 3
    page.get_by_role("tab", name="Query").click()
    expect(page.get_by_role("region", name="Request body")).not_to_contain_text("LIMIT")


def test_times_beyond_what_browsers_know_are_shown_sorted_and_not_plotted(
    page: Page, visit: Callable[..., None]
) -> None:
    late = "SELECT timestamp '294000-12-31 23:59:58.5' AS t, 1 AS x"
    visit("visits", query=f"{late} UNION ALL SELECT timestamp '2024-01-01 06:00:00', 2 ORDER BY x")
    page.keyboard.press("Control+Enter")
    expect(page.locator("tbody td.time")).to_have_text(["+294000-12-31 23:59:58.5", "2024-01-01 06:00:00"])
    header(page, "t").get_by_role("button").first.click()
    expect(page.locator("tbody td.time").first).to_have_text("2024-01-01 06:00:00")
    page.get_by_label("Time zone").select_option("browser")
    expect(page.locator("tbody td.time").last).to_have_text("+294000-12-31 23:59:58.5")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert "+294000-12-31T23:59:58.500Z,1" in Path(download.value.path()).read_text()
    page.get_by_role("tab", name="Plot").click()
    expect(page.locator(".plot canvas")).to_be_visible()


def answered(page: Page, *frames: dict[str, object]) -> None:
    """Lets every query be answered with `frames`, as some plugin might."""
    lines = "".join(
        json.dumps({"refId": "A", "frameId": str(index), "frame": frame}) + "\n"
        for index, frame in enumerate(frames)
    )
    page.route("**/api/ds/query", lambda route: route.fulfill(body=lines, content_type="text/jsonl"))


def test_frames_of_other_columns_are_a_table_of_their_own(page: Page, ask: Callable[..., None]) -> None:
    time, value = {"name": "Time", "type": "time"}, {"name": "Value", "type": "number"}
    trace = {"name": "traceID", "type": "string"}
    answered(
        page,
        {"schema": {"fields": [time, value]}, "data": {"values": [[1704067200000], [1]]}},
        {"schema": {"fields": [time, value]}, "data": {"values": [[1704067260000], [2]]}},
        {
            "schema": {"name": "exemplar", "fields": [trace, time]},
            "data": {"values": [["t1", "t2"], [1704067200000, 1704067260000]]},
        },
    )
    ask("anything")
    page.get_by_role("tab", name="Table").click()
    expect(page.locator("tbody td.number[role=gridcell]")).to_have_text(["1", "2"])
    rows = page.get_by_label("Rows of query")
    expect(rows.locator("option")).to_have_text(["Query A: table 1", "Query A: exemplar"])
    rows.select_option("Query A: exemplar")
    expect(page.locator("tbody td.string")).to_have_text(["t1", "t2"])
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert Path(download.value.path()).read_text().startswith("traceID,Time\nt1,2024-01-01T00:00:00.000Z")


def test_names_of_whatever_kind_are_names(page: Page, ask: Callable[..., None]) -> None:
    names = ["__proto__", "constructor", "<img src=x onerror=alert(1)>", ""]
    fields = [
        {"name": name, "type": "number", "labels": {"__proto__": "x"}, "config": {"unit": unit}}
        for name, unit in zip(names, ["valueOf", "constructor", "__proto__", "suffix:<b>"], strict=True)
    ]
    moment = {"name": "t", "type": "time"}
    values = [[1704067200000, 1704070800000], *([1, 2] for _ in names)]
    answered(page, {"schema": {"fields": [moment, *fields]}, "data": {"values": values}})
    ask("anything")
    page.get_by_role("tab", name="Table").click()
    page.locator("tbody td").first.click()
    expect(page.get_by_role("complementary", name="Row 1")).to_contain_text("<img src=x onerror=alert(1)>")
    page.get_by_role("tab", name="Plot").click()
    expect(page.locator(".legend button")).to_have_count(len(names))
    page.get_by_role("combobox", name="Unit").select_option("bytes")
    expect(page.locator(".plot canvas")).to_be_visible()
