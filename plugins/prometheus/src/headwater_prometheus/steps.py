"""From a query and its time range to step, aligned bounds and an expression without variables.

The rules are Grafana's. Times are milliseconds since the epoch, durations milliseconds.
"""

from __future__ import annotations

import re
from datetime import timedelta

from attrs import frozen

from headwater.errors import QueryError, ValidationError
from headwater.frames import format_interval, parse_interval_string, round_interval

from .query import PrometheusQuery

MAX_POINTS = 11_000  # per series; Prometheus refuses more
_DEFAULT_POINTS = 1_500
_DEFAULT_SCRAPE = "15s"
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST = timedelta(days=365) // _MILLISECOND  # no interval is rounded to more

_RATE_INTERVAL = {"$__rate_interval", "${__rate_interval}", "$__rate_interval_ms", "${__rate_interval_ms}"}
_INTERVAL = {"$__interval", "${__interval}", "$__interval_ms", "${__interval_ms}"}
_NAMES = "rate_interval_ms|rate_interval|interval_ms|interval|range_ms|range_s|range"
_VARIABLE = re.compile(rf"\$(?:\{{__({_NAMES})\}}|__({_NAMES})(?![A-Za-z0-9_]))")


@frozen
class Plan:
    """What is sent to the server. `start` and `end` are aligned to `step`; `at` is the raw end."""

    expr: str
    step: int
    start: int
    end: int
    at: int

    @property
    def executed_query(self) -> str:
        return f"Expr: {self.expr}\nStep: {go_duration(self.step)}"

    @property
    def has_subquery(self) -> bool:
        """Whether a subquery looks at the same steps: its own are multiples of their length."""
        return self.start % self.step == 0

    @property
    def series_expr(self) -> str:
        """Asked for at `end`: of each series that has a point at any step the newest one."""
        length = go_duration(self.end - self.start + 1)  # Prometheus 3 leaves the older end out
        return f"last_over_time(({self.expr}\n)[{length}:{go_duration(self.step)}])"


def plan(query: PrometheusQuery, scrape_interval: str) -> Plan:
    """The plan of `query` for a data source that scrapes every `scrape_interval`. Raises QueryError."""
    time_range = query.time_range
    from_ms, to_ms = time_range.from_ms, time_range.to_ms
    step = step_of(query, scrape_interval)
    offset = query.utc_offset_sec * 1000
    return Plan(
        expr=interpolate(query, step, scrape_interval),
        step=step,
        start=_align(from_ms, step, offset),
        end=_align(to_ms, step, offset),
        at=to_ms,
    )


def step_of(query: PrometheusQuery, scrape_interval: str) -> int:
    """The step in milliseconds: at least the smallest step, and at most 11,000 of them in the range."""
    scrape = scrape_interval or _DEFAULT_SCRAPE
    length = max(0, query.time_range.to_ms - query.time_range.from_ms)
    is_variable = query.interval in _RATE_INTERVAL | _INTERVAL
    if query.interval and not is_variable:
        smallest = _milliseconds(query.interval)
    else:
        smallest = query.suggested_interval_ms or _milliseconds(scrape)
    calculated = max(_rounded(length // (query.max_data_points or _DEFAULT_POINTS)), smallest, 1)
    safe = _rounded_up(-(-length // MAX_POINTS))
    step = max(calculated, safe)
    if query.interval in _RATE_INTERVAL:
        return _rate_interval(step, scrape)
    return step * (query.interval_factor or 1)


def uses_range(expr: str) -> bool:
    """Whether `expr` names the length of the time range."""
    return any((match[1] or match[2]).startswith("range") for match in _VARIABLE.finditer(expr))


def interpolate(query: PrometheusQuery, step: int, scrape_interval: str) -> str:
    """`query.expr` with `$__interval`, `$__range`, `$__rate_interval` and their kin replaced."""
    length = query.time_range.to_ms - query.time_range.from_ms
    rate = _rate_interval_of(query, step, scrape_interval or _DEFAULT_SCRAPE)
    values = {
        "interval_ms": str(step),
        "interval": format_interval(timedelta(milliseconds=step)),
        "range_ms": str(length),
        "range_s": str(_rounded_seconds(length)),
        "range": f"{_rounded_seconds(length)}s",
        "rate_interval_ms": str(rate),
        "rate_interval": go_duration(rate),
    }
    return _VARIABLE.sub(lambda match: values[match[1] or match[2]], query.expr)


def _rate_interval_of(query: PrometheusQuery, step: int, scrape: str) -> int:
    if query.interval in _RATE_INTERVAL:
        return step
    if query.interval in _INTERVAL:
        scrape = f"{step}ms"
    elif query.interval:
        scrape = query.interval
    return _rate_interval(query.suggested_interval_ms or step, scrape)


def _rate_interval(interval: int, scrape: str) -> int:
    """Wide enough for four scrapes, so that `rate` has its two samples even if some are missed."""
    scraped = _milliseconds(scrape)
    return max(interval + scraped, 4 * scraped)


def _align(time: int, step: int, offset: int) -> int:
    return (time + offset) // step * step - offset


def _rounded_seconds(milliseconds: int) -> int:
    return (milliseconds + 500) // 1000


def _rounded(milliseconds: int) -> int:
    return round_interval(timedelta(milliseconds=milliseconds)) // _MILLISECOND


def _rounded_up(milliseconds: int) -> int:
    """Rounding to the nearest may go down, past what the server accepts."""
    aimed_at = milliseconds
    while (rounded := _rounded(aimed_at)) < milliseconds:
        aimed_at = aimed_at * 5 // 4 + 1
        if rounded == _LONGEST:
            return milliseconds
    return rounded


def _milliseconds(text: str) -> int:
    try:
        interval = parse_interval_string(text) // _MILLISECOND
    except ValidationError as error:
        raise QueryError(f"{text!r} is not an interval such as 15s, 5m or 1h30m.") from error
    if interval < 1:
        raise QueryError(f"The interval {text!r} is shorter than a millisecond.")
    return interval


def go_duration(milliseconds: int) -> str:
    """Go's text of a duration, such as `1m0s`; fractions of a second as `1500ms`, which PromQL can read."""
    if milliseconds % 1000:
        return f"{milliseconds}ms"
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
