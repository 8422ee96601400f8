"""Points in time and spans of it: ranges, Grafana's date math, intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import lazy_names

if TYPE_CHECKING:
    from .intervals import (
        calculate_interval as calculate_interval,
        format_interval as format_interval,
        interval_from as interval_from,
        parse_duration as parse_duration,
        parse_interval as parse_interval,
        parse_interval_string as parse_interval_string,
        parse_time as parse_time,
        parse_time_range as parse_time_range,
        round_interval as round_interval,
    )
    from .time_range import (
        TimeRange as TimeRange,
    )

_MODULES = {
    "intervals": (
        "calculate_interval",
        "format_interval",
        "interval_from",
        "parse_duration",
        "parse_interval",
        "parse_interval_string",
        "parse_time",
        "parse_time_range",
        "round_interval",
    ),
    "time_range": ("TimeRange",),
}

__all__ = [name for names in _MODULES.values() for name in names]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
