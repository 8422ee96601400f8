"""Grafana's MySQL macros, and what a query may not ask for."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from typing import Final

from headwater.errors import QueryError
from headwater.models import TimeRange
from headwater.sdk.sql import (
    Dialect,
    EpochUnit,
    ExpandedQuery,
    MacroScope,
    SpanKind,
    TimeMacros,
    scan,
    seconds_text,
)
from headwater_mysql.dialect import DEFAULT

_RESTRICTED = re.compile(
    r"\bshow\s+grants\b|\b(?:session_user|system_user|user)\s*\(\s*\)|\bcurrent_user\b", re.IGNORECASE
)
_MAY_BE_RESTRICTED = re.compile(r"grants|user", re.IGNORECASE)
EXECUTED_COMMENT = re.compile(r"/\*M?!\d*")
MYSQL_TIMES: Final = range(2**63)
"""Where they end, the macros leave to the server."""
_MARIADB_TIMES: Final = range(2**31)
_MARIADB_11_TIMES: Final = range(1, 2**31)


class MySQLMacros(TimeMacros):
    """FROM_UNIXTIME knows no time before 1970, UNIX_TIMESTAMP does not count them, and DIV rounds them up.

    `unix_times`: the seconds that FROM_UNIXTIME and UNIX_TIMESTAMP of the server know; see `unix_times_of`.
    """

    def __init__(self, dialect: Dialect, unix_times: range = MYSQL_TIMES) -> None:
        super().__init__(dialect)
        self._unix_times = unix_times

    def time(self, column: str, scope: MacroScope) -> str:
        return f"{self.unix_seconds(column, scope)} as time_sec"

    time_epoch = time

    def moment(self, seconds: int, scope: MacroScope) -> str:
        del scope
        if seconds in self._unix_times:
            return f"FROM_UNIXTIME({seconds})"
        known = self._unix_times.start
        return f"DATE_ADD(FROM_UNIXTIME({known}), INTERVAL {seconds - known} SECOND)"

    def unix_seconds(self, column: str, scope: MacroScope) -> str:
        scope.epoch_units.add(EpochUnit.SECONDS)
        if scope.start not in self._unix_times or scope.end not in self._unix_times:
            return f"(TIMESTAMPDIFF(SECOND, FROM_UNIXTIME(1), {column}) + 1)"
        return f"UNIX_TIMESTAMP({column})"

    def multiple(self, number: str, step: timedelta, scope: MacroScope) -> str:
        width = seconds_text(step)
        return (
            f"FLOOR({number} / {width}) * {width}" if scope.start < 0 else f"{number} DIV {width} * {width}"
        )


def expand(
    sql: str,
    time_range: TimeRange,
    interval: timedelta,
    dialect: Dialect = DEFAULT,
    *,
    whole_groups: bool = False,
    unix_times: range = MYSQL_TIMES,
) -> ExpandedQuery:
    """`sql` with its macros expanded. `interval` is the value of `$__interval`, `dialect` the session's.

    `unix_times` is what `unix_times_of` says of the server. Raises what `TimeMacros.expand` does.
    """
    return macros_of(dialect, unix_times).expand(sql, time_range, interval, whole_groups=whole_groups)


def refuse_restricted(sql: str, dialect: Dialect = DEFAULT) -> None:
    """Raises QueryError for functions that would show the data source's own account."""
    if _MAY_BE_RESTRICTED.search(sql) and _RESTRICTED.search(executed_text(sql, dialect)):
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


@cache
def macros_of(dialect: Dialect, unix_times: range = MYSQL_TIMES) -> MySQLMacros:
    return MySQLMacros(dialect, unix_times)


def unix_times_of(server_version: str) -> range:
    """The Unix seconds of which FROM_UNIXTIME of a server makes a time, and UNIX_TIMESTAMP counts.

    It is NULL for others: from 2038 on in MariaDB 10.11, from 2106 on and for 0 in 11.8.
    """
    if "mariadb" not in server_version.lower():
        return MYSQL_TIMES
    major = re.match(r"\d+", server_version)
    return _MARIADB_11_TIMES if major and int(major[0]) >= 11 else _MARIADB_TIMES
