"""Reads an endpoint's pages one after another, each in bounded memory."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from headwater.calls import CallContext
from headwater.errors import DownstreamProtocolError, LimitExceededError
from headwater.sdk.http import HttpResponse

from .api import RestApi
from .column_types import DECIMAL
from .pagination import Page, following, start
from .requests import PageRequest
from .rows import Rows, read_document, rows_of, stream_csv, stream_lines
from .settings import Endpoint, RestSettings


def read_blocks(
    api: RestApi, settings: RestSettings, endpoint: Endpoint, request: PageRequest, context: CallContext
) -> Generator[Rows, None, None]:
    """Rows as they come: a page of JSON at a time, or some thousand of JSON lines and CSV.

    Raises LimitExceededError for more pages than the paginator allows, DownstreamProtocolError for pages that
    lead in a circle, and what `RestApi.send` raises.
    """
    paginator = settings.paginator_of(endpoint)
    exact = any(DECIMAL.fullmatch(column.type) for column in endpoint.columns)
    pending: PageRequest | None = start(paginator, request)
    asked: set[int] = set()
    number = before = 0
    while pending is not None:
        number += 1
        if number > paginator.max_pages:
            raise LimitExceededError(
                f"The endpoint has more than {paginator.max_pages:,} pages (maxPages of its paginator). "
                "Narrow the query, or give it a limit."
            )
        if (fingerprint := _fingerprint(pending)) in asked:
            raise DownstreamProtocolError(f"Page {number - 1} leads back to a page that was read before.")
        asked.add(fingerprint)
        with api.send(pending, context, max_bytes=_most_bytes(settings, endpoint)) as response:
            if response.status == 204:  # no content: no rows, and nothing that leads on
                return
            if endpoint.format == "json":
                document = read_document(response, number, exact=exact)
                found = rows_of(document, endpoint, number)
                page = Page(pending, number, response.url, response.headers, document, len(found), before)
                before += len(found)
                pending = following(paginator, page)
                del document, page  # or two pages would be held at once
                yield found
                del found
                continue
            first = before
            for block in _stream(response, settings, endpoint, exact=exact):
                before += len(block)
                yield block
            page = Page(pending, number, response.url, response.headers, None, before - first, first)
            pending = following(paginator, page)


def _stream(
    response: HttpResponse, settings: RestSettings, endpoint: Endpoint, *, exact: bool
) -> Iterator[Rows]:
    if endpoint.format == "csv":
        return stream_csv(response, settings.max_page_bytes)
    return stream_lines(response, settings.max_page_bytes, exact=exact)


def _most_bytes(settings: RestSettings, endpoint: Endpoint) -> int | None:
    """Of one answer. Lines are read one by one, so that only their own length needs a bound."""
    limit = settings.response_limit or None
    if endpoint.format != "json":
        return limit
    return min(settings.max_page_bytes, limit or settings.max_page_bytes)


def _fingerprint(request: PageRequest) -> int:
    return hash((request.link, request.params, request.content))
