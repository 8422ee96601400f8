"""Every way from one page to the next reads each row once."""

from __future__ import annotations

from typing import Any

import pytest

from servers.rest_api import RestApi

from .conftest import MakeHost

ALL = list(range(1, 36))
WAYS: dict[str, dict[str, Any]] = {
    "header_link": {"path": "header_link", "paginator": {"type": "header_link"}},
    "json_link": {
        "path": "json_link",
        "dataSelector": "data.items",
        "paginator": {"type": "json_link", "nextUrlPath": "paging.next"},
    },
    "cursor": {
        "path": "cursor",
        "dataSelector": "items",
        "paginator": {"type": "cursor", "cursorPath": "meta.cursor", "cursorParam": "after"},
    },
    "header_cursor": {
        "path": "cursor",
        "dataSelector": "items",
        "paginator": {"type": "header_cursor", "cursorKey": "X-Next", "cursorParam": "after"},
    },
    "offset to the empty page": {
        "path": "offset",
        "dataSelector": "items",
        "paginator": {"type": "offset", "limit": 100},
    },
    "offset by total": {
        "path": "offset",
        "dataSelector": "items",
        "paginator": {"type": "offset", "limit": 10, "totalPath": "total"},
    },
    "page number to the empty page": {
        "path": "page_number",
        "dataSelector": "items",
        "paginator": {"type": "page_number"},
    },
    "page number by total": {
        "path": "page_number",
        "dataSelector": "items",
        "paginator": {"type": "page_number", "limit": 20, "totalPath": "pages"},
    },
    "page number while there are more": {
        "path": "page_number",
        "dataSelector": "items",
        "paginator": {"type": "page_number", "hasMorePath": "more"},
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_all_pages_are_read_once(way: str, make_host: MakeHost) -> None:
    table = make_host(orders=WAYS[way]).query("shop", "orders").table
    assert table["id"].to_pylist() == ALL


def test_without_a_paginator_there_is_one_page(make_host: MakeHost, api: RestApi) -> None:
    table = make_host(orders={"path": "orders"}).query("shop", "orders").table
    assert table["id"].to_pylist() == ALL
    assert len(api.asked) == 1
