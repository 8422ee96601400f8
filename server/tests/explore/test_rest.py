"""A REST API that a file describes, on the page: endpoints to pick, parameters to fill in, rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from servers.explore_site import Site
from servers.rest_api import API_KEY, RestApi, start_rest_api

SOURCE = """
apiVersion: 1
datasources:
  - name: shop
    uid: shop
    type: rest
    url: {url}
    jsonData:
      auth: {{type: api_key, name: X-Api-Key}}
      paginator: {{type: header_link}}
      endpoints:
        orders:
          path: header_link
          columns:
            - {{name: time, path: at, type: timestamp}}
            - {{name: id, type: int64}}
            - {{name: customer, path: customer.name}}
        echo:
          path: echo
          params: {{value: "{{value}}"}}
          columns: [{{name: value}}]
    secureJsonData: {{apiKey: {key}}}
"""


@pytest.fixture(scope="module")
def api(site: Site) -> Iterator[RestApi]:
    with start_rest_api() as started:
        file = site.write("shop.yaml", SOURCE.format(url=started.url, key=API_KEY))
        site.run(f"headwater ds import {file}")
        yield started


def cells(page: Page) -> list[str]:
    return page.get_by_role("gridcell").all_text_contents()


def test_an_endpoint_is_picked_and_all_its_pages_are_shown(
    api: RestApi, page: Page, visit: Callable[..., None]
) -> None:
    visit("shop")
    page.get_by_role("button", name="Columns of orders").click()
    expect(page.locator(".schema")).to_contain_text("timestamp[us, tz=UTC]")
    visit("shop", query="orders")
    page.keyboard.press("Control+Enter")
    expect(page.locator("p.status")).to_contain_text("35 rows")
    assert cells(page)[:3] == ["2026-03-01 06:00:00", "1", "Bo"]
    assert len([asked for asked in api.asked if asked.path == "/header_link"]) >= 4
    assert {asked.headers["x-api-key"] for asked in api.asked} == {API_KEY}


def test_parameters_are_fields_and_values(
    api: RestApi, page: Page, visit: Callable[..., None], ask: Callable[..., None]
) -> None:
    visit("shop", query="echo")
    page.get_by_text("Query options").first.click()
    page.get_by_label("Params").fill('{"value": "a&b=c"}')
    page.get_by_label("Params").blur()
    ask("echo")
    assert cells(page) == ["a&b=c"]
