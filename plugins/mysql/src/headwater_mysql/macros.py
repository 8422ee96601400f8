"""From the SQL that a user wrote to the SQL that the server gets: Grafana's MySQL macros.

Macros are found by a tokenizer: those in strings and comments stay as they are, and arguments may hold
brackets, strings and other macros. Only `$__interval` and its like are replaced everywhere, strings included,
because `$__timeGroup(time, '$__interval')` is how they are used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Final

import attrs

from headwater.errors import MacroError, QueryError, ValidationError
from headwater.frames import Fill, FillMode, format_interval, parse_interval
from headwater.models import TimeRange
from headwater.sdk.sql import Dialect, MacroCall, MacroEngine, SpanKind, scan
from headwater_mysql.dialect import DEFAULT
from headwater_mysql.time_columns import EpochUnit

_GLOBALS = re.compile(r"\$__interval_ms|\$__interval|\$__unixEpochFrom\(\)|\$__unixEpochTo\(\)")
_RESTRICTED = re.compile(
    r"\bshow\s+grants\b|\b(?:session_user|system_user|user)\s*\(\s*\)|\bcurrent_user\b", re.IGNORECASE
)
EXECUTED_COMMENT = re.compile(r"/\*M?!\d*")


@attrs.frozen
class ExpandedQuery:
    """`fill` and `fill_interval` are what a `$__timeGroup` macro asked for; None if none did.

    `epoch_units` are what the query's macros count times in, where they do so in numbers.
    """

    sql: str
    fill: Fill | None = None
    fill_interval: timedelta | None = None
    epoch_units: frozenset[EpochUnit] = frozenset()
    dialect: Dialect = DEFAULT


@attrs.define
class _Scope:
    """What macros know, and what they have to say besides SQL."""

    time_range: TimeRange
    fill: Fill | None = None
    fill_interval: timedelta | None = None
    epoch_units: set[EpochUnit] = attrs.field(factory=set)

    @property
    def start(self) -> int:
        return self.time_range.from_s

    @property
    def end(self) -> int:
        return self.time_range.to_s

    @property
    def start_ns(self) -> int:
        return self.time_range.from_ms * 1_000_000

    @property
    def end_ns(self) -> int:
        return self.time_range.to_ms * 1_000_000


def expand(sql: str, time_range: TimeRange, interval: timedelta, dialect: Dialect = DEFAULT) -> ExpandedQuery:
    """`sql` with its macros expanded. `interval` is the value of `$__interval`, `dialect` the session's.

    Raises MacroError.
    """
    scope = _Scope(time_range)
    try:
        expanded = _engine(dialect).expand(_replace_globals(sql, scope, interval), scope)
    except QueryError as error:
        raise MacroError(f"interpolation failed: {error}") from error
    return ExpandedQuery(expanded, scope.fill, scope.fill_interval, frozenset(scope.epoch_units), dialect)


def refuse_restricted(sql: str, dialect: Dialect = DEFAULT) -> None:
    """Raises QueryError for functions that would show the data source's own account."""
    if _RESTRICTED.search(executed_text(sql, dialect)):
        raise QueryError("invalid query - it asks for the data source's own user, which is not shown")


def executed_text(sql: str, dialect: Dialect = DEFAULT) -> str:
    """What the server runs of `sql`: code, and comments that are code to it (`/*! … */`).

    An empty string stands for each quoted text, a space for each other comment.
    """
    parts = []
    for span in scan(sql, dialect):
        text = sql[span.start : span.end]
        if span.kind is SpanKind.CODE:
            parts.append(text)
        elif span.kind is SpanKind.QUOTED:
            parts.append("''")
        elif marker := EXECUTED_COMMENT.match(text):
            # A comment ends at the first `*/`, so that what opens within it opens no other one.
            inside = EXECUTED_COMMENT.sub(" ", text[marker.end() :].removesuffix("*/"))
            parts.append(f" {executed_text(inside, dialect)} ")  # no marker is left: one level deep
        else:
            parts.append(" ")
    return "".join(parts)


def _replace_globals(sql: str, scope: _Scope, interval: timedelta) -> str:
    values = {
        "$__interval_ms": str(interval // timedelta(milliseconds=1)),
        "$__interval": format_interval(interval),
        "$__unixEpochFrom()": str(scope.start),
        "$__unixEpochTo()": str(scope.end),
    }
    return _GLOBALS.sub(lambda match: values[match[0]], sql)


def _time_column(call: MacroCall) -> str:
    if not call.arguments or not call.arguments[0]:
        raise MacroError(f"missing time column argument for macro {call.name}")
    return call.arguments[0]


def _from_unix(seconds: int) -> str:
    """FROM_UNIXTIME knows no time before 1970."""
    if seconds < 0:
        return f"DATE_ADD(FROM_UNIXTIME(0), INTERVAL {seconds} SECOND)"
    return f"FROM_UNIXTIME({seconds})"


def _unix_seconds(column: str, scope: _Scope) -> str:
    """Seconds since 1970, before it too, where UNIX_TIMESTAMP does not count."""
    scope.epoch_units.add(EpochUnit.SECONDS)
    if scope.start < 0:
        return f"(TIMESTAMPDIFF(SECOND, FROM_UNIXTIME(1), {column}) + 1)"
    return f"UNIX_TIMESTAMP({column})"


def _multiple(number: str, step: int, scope: _Scope) -> str:
    """`number` rounded down to a multiple of `step`. DIV rounds toward zero, which is up before 1970."""
    return f"FLOOR({number} / {step}) * {step}" if scope.start < 0 else f"{number} DIV {step} * {step}"


def _time(call: MacroCall, scope: _Scope) -> str:
    return f"{_unix_seconds(_time_column(call), scope)} as time_sec"


def _time_filter(call: MacroCall, scope: _Scope) -> str:
    return f"{_time_column(call)} BETWEEN {_from_unix(scope.start)} AND {_from_unix(scope.end)}"


def _unix_epoch_filter(call: MacroCall, scope: _Scope) -> str:
    column = _time_column(call)
    scope.epoch_units.add(EpochUnit.SECONDS)
    return f"{column} >= {scope.start} AND {column} <= {scope.end}"


def _unix_epoch_nano_filter(call: MacroCall, scope: _Scope) -> str:
    column = _time_column(call)
    scope.epoch_units.add(EpochUnit.NANOSECONDS)
    return f"{column} >= {scope.start_ns} AND {column} <= {scope.end_ns}"


def _time_group(call: MacroCall, scope: _Scope) -> str:
    column, seconds = _group(call, scope)
    return _multiple(_unix_seconds(column, scope), seconds, scope)


def _unix_epoch_group(call: MacroCall, scope: _Scope) -> str:
    column, seconds = _group(call, scope)
    scope.epoch_units.add(EpochUnit.SECONDS)
    return _multiple(column, seconds, scope)


def _group(call: MacroCall, scope: _Scope) -> tuple[str, int]:
    """Column and whole seconds of a group; a third argument asks for missing groups to be filled."""
    arguments = call.arguments or ()
    if len(arguments) < 2:
        raise MacroError(f"macro {call.name} needs time column and interval")
    text = arguments[1].strip("'\"")
    try:
        interval = parse_interval(text)
    except ValidationError as error:
        raise MacroError(f"error parsing interval {text}") from error
    seconds = interval // timedelta(seconds=1)
    if seconds < 1:
        raise MacroError(f"interval must be positive, got {text}")
    if len(arguments) > 2:
        scope.fill, scope.fill_interval = _fill(arguments[2]), timedelta(seconds=seconds)
    return arguments[0], seconds


def _fill(argument: str) -> Fill:
    text = argument.strip("'\"")
    if text.upper() == "NULL":
        return Fill(FillMode.NULL)
    if text.lower() == "previous":
        return Fill(FillMode.PREVIOUS)
    try:
        return Fill(FillMode.VALUE, float(text))
    except ValueError as error:
        raise MacroError(f"error parsing fill value {text}") from error


_EXPANSIONS: Final[dict[str, Callable[[MacroCall, _Scope], str]]] = {
    "__time": _time,
    "__timeEpoch": _time,
    "__timeFilter": _time_filter,
    "__timeFrom": lambda _, scope: _from_unix(scope.start),
    "__timeTo": lambda _, scope: _from_unix(scope.end),
    "__timeGroup": _time_group,
    "__timeGroupAlias": lambda call, scope: _time_group(call, scope) + ' AS "time"',
    "__unixEpochFilter": _unix_epoch_filter,
    "__unixEpochNanoFilter": _unix_epoch_nano_filter,
    "__unixEpochNanoFrom": lambda _, scope: str(scope.start_ns),
    "__unixEpochNanoTo": lambda _, scope: str(scope.end_ns),
    "__unixEpochGroup": _unix_epoch_group,
    "__unixEpochGroupAlias": lambda call, scope: _unix_epoch_group(call, scope) + ' AS "time"',
}


@cache
def _engine(dialect: Dialect) -> MacroEngine[_Scope]:
    return MacroEngine(_EXPANSIONS, dialect)
