"""The query model: an endpoint, and values for its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from headwater.sdk import Query, field


@frozen(kw_only=True)
class RestQuery(Query):
    """Without `endpoint`, the data source's only one."""

    endpoint: str = field("", doc="Name of an endpoint of the data source.")
    params: Mapping[str, Any] = field(factory=dict, doc="Values of the endpoint's `{name}` parameters.")
    limit: int = field(0, minimum=0, doc="Rows at most, so that no further pages are read; 0: all.")
