"""Macros that stand for an expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from headwater.errors import MacroError
from headwater.frames import format_interval
from headwater.sdk.sql import MacroCall

from .duration import parse_duration_ms
from .scope import Scope

Expansion = Callable[[MacroCall, Scope], str]

#: Callers may send any 64-bit number of milliseconds; a timedelta holds less.
_LONGEST_MS = timedelta.max // timedelta(milliseconds=1)


def _seconds(epoch: int) -> str:
    return f"toDateTime({epoch})"


def _millis(epoch: int) -> str:
    return f"fromUnixTimestamp64Milli({epoch})"


def _day(moment: datetime) -> str:
    return f"toDate('{moment:%Y-%m-%d}')"


def _from_time(call: MacroCall, scope: Scope) -> str:
    call.expect(0)
    return _seconds(scope.time_range.from_s)


def _to_time(call: MacroCall, scope: Scope) -> str:
    call.expect(0)
    return _seconds(scope.time_range.to_s)


def _from_time_ms(call: MacroCall, scope: Scope) -> str:
    call.expect(0)
    return _millis(scope.time_range.from_ms)


def _to_time_ms(call: MacroCall, scope: Scope) -> str:
    call.expect(0)
    return _millis(scope.time_range.to_ms)


def _between(column: str, low: str, high: str) -> str:
    return f"{column} >= {low} AND {column} <= {high}"


def _time_filter(call: MacroCall, scope: Scope) -> str:
    (column,) = call.expect(1)
    return _between(column, _seconds(scope.time_range.from_s), _seconds(scope.time_range.to_s))


def _time_filter_ms(call: MacroCall, scope: Scope) -> str:
    (column,) = call.expect(1)
    return _between(column, _millis(scope.time_range.from_ms), _millis(scope.time_range.to_ms))


def _date_filter(call: MacroCall, scope: Scope) -> str:
    (column,) = call.expect(1)
    return _between(column, _day(scope.time_range.from_), _day(scope.time_range.to))


def _date_time_filter(call: MacroCall, scope: Scope) -> str:
    date, time = call.expect(2)
    days = _between(date, _day(scope.time_range.from_), _day(scope.time_range.to))
    times = _between(time, _seconds(scope.time_range.from_s), _seconds(scope.time_range.to_s))
    return f"({days}) AND ({times})"


def _time_from(call: MacroCall, scope: Scope) -> str:
    (column,) = call.expect(1)
    return f"{column} >= {_seconds(scope.time_range.from_s)}"


def _time_to(call: MacroCall, scope: Scope) -> str:
    (column,) = call.expect(1)
    return f"{column} <= {_seconds(scope.time_range.to_s)}"


def _time_interval(call: MacroCall, scope: Scope) -> str:
    (column,) = call.expect(1)
    return f"toStartOfInterval(toDateTime({column}), INTERVAL {scope.interval_s} second)"


def _time_interval_ms(call: MacroCall, scope: Scope) -> str:
    (column,) = call.expect(1)
    return f"toStartOfInterval(toDateTime64({column}, 3), INTERVAL {scope.interval_ms} millisecond)"


def _time_group(call: MacroCall, scope: Scope) -> str:
    column, period = call.expect(2)
    seconds = parse_duration_ms(period.strip("'\"")) // 1000
    if seconds <= 0:
        raise MacroError(f"$__timeGroup: the interval {period} must be at least one second")
    return f"toStartOfInterval(toDateTime({column}), INTERVAL {seconds} second)"


def _interval(call: MacroCall, scope: Scope) -> str:
    call.expect(0)
    return format_interval(timedelta(milliseconds=min(scope.interval_ms, _LONGEST_MS)))


def _interval_s(call: MacroCall, scope: Scope) -> str:
    call.expect(0)
    return str(scope.interval_s)


def _interval_ms(call: MacroCall, scope: Scope) -> str:
    call.expect(0)
    return str(scope.interval_ms)


def _table(call: MacroCall, scope: Scope) -> str:
    call.expect(0)
    return scope.table


def _column(call: MacroCall, scope: Scope) -> str:
    call.expect(0)
    return scope.column


EXPRESSION_MACROS: Mapping[str, Expansion] = MappingProxyType(
    {
        "__fromTime": _from_time,
        "__toTime": _to_time,
        "__fromTime_ms": _from_time_ms,
        "__toTime_ms": _to_time_ms,
        "__timeFilter": _time_filter,
        "__timeFilter_ms": _time_filter_ms,
        "__dateFilter": _date_filter,
        "__dateTimeFilter": _date_time_filter,
        "__dt": _date_time_filter,
        "__timeFrom": _time_from,
        "__timeTo": _time_to,
        "__timeInterval": _time_interval,
        "__timeInterval_ms": _time_interval_ms,
        "__timeGroup": _time_group,
        "__interval": _interval,
        "__interval_s": _interval_s,
        "__interval_ms": _interval_ms,
        "__table": _table,
        "__column": _column,
    }
)
