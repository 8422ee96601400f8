"""Macros: what `$__name(arguments)` stands for. Strings and comments are left alone, and macros may nest."""

from __future__ import annotations

from headwater.models import TimeRange
from headwater.sdk import QueryMacro
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


# What users are told: completion and help in Explore, `headwater plugin info`. {from} and {to} are the ends
# of the time range in unix seconds.
MACROS = (
    QueryMacro("$__timeFilter(column)", "column BETWEEN {from} AND {to}"),
    QueryMacro("$__timeFrom()", "{from}"),
    QueryMacro("$__timeTo()", "{to}"),
)

# REPLACE: add yours, here and above. Each returns SQL; the sample table has times in unix seconds.
FUNCTIONS = {"__timeFilter": _time_filter, "__timeFrom": _time_from, "__timeTo": _time_to}
_ENGINE: MacroEngine[TimeRange] = MacroEngine(FUNCTIONS, DIALECT)
