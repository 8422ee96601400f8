"""Points in time relative to now: `now-1h`, `now/d`, `now-1M/M`, and absolute ones."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta, tzinfo

from headwater.errors import ValidationError
from headwater.frames.times.time_range import TimeRange

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_STEP = re.compile(r"(?P<sign>[+-])?(?P<count>[0-9]{0,9})(?P<unit>ms|[yQMwdhms])|/(?P<round>[yQMwdhms])")
_FIXED = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": _MILLISECOND,
}
_MONTHS = {"y": 12, "Q": 3, "M": 1}
_SUNDAY = 6


def parse_time_range(
    from_: str, to: str, *, now: datetime | None = None, zone: tzinfo = UTC, week_start: int = _SUNDAY
) -> TimeRange:
    """The range between two points in time as `parse_time` reads them; rounding in `to` goes up.

    :raises ValidationError: an end cannot be read, or the range ends before it starts.
    """
    moment = now or datetime.now(UTC)
    time_range = TimeRange(
        parse_time(from_, now=moment, zone=zone, week_start=week_start),
        parse_time(to, now=moment, round_up=True, zone=zone, week_start=week_start),
    )
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
) -> datetime:
    """A point in time, in UTC: unix milliseconds, `now` with steps, or ISO 8601.

    Steps apply from left to right: `+1h`, `-1M` and `-1h30m` move by y Q M w d h m s ms, `/d` goes to the
    start of the unit, or to its last millisecond if `round_up`. Days and longer units follow the calendar
    of `zone`; `week_start` is 0 for Monday to 6 for Sunday. A time without an offset is one of `zone`.

    :raises ValidationError: none of these, or beyond the years 1 to 9999.
    """
    stripped = text.strip()
    try:
        if re.fullmatch(r"-?[0-9]{1,18}", stripped, re.ASCII):
            return _EPOCH + int(stripped) * _MILLISECOND
        if stripped.startswith("now"):
            moment = (now or datetime.now(UTC)).astimezone(zone)
            return _walk(moment, stripped[3:], text, round_up, week_start).astimezone(UTC)
        parsed = datetime.fromisoformat(stripped)
        return (parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValidationError(f"invalid time {text[:40]!r}") from error


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


def _walk(moment: datetime, steps: str, text: str, round_up: bool, week_start: int) -> datetime:
    at, sign = 0, ""
    while at < len(steps):
        step = _STEP.match(steps, at)
        sign = (step["sign"] or sign) if step else ""
        if step is None or not (sign or step["round"]):
            raise ValidationError(f"invalid time {text[:40]!r}: no step at {steps[at:][:20]!r}")
        at = step.end()
        if step["round"]:
            moment = _start(moment, step["round"], week_start)
            if round_up:
                moment = add(add(moment, 1, step["round"]), -1, "ms")
        else:
            count = int(step["count"] or 1)
            moment = add(moment, count if sign == "+" else -count, step["unit"])
    return moment


def _start(moment: datetime, unit: str, week_start: int) -> datetime:
    if unit == "s":
        return moment.replace(microsecond=0)
    if unit == "m":
        return moment.replace(second=0, microsecond=0)
    if unit == "h":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "w":
        return day - timedelta(days=(day.weekday() - week_start) % 7)
    if unit == "M":
        return day.replace(day=1)
    if unit == "Q":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day if unit == "d" else day.replace(month=1, day=1)
