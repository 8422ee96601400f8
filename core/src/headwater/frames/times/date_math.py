"""Points in time relative to now: `now-1h`, `now/d`, `now-1M/M`, and absolute ones."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta, tzinfo

from attrs import frozen

from headwater.errors import ValidationError
from headwater.frames.times.time_range import TimeRange

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_UNIX_MS = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_STEP = re.compile(
    r"(?P<sign>[+-])?(?P<count>[0-9]{0,9})(?P<unit>ms|f[yQ]|[yQMwdhms])|/(?P<round>f[yQ]|[yQMwdhms])"
)
_AGO = re.compile(r"(?:[0-9]{1,9}(?:ms|f[yQ]|[yQMwdhms]))+")
_FIXED = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": _MILLISECOND,
}
_MONTHS = {"y": 12, "fy": 12, "Q": 3, "fQ": 3, "M": 1}
_SUNDAY = 6
_JANUARY = 1


def parse_time_range(
    from_: str,
    to: str,
    *,
    now: datetime | None = None,
    zone: tzinfo = UTC,
    week_start: int = _SUNDAY,
    fiscal_year_start: int = _JANUARY,
) -> TimeRange:
    """The range between two points in time as `parse_time` reads them; rounding in `to` goes up.

    :raises ValidationError: an end cannot be read, or the range ends before it starts.
    """
    moment = now or datetime.now(UTC)

    def parse(text: str, *, round_up: bool) -> datetime:
        return parse_time(
            text,
            now=moment,
            round_up=round_up,
            zone=zone,
            week_start=week_start,
            fiscal_year_start=fiscal_year_start,
        )

    time_range = TimeRange(parse(from_, round_up=False), parse(to, round_up=True))
    if time_range.to < time_range.from_:
        raise ValidationError(f"the time range from {from_[:40]!r} to {to[:40]!r} ends before it starts")
    return time_range


def parse_time(
    text: str,
    *,
    now: datetime | None = None,
    round_up: bool = False,
    zone: tzinfo = UTC,
    week_start: int = _SUNDAY,
    fiscal_year_start: int = _JANUARY,
) -> datetime:
    """A point in time, in UTC: unix milliseconds, `now` with steps, a duration before now, or ISO 8601.

    Steps apply from left to right: `+1h`, `-1M` and `-1h30m` move by y Q M w d h m s ms fy fQ, `/d` goes to
    the start of the unit, or to its last millisecond if `round_up`. A bare duration such as `5m` is
    `now-5m`. Days and longer units follow the calendar of `zone`; `week_start` is 0 for Monday to 6 for
    Sunday; fiscal years (`fy`) and quarters (`fQ`) begin with the month `fiscal_year_start`, from 1 to 12.
    A time without an offset is one of `zone`.

    :raises ValidationError: none of these, or beyond the years 1 to 9999.
    """
    stripped = text.strip()
    try:
        if _UNIX_MS.fullmatch(stripped):
            return _EPOCH + int(stripped) * _MILLISECOND
        if stripped.startswith("now") or _AGO.fullmatch(stripped):
            moment = (now or datetime.now(UTC)).astimezone(zone)
            steps = stripped[3:] if stripped.startswith("now") else f"-{stripped}"
            starts = _Starts(week_start, fiscal_year_start)
            return _walk(moment, steps, text, round_up, starts).astimezone(UTC)
        parsed = datetime.fromisoformat(stripped)
        return (parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        forms = "write now-6h, an ISO 8601 date or time, or milliseconds since 1970"
        raise ValidationError(f"invalid time {text[:40]!r}: {forms}") from error


def add(moment: datetime, count: int, unit: str) -> datetime:
    """`moment` moved by `count` units; months keep the day, or take the month's last one.

    :raises OverflowError: beyond the calendar.
    """
    if unit not in _MONTHS:
        if unit in {"d", "w"}:  # the same time of day, whatever the clocks do
            return moment + count * _FIXED[unit]
        return (moment.astimezone(UTC) + count * _FIXED[unit]).astimezone(moment.tzinfo)
    months = moment.year * 12 + moment.month - 1 + count * _MONTHS[unit]
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError("beyond the calendar")
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _walk(moment: datetime, steps: str, text: str, round_up: bool, starts: _Starts) -> datetime:
    at, sign = 0, ""
    while at < len(steps):
        step = _STEP.match(steps, at)
        sign = (step["sign"] or sign) if step else ""
        if step is None or not (sign or step["round"]):
            raise ValidationError(f"invalid time {text[:40]!r}: no step at {steps[at:][:20]!r}")
        at = step.end()
        if step["round"]:
            moment = _start(moment, step["round"], starts)
            if round_up:
                moment = add(add(moment, 1, step["round"]), -1, "ms")
        else:
            count = int(step["count"] or 1)
            moment = add(moment, count if sign == "+" else -count, step["unit"])
    return moment


@frozen
class _Starts:
    """The day a week begins with, 0 for Monday, and the month a fiscal year begins with, 1 for January."""

    week: int
    fiscal_year: int


def _start(moment: datetime, unit: str, starts: _Starts) -> datetime:
    if unit == "s":
        return moment.replace(microsecond=0)
    if unit == "m":
        return moment.replace(second=0, microsecond=0)
    if unit == "h":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "w":
        return day - timedelta(days=(day.weekday() - starts.week) % 7)
    if unit == "d":
        return day
    first_month = starts.fiscal_year if unit.startswith("f") else _JANUARY
    return add(day.replace(day=1), -((day.month - first_month) % _MONTHS[unit]), "M")
