"""The options of `Headwater.query` and its kin: time range, bounds, step, parameters, context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypedDict

from attrs import evolve

from headwater.calls.context import DEFAULT_LIMITS, CallContext, Progress, QueryLimits
from headwater.errors import ValidationError
from headwater.models import DataQuery, TimeRange

__all__ = ["QueryOptions", "TimeLike", "context_of", "data_query_of"]

TimeLike: TypeAlias = datetime | int | float | str
"""A datetime with a time zone, unix milliseconds, or text such as `now-6h`."""

_LAST_HOUR = timedelta(hours=1)
_MAX_DATA_POINTS = 1000
_INTERVAL_MS = 1000


class QueryOptions(TypedDict, total=False):
    """All optional. See `Headwater.query`."""

    from_: TimeLike
    to: TimeLike
    time_range: TimeRange
    timeout: float | None
    max_rows: int | None
    max_bytes: int | None
    max_data_points: int
    interval_ms: int
    params: Any
    cache_ttl: float
    cache_stale_ttl: float
    context: CallContext
    on_progress: Callable[[Progress], object]


def check_options(options: Mapping[str, Any]) -> None:
    """Raises TypeError for an option that does not exist, as a wrong keyword argument does."""
    if unknown := options.keys() - QueryOptions.__annotations__.keys():
        known = ", ".join(QueryOptions.__annotations__)
        raise TypeError(f"unknown option {min(unknown)!r}; options are {known}")


def data_query_of(json: dict[str, Any], options: QueryOptions) -> DataQuery:
    """The query `json` with ref id A. Raises ValidationError for a bad time range."""
    if "params" in options:
        json = {**json, "params": options["params"]}
    if "cache_ttl" in options:
        json = {**json, "queryCachingTTL": 1000 * options["cache_ttl"]}
    if "cache_stale_ttl" in options:
        json = {**json, "queryCachingStaleTTL": 1000 * options["cache_stale_ttl"]}
    return DataQuery(
        ref_id="A",
        query_type=json.get("queryType") or "",
        max_data_points=options.get("max_data_points", _MAX_DATA_POINTS),
        interval_ms=options.get("interval_ms", _INTERVAL_MS),
        time_range=_time_range(options),
        json=json,
    )


def context_of(
    options: QueryOptions, limits: QueryLimits, timeout: float | None, logger: Any = None
) -> CallContext:
    """A context for one call, under the one in `options` if there is one.

    `limits`, `timeout`, in seconds, and `logger` are the host's; a given context's own limits and logger go
    before them.
    """
    given = options.get("context")
    if given is not None and given.limits is not DEFAULT_LIMITS:
        limits = given.limits
    if "max_rows" in options:
        limits = evolve(limits, max_rows=options["max_rows"])
    if "max_bytes" in options:
        limits = evolve(limits, max_bytes=options["max_bytes"])
    timeout = options.get("timeout", timeout)
    on_progress = options.get("on_progress")
    if given is not None:
        return given.child(timeout=timeout, limits=limits, on_progress=on_progress, logger=logger)
    return CallContext(timeout=timeout, limits=limits, on_progress=on_progress, logger=logger)


def _time_range(options: QueryOptions) -> TimeRange:
    from_, to = options.get("from_"), options.get("to")
    if "time_range" in options:
        return options["time_range"]
    if from_ is None and to is None:
        return TimeRange.last(_LAST_HOUR)
    if isinstance(from_, datetime) and isinstance(to, datetime):
        return TimeRange(_aware(from_, "from_"), _aware(to, "to"))
    from headwater.frames.times.intervals import parse_time_range

    return parse_time_range(_text(from_, "now-1h", "from_"), _text(to, "now", "to"))


def _text(value: TimeLike | None, default: str, name: str) -> str:
    if value is None:
        return default
    if isinstance(value, datetime):
        return str(int(_aware(value, name).timestamp() * 1000))
    return value if isinstance(value, str) else str(int(value))


def _aware(moment: datetime, name: str) -> datetime:
    """Without a time zone nobody can say which moment is meant."""
    if moment.tzinfo is None:
        raise ValidationError("needs a time zone", path=name)
    return moment
