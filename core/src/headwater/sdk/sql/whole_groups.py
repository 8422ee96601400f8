"""Answers whose rows are of one time group each, so that those of a range that moves can be continued.

That a row is of one group cannot be told from SQL: its author says so (`queryCachingRanges`). What speaks
against it is refused by name.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Final, Protocol

import attrs

from headwater.errors import QueryError
from headwater.models import AnswerSteps, TimeRange

from .expanded import ExpandedQuery
from .query import LONG_SERIES, TIME_SERIES, SqlQuery
from .statements import outer_words, statement_tokens

__all__ = ["group_step", "whole_group_steps", "widened"]

_FILTERS: Final = frozenset({"__timeFilter", "__unixEpochFilter", "__unixEpochNanoFilter"})
_GROUPS: Final = frozenset(
    {"__timeGroup", "__timeGroupAlias", "__unixEpochGroup", "__unixEpochGroupAlias"}
)  # fmt: skip
_ANY_RANGE: Final = frozenset({"__time", "__timeEpoch", "__interval", "__interval_ms"})
"""Macros that say nothing of the range."""
_ACROSS_GROUPS: Final = frozenset(
    {
        "CUBE", "FETCH", "FILL", "LIMIT", "OFFSET", "OVER", "QUALIFY", "RECURSIVE", "ROLLUP", "SETS", "TOP",
        "TOTALS", "WINDOW",
    }
)  # fmt: skip
"""Words of clauses that look at several groups at once."""
_AGGREGATES: Final = frozenset({"AVG", "COUNT", "MAX", "MIN", "SUM"})
_FIRST_KEYS: Final = frozenset({"1", "TIME"})
_SECOND: Final = timedelta(seconds=1)


class Macros(Protocol):
    """Those of a database."""

    def expand(self, sql: str, time_range: TimeRange, interval: timedelta) -> ExpandedQuery:
        """`sql` with its macros expanded."""


def whole_group_steps(query: SqlQuery, macros: Macros, shortest: timedelta) -> AnswerSteps | None:
    """The groups of a query whose author says that each row is of one; None for any other query.

    `shortest` is the least value of `$__interval`. Raises QueryError for what contradicts.
    """
    if not query.query_caching_ranges:
        return None
    query.check()
    interval = max(timedelta(milliseconds=query.interval_ms), shortest)
    step = group_step(macros.expand(query.raw_sql, query.time_range, interval)) // timedelta(milliseconds=1)
    asked = query.data_query
    if query.format == TIME_SERIES:
        asked = attrs.evolve(asked, json={**asked.json, "format": LONG_SERIES})
    return AnswerSteps(step, asked, rows=True, wide=query.format == TIME_SERIES)


def group_step(query: ExpandedQuery) -> timedelta:
    """The width of the query's groups. Raises QueryError if its rows cannot be of one group each."""
    uses = query.uses
    steps = {step for _, step in uses.groups}
    if len(steps) != 1:
        raise _refused("the query has one $__timeGroup, or several of one width")
    if not _FILTERS & uses.names:
        raise _refused("the query needs $__timeFilter on the column that it groups by")
    if others := sorted(uses.names - _FILTERS - _GROUPS - _ANY_RANGE):
        raise _refused(f"${others[0]} tells rows of the whole range; $__timeFilter alone may do that")
    grouped = {column for column, _ in uses.groups}
    if grouped != uses.filtered:
        by, filtered = ", ".join(sorted(grouped)), ", ".join(sorted(uses.filtered))
        raise _refused(f"the query groups by {by} and filters {filtered}; write the same column in both")
    if query.fill is not None:
        raise _refused(
            "a group that is filled takes its value from others; leave $__timeGroup's third argument"
        )
    step = steps.pop()
    if step % _SECOND:
        raise _refused("groups are of whole seconds")
    _check_words(query)
    return step


def widened(time_range: TimeRange, step: timedelta) -> TimeRange:
    """From the beginning of the first group that `time_range` touches to the end of the last one."""
    width = step // timedelta(milliseconds=1)
    first, last = time_range.from_ms // width, time_range.to_ms // width
    return TimeRange.from_epoch_ms(first * width, (last + 1) * width)


def _check_words(query: ExpandedQuery) -> None:
    tokens = list(statement_tokens(query.sql, query.dialect))
    if found := next((token for token in tokens if token in _ACROSS_GROUPS), None):
        raise _refused(f"{found} looks at several groups; where it is a column's name, quote it")
    pairs = set(itertools.pairwise(tokens))
    if ("DISTINCT", "ON") in pairs:
        raise _refused("DISTINCT ON looks at several groups")
    if "GROUP" not in tokens and any((word, "(") in pairs for word in _AGGREGATES):
        raise _refused("an aggregate without GROUP BY is one row of the whole range")
    words = outer_words(tokens)
    if not words or words[0] not in ("SELECT", "WITH"):
        raise _refused("the query is a SELECT")
    key, following = next(_sorted_by(tokens), ("", ""))
    if key not in _FIRST_KEYS or following == "DESC":
        raise _refused("the group is the first column, and the query ends with ORDER BY 1")


def _sorted_by(tokens: list[str]) -> Iterator[tuple[str, str]]:
    """Behind the statement's own ORDER BY, outside of brackets: the next two tokens."""
    depth = 0
    padded = [*tokens, "", "", ""]
    for place, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth == 0 and (token, padded[place + 1]) == ("ORDER", "BY"):
            yield padded[place + 2], padded[place + 3]


def _refused(reason: str) -> QueryError:
    return QueryError(f"queryCachingRanges: {reason}")
