"""From one page's answer to the request of the next."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin

from attrs import frozen

from headwater.errors import DownstreamProtocolError

from .requests import PageRequest
from .selectors import select
from .settings import Paginator

_LINK = re.compile(r'<(?P<url>[^<>]*)>(?P<parameters>(?:\s*;\s*[^\s;,=]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]+))?)*)')
_RELATION = re.compile(r';\s*rel\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<token>[^\s;,"]+))', re.IGNORECASE)


@frozen
class Page:
    """One answer. `rows` is how many it had, `before` how many the pages before it had."""

    request: PageRequest
    number: int
    url: str
    headers: Mapping[str, str]
    document: Any
    rows: int
    before: int


def start(paginator: Paginator, request: PageRequest) -> PageRequest:
    """The request of the first page."""
    if paginator.limit and paginator.type in {"offset", "page_number"}:
        request = _put(request, paginator.limit_param, paginator.limit_body_path, paginator.limit)
    if paginator.type == "offset":
        return _put(request, paginator.offset_param, paginator.offset_body_path, paginator.offset)
    if paginator.type == "page_number":
        return _put(request, paginator.page_param, paginator.page_body_path, paginator.base_page)
    return request


def following(paginator: Paginator, page: Page) -> PageRequest | None:
    """The request of the page after `page`; None if that was the last."""
    if paginator.has_more_path and not select(paginator.has_more_path, page.document):
        return None
    return _FOLLOWING[paginator.type](paginator, page)


def _no_page(paginator: Paginator, page: Page) -> None:
    del paginator, page


def _header_link(paginator: Paginator, page: Page) -> PageRequest | None:
    for link in _LINK.finditer(page.headers.get("link", "")):
        relation = _RELATION.search(link["parameters"])
        names = (relation["quoted"] or relation["token"] or "") if relation else ""
        if paginator.links_next_key.lower() in names.lower().split():
            return _linked(page, link["url"], "The Link header")
    return None


def _json_link(paginator: Paginator, page: Page) -> PageRequest | None:
    link = select(paginator.next_url_path, page.document)
    if not link:
        return None
    if not isinstance(link, str):
        raise DownstreamProtocolError(f"{paginator.next_url_path} of page {page.number} is no URL.")
    try:
        return page.request.with_link(urljoin(page.url, link))
    except ValueError as error:
        raise DownstreamProtocolError(
            f"{paginator.next_url_path} of page {page.number} is no URL."
        ) from error


def _cursor(paginator: Paginator, page: Page) -> PageRequest | None:
    cursor = select(paginator.cursor_path, page.document)
    if cursor is None or cursor == "" or isinstance(cursor, bool):
        return None
    if not isinstance(cursor, str | int | float):
        raise DownstreamProtocolError(f"{paginator.cursor_path} of page {page.number} is no cursor.")
    return _put(page.request, paginator.cursor_param, paginator.cursor_body_path, cursor)


def _header_cursor(paginator: Paginator, page: Page) -> PageRequest | None:
    cursor = page.headers.get(paginator.cursor_key, "")
    return _put(page.request, paginator.cursor_param, paginator.cursor_body_path, cursor) if cursor else None


def _offset(paginator: Paginator, page: Page) -> PageRequest | None:
    """By the rows that came: a server may give fewer than the limit that was asked for."""
    read = page.before + page.rows
    total = _total(paginator, page)
    if page.rows == 0 or (total is not None and paginator.offset + read >= total):
        return None
    return _put(page.request, paginator.offset_param, paginator.offset_body_path, paginator.offset + read)


def _page_number(paginator: Paginator, page: Page) -> PageRequest | None:
    total = _total(paginator, page)
    if total is None and not paginator.has_more_path and page.rows == 0:
        return None
    if total is not None and page.number >= total:
        return None
    number = paginator.base_page + page.number
    return _put(page.request, paginator.page_param, paginator.page_body_path, number)


_FOLLOWING: Mapping[str, Callable[[Paginator, Page], PageRequest | None]] = {
    "single_page": _no_page,
    "header_link": _header_link,
    "json_link": _json_link,
    "cursor": _cursor,
    "header_cursor": _header_cursor,
    "offset": _offset,
    "page_number": _page_number,
}


def _put(request: PageRequest, param: str, body_path: str, value: Any) -> PageRequest:
    return request.with_body_value(body_path, value) if body_path else request.with_param(param, str(value))


def _linked(page: Page, link: Any, place: str) -> PageRequest:
    """The request of a link, which is relative to the page that has it."""
    try:
        return page.request.with_link(urljoin(page.url, link))
    except (TypeError, ValueError, AttributeError) as error:
        raise DownstreamProtocolError(f"{place} of page {page.number} is no URL.") from error


def _total(paginator: Paginator, page: Page) -> int | None:
    if not paginator.total_path:
        return None
    total = select(paginator.total_path, page.document)
    try:
        return int(total)
    except (TypeError, ValueError, OverflowError) as error:
        raise DownstreamProtocolError(
            f"{paginator.total_path} of page {page.number} is no number of rows or pages."
        ) from error
