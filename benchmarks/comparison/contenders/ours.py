"""A host of Headwater in this process, as all contenders of ours use it."""

from __future__ import annotations

import logging
from typing import Any


def host(**data_source: Any) -> Any:
    """With the data source `source`, without limits on rows."""
    import structlog

    from headwater import Headwater, QueryLimits

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    made = Headwater(limits=QueryLimits(max_rows=None, max_bytes=None))
    made.add_data_source(name="source", **data_source)
    return made


def streamed(made: Any, sql: str) -> int:
    """How many rows came."""
    with made.stream("source", sql) as stream:
        return sum(batch.num_rows for batch in stream)
