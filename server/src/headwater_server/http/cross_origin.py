"""Calls from pages of other origins, which browsers make only as far as the host says so (CORS)."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from .progress import PROGRESS_HEADER

_DAY_SECONDS = 86_400
_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "X-Request-Id",
    PROGRESS_HEADER,
    "Mcp-Session-Id",
    "Mcp-Protocol-Version",
)
_ANSWER_HEADERS = ("X-Request-Id", "Retry-After", "Mcp-Session-Id")


def for_pages_of(origins: Sequence[str], app: ASGIApp) -> ASGIApp:
    """`app`, which pages of `origins` may call with a token of their own.

    Never with what the browser adds by itself, such as cookies: a page can do no more than who wrote it
    has credentials for.
    """
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=_REQUEST_HEADERS,
        expose_headers=_ANSWER_HEADERS,
        max_age=_DAY_SECONDS,
    )
