"""Take the pictures of the Explore page in docs/images: `nox -s screenshots`, with a Chromium on the path."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from demo import WEATHER, headwater, host
from playwright.sync_api import Browser, Page, expect, sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
TABLE = """\
SELECT station, toDate(time) AS day, count() AS readings,
       round(avg(temperature_c), 1) AS mean_c, round(sum(rain_mm), 1) AS rain_mm
FROM file('weather.csv')
GROUP BY station, day ORDER BY rain_mm DESC"""
PLOT = """\
SELECT time,
       avgIf(temperature_c, station = 'harbour') AS harbour,
       avgIf(temperature_c, station = 'valley') AS valley,
       avgIf(temperature_c, station = 'ridge') AS ridge
FROM file('weather.csv') WHERE time < '2026-03-06'
GROUP BY time ORDER BY time"""


def main() -> int:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        print("screenshots: no Chromium on the path", file=sys.stderr)
        return 4
    os.chdir(WEATHER.parent)  # where the engine looks for files without a folder
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="headwater-screenshots-") as data_directory:
        status = headwater(["ds", "add", "lake", "--type", "clickhouse", "--url", "chdb://"], data_directory)
        if status:
            return status
        with host(data_directory) as link, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=program, args=["--no-sandbox", "--disable-gpu"]
            )
            take(browser, link, "light", TABLE, "Table", "explore-table.png")
            take(browser, link, "dark", PLOT, "Plot", "explore-plot.png")
            browser.close()
    return 0


def take(browser: Browser, link: str, theme: str, query: str, view: str, name: str) -> None:
    context = browser.new_context(
        viewport={"width": 1280, "height": 880}, color_scheme="dark" if theme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(f"{link}&{urlencode({'query': query, 'from': '2026-03-01', 'to': '2026-04-01'})}")
    run(page)
    page.get_by_role("tab", name=view).click()
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    path = IMAGES / name
    page.screenshot(path=path, animations="disabled")
    context.close()
    print(f"{path.relative_to(IMAGES.parents[1])}: {path.stat().st_size / 1000:.0f} kB")


def run(page: Page) -> None:
    page.locator(".editor").click()
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text("rows in", timeout=30_000)


if __name__ == "__main__":
    sys.exit(main())
