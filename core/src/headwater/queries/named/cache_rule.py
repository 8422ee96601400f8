"""The cache rule of a named query: that of a data source, and `ranges`, which only a query's author knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headwater.errors import ValidationError

__all__ = ["RANGES_KEY", "split_rule"]

RANGES_KEY: Final = "queryCachingRanges"


def split_rule(cache: Any) -> tuple[Any, bool]:
    """What `CacheRule` reads of the rule, and whether each row is of one time group.

    Raises ValidationError.
    """
    if not isinstance(cache, Mapping) or "ranges" not in cache:
        return cache, False
    if not isinstance(cache["ranges"], bool):
        raise ValidationError("expected true or false", path="cache.ranges")
    return {key: value for key, value in cache.items() if key != "ranges"}, cache["ranges"]
