"""Durations and times as Grafana writes them: `30s`, `1d`, `now-1h`, `now/d`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from headwater.errors import ValidationError

from .date_math import add, parse_time, parse_time_range

__all__ = [
    "calculate_interval",
    "format_interval",
    "interval_from",
    "parse_duration",
    "parse_interval",
    "parse_interval_string",
    "parse_time",
    "parse_time_range",
    "round_interval",
]

_SECONDS: dict[str, Fraction] = {
    "ns": Fraction(1, 1_000_000_000),
    "us": Fraction(1, 1_000_000),
    "µs": Fraction(1, 1_000_000),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_DAY = 86_400
_CALENDAR_SECONDS = {
    "d": Fraction(_DAY),
    "w": Fraction(7 * _DAY),
    "M": Fraction(_DAY * 36525, 1200),
    "y": Fraction(_DAY * 36525, 100),
}
_ONE_UNIT = re.compile(r"([0-9]{1,9})([wMyd])")
_GO_PART = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(ns|us|µs|ms|s|m|h)")

#: Longest interval (inclusive) and what it is rounded to, in milliseconds.
_ROUNDING = [
    (10, 1),
    (15, 10),
    (35, 20),
    (75, 50),
    (150, 100),
    (350, 200),
    (750, 500),
    (1_500, 1_000),
    (3_500, 2_000),
    (7_500, 5_000),
    (12_500, 10_000),
    (17_500, 15_000),
    (25_000, 20_000),
    (45_000, 30_000),
    (90_000, 60_000),
    (210_000, 120_000),
    (450_000, 300_000),
    (750_000, 600_000),
    (1_050_000, 900_000),
    (1_500_000, 1_200_000),
    (2_700_000, 1_800_000),
    (5_400_000, 3_600_000),
    (9_000_000, 7_200_000),
    (16_200_000, 10_800_000),
    (32_400_000, 21_600_000),
    (86_400_000, 43_200_000),
    (172_800_000, 86_400_000),
    (604_800_000, 86_400_000),
    (1_814_400_000, 604_800_000),
]
_YEAR = timedelta(days=365)
_FORMAT_UNITS = [
    ("y", _YEAR),
    ("d", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("m", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
    ("ms", timedelta(milliseconds=1)),
]


def parse_duration(text: str) -> timedelta:
    """A duration of fixed length: `90s`, `1h30m`, `1d`, `2w`; a month is 365.25/12 days, a year 365.25 days.

    :raises ValidationError: not a duration, or more than a timedelta holds.
    """
    return _parse(text, lambda count, unit: _fixed(count * _CALENDAR_SECONDS[unit], text))


def parse_interval(text: str, *, now: datetime | None = None) -> timedelta:
    """As `parse_duration`, but days, weeks, months and years are the calendar's, counted from `now` in UTC.

    :raises ValidationError: not an interval, or it ends beyond the calendar.
    """
    start = (now or datetime.now(UTC)).astimezone(UTC)
    return _parse(text, lambda count, unit: add(start, count, unit) - start)


def parse_interval_string(text: str) -> timedelta:
    """An interval as users type it into settings: `>10s`, `<1m`, `15` (seconds).

    Units have fixed lengths, as for `parse_duration`, so that a text means the same step on every day.

    :raises ValidationError: not an interval.
    """
    bare = text.strip().translate(str.maketrans("", "", "<>"))
    return parse_duration(f"{bare}s" if bare.isascii() and bare.isdigit() else bare)


def format_interval(interval: timedelta) -> str:
    """The interval in whole units of the largest unit that fits; `1ms` if it is shorter than that.

    A year counts 365 days. What is less than one unit is dropped: 90 minutes are `1h`.
    """
    for name, unit in _FORMAT_UNITS:
        if interval >= unit:
            return f"{interval // unit}{name}"
    return "1ms"


def interval_from(
    data_source_interval: str = "",
    query_interval: str = "",
    query_interval_ms: int = 0,
    default: timedelta = timedelta(seconds=15),
) -> timedelta:
    """A query's smallest interval: its own, else its milliseconds, else the data source's, else `default`.

    :raises ValidationError: an interval that counts cannot be parsed.
    """
    if query_interval:
        return parse_interval_string(query_interval)
    if query_interval_ms > 0:
        return timedelta(milliseconds=query_interval_ms)
    if data_source_interval:
        return parse_interval_string(data_source_interval)
    return default


def round_interval(interval: timedelta) -> timedelta:
    """The interval that Grafana's panels use for one of about this length: 1, 2, 5, 10, 15, 20, 30 …"""
    milliseconds = interval / timedelta(milliseconds=1)
    for bound, rounded in _ROUNDING:
        if milliseconds <= bound:
            return timedelta(milliseconds=rounded)
    return timedelta(days=30) if interval < 2 * _YEAR else _YEAR


def calculate_interval(
    duration: timedelta, max_data_points: int, minimum: timedelta = timedelta(milliseconds=1)
) -> timedelta:
    """The rounded interval that cuts `duration` into about `max_data_points` parts, not below `minimum`."""
    exact = duration / max(max_data_points, 1)
    return max(round_interval(exact), minimum) if exact >= minimum else minimum


def _parse(text: str, calendar: Callable[[int, str], timedelta]) -> timedelta:
    one_unit = _ONE_UNIT.fullmatch(text)
    try:
        return calendar(int(one_unit[1]), one_unit[2]) if one_unit else _go_duration(text)
    except OverflowError as error:
        raise ValidationError(f"{text!r} is too long a duration") from error


def _go_duration(text: str) -> timedelta:
    """A duration as Go's time.ParseDuration reads it, such as `1h30m` or `-1.5s`."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return timedelta(0)
    total, at = Fraction(0), 0
    while at < len(rest):
        part = _GO_PART.match(rest, at)
        if part is None:
            raise ValidationError(f"invalid duration {text[:40]!r}")
        total += Fraction(part[1]) * _SECONDS[part[2]]
        at = part.end()
    if not rest:
        raise ValidationError("invalid duration ''")
    return _fixed(sign * total, text)


def _fixed(seconds: Fraction, text: str) -> timedelta:
    try:
        return timedelta(microseconds=int(seconds * 1_000_000))
    except OverflowError as error:
        raise ValidationError(f"{text[:40]!r} is too long a duration") from error
