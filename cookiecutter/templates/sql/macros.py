"""Macros: what `$__name(arguments)` stands for. Strings and comments are left alone, and macros may nest."""

from __future__ import annotations

from headwater.models import TimeRange
from headwater.sdk.sql import Dialect, MacroCall, MacroEngine

# REPLACE with what quotes and comments look like in your database.
DIALECT = Dialect()


def expand(sql: str, time_range: TimeRange) -> str:
    """`sql` as the database gets it. Raises MacroError for a macro that is unknown or wrongly used."""
    return _ENGINE.expand(sql, time_range)


def _time_filter(call: MacroCall, scope: TimeRange) -> str:
    (column,) = call.expect(1)
    return f"{column} BETWEEN {scope.from_s} AND {scope.to_s}"


def _time_from(call: MacroCall, scope: TimeRange) -> str:
    call.expect(0)
    return str(scope.from_s)


def _time_to(call: MacroCall, scope: TimeRange) -> str:
    call.expect(0)
    return str(scope.to_s)


# REPLACE: add yours. Each returns SQL; times here are unix seconds, as the sample table has them.
_ENGINE: MacroEngine[TimeRange] = MacroEngine(
    {"__timeFilter": _time_filter, "__timeFrom": _time_from, "__timeTo": _time_to}, DIALECT
)
