"""Every way from one page to the next reads each row once."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import DownstreamProtocolError
from headwater_rest.pagination import Page, following
from headwater_rest.requests import PageRequest
from headwater_rest.settings import Paginator
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


@pytest.mark.parametrize(
    ("header", "link"),
    [
        ('<https://a.example/x?page=2>; rel="next"', "https://a.example/x?page=2"),
        ("<?page=2>; rel=next", "https://a.example/v1/x?page=2"),
        ('<b?ids=1,2;3>; title="a, b; c"; rel="prev next"', "https://a.example/v1/b?ids=1,2;3"),
        ('<first>; rel="first",</second>;REL="next"', "https://a.example/second"),
        ("<second>; rel=Next", "https://a.example/v1/second"),
        ('<x>; rel="nextish"', None),
        ("<x>; rel", None),
        ("<x>", None),
        ("", None),
        pytest.param("<" * 5_000_000, None, id="as long as all headers may be"),
    ],
)
def test_link_headers_are_read(header: str, link: str | None) -> None:
    url = "https://a.example/v1/x"
    page = Page(PageRequest("/v1/x", params=(("a", "1"),)), 1, url, {"link": header}, None, 1, 0)
    found = following(Paginator(type="header_link"), page)
    assert (found and found.link) == link
    assert not found or found.params == ()


@pytest.mark.parametrize(
    ("paginator", "document", "said"),
    [
        (Paginator(type="header_link"), [], "Link header of page 1 is no URL"),
        (Paginator(type="json_link"), {"next": [1]}, "next of page 1 is no URL"),
        (Paginator(type="json_link"), {"next": 5}, "next of page 1 is no URL"),
        (Paginator(type="json_link"), {"next": "http://[::1"}, "next of page 1 is no URL"),
        (Paginator(type="cursor"), {"cursors": {"next": {}}}, r"cursors\.next of page 1 is no cursor"),
        (Paginator(type="offset", total_path="n"), {"n": "many"}, "n of page 1 is no number"),
        (Paginator(type="page_number", total_path="n"), {}, "n of page 1 is no number"),
    ],
)
def test_what_leads_nowhere_is_told(paginator: Paginator, document: object, said: str) -> None:
    headers = {"link": '<http://[::1>; rel="next"'}
    page = Page(PageRequest("/x"), 1, "https://a.example/x", headers, document, 1, 0)
    with pytest.raises(DownstreamProtocolError, match=said):
        following(paginator, page)


def test_without_a_paginator_there_is_one_page(make_host: MakeHost, api: RestApi) -> None:
    table = make_host(orders={"path": "orders"}).query("shop", "orders").table
    assert table["id"].to_pylist() == ALL
    assert len(api.asked) == 1
