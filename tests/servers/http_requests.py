"""Bodies that tests send to the HTTP host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def query_of(*queries: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A request body: queries of data source `demo` with ref ids A, B, …"""
    letters = iter("ABCDEFGHIJ")
    written = [{"refId": next(letters), "datasource": {"uid": "demo"}, **query} for query in queries]
    return {"from": "1700000000000", "to": "1700003600000", "queries": written, **more}
