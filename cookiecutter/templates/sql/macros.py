"""Macros: what `$__name(arguments)` stands for. Strings and comments are left alone, and macros may nest.

`TimeMacros` has those of Grafana's SQL data sources; here is how your database writes times.
"""

from __future__ import annotations

from headwater.sdk import QueryMacro
from headwater.sdk.sql import Dialect, MacroScope, TimeMacros

# REPLACE with what quotes and comments look like in your database.
DIALECT = Dialect()


class Macros(TimeMacros):
    """REPLACE: the sample table has times in unix seconds."""

    def moment(self, seconds: int, scope: MacroScope) -> str:
        return str(seconds)

    def unix_seconds(self, column: str, scope: MacroScope) -> str:
        return column


# What users are told: completion and help in Explore, `headwater plugin info`. {from} and {to} are the ends
# of the time range in unix seconds.
MACROS = (
    QueryMacro("$__timeFilter(column)", "column BETWEEN {from} AND {to}"),
    QueryMacro("$__timeFrom()", "{from}"),
    QueryMacro("$__timeTo()", "{to}"),
)
