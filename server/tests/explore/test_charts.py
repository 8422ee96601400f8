"""How time series and histograms are drawn, and that the link keeps it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from servers import remote_write
from servers.browser import plot_box
from servers.prometheus import PrometheusServer
from servers.prometheus_samples import recent_series

HOUR = {"from": "2024-01-01T00:00:00Z", "to": "2024-01-01T01:00:00Z"}
BUCKETS = {"0.1": 1.0, "0.5": 4.0, "+Inf": 10.0}
"""What is counted up to each upper bound."""


@pytest.fixture(scope="module")
def minute(prometheus: PrometheusServer) -> dict[str, str]:
    """A range whose last half minute has histograms: `latency`, native, and `wait_bucket`, of two jobs."""
    now = int(time.time() * 1000)
    classic = [
        remote_write.Series(
            {"__name__": "wait_bucket", "le": le, "job": job},
            samples=[(now - 15_000, count), (now, count)],
        )
        for le, count in BUCKETS.items()
        for job in ("a", "b")
    ]
    remote_write.write(prometheus.url, [*recent_series(now, utf8_names=False), *classic])
    return {"from": str(now - 60_000), "to": str(now)}


def plotted(page: Page) -> bytes:
    """The picture of the chart, drawn."""
    expect(page.locator(".plot canvas")).to_be_visible()
    page.mouse.move(0, 0)
    return page.locator(".plot canvas").screenshot()


def tooltip_at(page: Page, across: float, down: float) -> str:
    """What the chart says at a place, in parts of its width and height."""
    box = plot_box(page)
    page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down)
    return page.locator(".tooltip").inner_text()


def look(page: Page) -> dict[str, object]:
    """How the link says that the chart is drawn."""
    text: str = page.evaluate("new URLSearchParams(location.hash.slice(1)).get('chart') ?? '{}'")
    found: dict[str, object] = json.loads(text)
    return found


def test_series_are_lines_bars_points_or_areas_stacked_or_on_a_logarithmic_axis(
    page: Page, visit: Callable[..., None]
) -> None:
    visit("metrics", query="requests", view="plot", options=json.dumps({"interval": "2m"}), **HOUR)
    page.keyboard.press("Control+Enter")
    pictures = [plotted(page)]
    for style in ("bars", "points", "areas"):
        page.get_by_label("Draw as").select_option(style)
        pictures.append(plotted(page))
    page.get_by_label("Stacked").check()
    pictures.append(plotted(page))
    page.get_by_label("Logarithmic").check()
    pictures.append(plotted(page))
    assert len(set(pictures)) == 6
    expect(page.get_by_label("Stacked")).not_to_be_checked()
    expect(page.locator(".notice")).to_contain_text("no place for zero and below: 1 value not drawn")
    assert look(page) == {"style": "areas", "log": True}


def test_stacked_series_are_told_by_their_own_values(page: Page, visit: Callable[..., None]) -> None:
    chart = json.dumps({"style": "areas", "stack": True})
    visit(
        "metrics", query="requests", options=json.dumps({"interval": "30m"}), view="plot", chart=chart, **HOUR
    )
    page.keyboard.press("Control+Enter")
    expect(page.locator(".plot canvas")).to_be_visible()
    told = tooltip_at(page, 0.5, 0.5)
    assert [line for line in told.splitlines() if line.replace(".", "").isdigit()] == ["180", "181", "182"]


def test_a_link_opens_with_the_chart_as_it_was(page: Page, visit: Callable[..., None]) -> None:
    visit("metrics", query="requests * 1024", view="plot", **HOUR)
    page.keyboard.press("Control+Enter")
    page.get_by_label("Draw as").select_option("bars")
    page.get_by_label("Unit").select_option("bytes")
    assert "180 KiB" in tooltip_at(page, 0.5, 0.5)
    link = page.evaluate("location.href")
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator(".editor .cm-editor")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_label("Draw as")).to_have_value("bars")
    expect(page.get_by_label("Unit")).to_have_value("bytes")
    assert "180 KiB" in tooltip_at(page, 0.5, 0.5)


def test_the_unit_of_the_data_counts_until_another_is_chosen(page: Page, visit: Callable[..., None]) -> None:
    visit("demo", query="random_walk", options=json.dumps({"unit": "s"}))
    page.keyboard.press("Control+Enter")
    unit = page.locator(".look").get_by_label("Unit")
    expect(unit.locator("option:checked")).to_have_text("Seconds (from the data)")
    assert re.search(r"\d (s|ms|min)$", tooltip_at(page, 0.5, 0.5))
    unit.select_option("percent")
    assert tooltip_at(page, 0.4, 0.5).endswith("%")


def test_buckets_are_a_heat_map_of_what_each_counts(
    page: Page, visit: Callable[..., None], minute: dict[str, str]
) -> None:
    options = json.dumps({"format": "heatmap", "interval": "15s"})
    visit("metrics", query="wait_bucket", options=options, view="plot", **minute)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_label("Draw as")).to_have_value("heat map")
    expect(page.locator(".panel .hint")).to_contain_text("Each cell is the sum of 2 histograms")
    page.get_by_label("Unit").select_option("s")
    assert tooltip_at(page, 0.99, 0.5).splitlines()[1:] == ["100 ms – 500 ms", "6"]
    assert tooltip_at(page, 0.99, 0.1).splitlines()[1:] == ["500 ms – +∞", "12"]
    page.get_by_label("Draw as").select_option("")
    expect(page.locator(".legend button")).to_have_count(6)
    assert look(page) == {"style": "lines", "unit": "s"}


@pytest.mark.parametrize("layout", ["long", "multi"])
def test_native_histograms_are_a_heat_map(
    page: Page, visit: Callable[..., None], minute: dict[str, str], layout: str
) -> None:
    options = json.dumps({"layout": layout, "interval": "15s"})
    visit("metrics", query="latency", options=options, view="plot", **minute)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_label("Draw as")).to_have_value("heat map")
    assert tooltip_at(page, 0.99, 0.1).splitlines()[1:] == ["2 – 4", "3"]


def test_the_chart_arrives_only_when_one_is_shown(page: Page, visit: Callable[..., None]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]))
    visit("metrics", query="requests", view="table", **HOUR)
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text(" in ")
    assert not any(name.startswith("views-") for name in asked)
    page.get_by_role("tab", name="Plot").click()
    expect(page.locator(".plot canvas")).to_be_visible()
    assert any(name.startswith("views-") for name in asked)
