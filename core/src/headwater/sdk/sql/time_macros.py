"""The macros of Grafana's SQL data sources: the same everywhere, but for how a database writes a time.

Macros are found by a tokenizer: those in strings and comments stay as they are, and arguments may hold
brackets, strings and other macros. Only `$__interval` and its like are replaced everywhere, strings included,
because `$__timeGroup(time, '$__interval')` is how they are used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

import attrs

from headwater.errors import MacroError, QueryError, ValidationError
from headwater.frames.times.intervals import format_interval, parse_interval
from headwater.models import TimeRange

from .expanded import EpochUnit, ExpandedQuery, MacroUses
from .macros import MacroCall, MacroEngine
from .scanner import Dialect

if TYPE_CHECKING:
    from headwater.frames import Fill

__all__ = ["MacroScope", "StandardMacros", "TimeMacros", "seconds_text"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAME: Final = re.compile(r'[\w.$"`]+')
_GLOBALS: Final = re.compile(r"\$__interval_ms|\$__interval|\$__unixEpochFrom\(\)|\$__unixEpochTo\(\)")


@attrs.define
class MacroScope:
    """What macros know, and what they have to say besides SQL."""

    time_range: TimeRange
    fill: Fill | None = None
    fill_interval: timedelta | None = None
    epoch_units: set[EpochUnit] = attrs.field(factory=set)
    uses: MacroUses = attrs.field(factory=MacroUses)
    whole_groups: bool = False
    """Filters leave out the end of the range: it is where the next group begins."""

    def between(self, column: str, start: object, end: object) -> str:
        """A filter of times, which are numbers or SQL."""
        self.uses.filtered.add(column)
        if self.whole_groups:
            return f"({column} >= {start} AND {column} < {end})"
        return f"{column} >= {start} AND {column} <= {end}"

    @property
    def start(self) -> int:
        """Unix seconds."""
        return self.time_range.from_s

    @property
    def end(self) -> int:
        """Unix seconds."""
        return self.time_range.to_s

    @property
    def start_ns(self) -> int:
        """Unix nanoseconds."""
        return self.time_range.from_ms * 1_000_000

    @property
    def end_ns(self) -> int:
        """Unix nanoseconds."""
        return self.time_range.to_ms * 1_000_000


class TimeMacros:
    """Subclass it, and say how your database writes times. As it stands, it writes standard SQL.

    `group_step`: what the width of a time group is a multiple of. `extra`: macros of your own.
    """

    group_step: ClassVar[timedelta] = timedelta(seconds=1)
    extra: ClassVar[Mapping[str, Callable[[MacroCall, MacroScope], str]]] = {}

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    # --- what databases write in their own ways ------------------------------------------------------

    def time(self, column: str, scope: MacroScope) -> str:  # noqa: ARG002
        """`$__time(column)`: a column that is a time already."""
        return f'{column} AS "time"'

    def time_epoch(self, column: str, scope: MacroScope) -> str:
        """`$__timeEpoch(column)`: a column of times as unix seconds."""
        return f'{self.unix_seconds(column, scope)} AS "time"'

    def moment(self, seconds: int, scope: MacroScope) -> str:
        """A time literal of whole unix seconds."""
        raise NotImplementedError

    def start(self, scope: MacroScope) -> str:
        """`$__timeFrom()`: where the time range starts, to the second."""
        return self.moment(scope.start, scope)

    def end(self, scope: MacroScope) -> str:
        """`$__timeTo()`: where the time range ends, to the second."""
        return self.moment(scope.end, scope)

    def unix_seconds(self, column: str, scope: MacroScope) -> str:
        """A column of times as a number; note in `scope.epoch_units` that times are counted."""
        scope.epoch_units.add(EpochUnit.SECONDS)
        return f"EXTRACT(EPOCH FROM {column})"

    def multiple(self, number: str, step: timedelta, scope: MacroScope) -> str:  # noqa: ARG002
        """A number of seconds, rounded down to a multiple of `step`."""
        seconds = seconds_text(step)
        return f"floor({number}/{seconds})*{seconds}"

    def time_group(self, column: str, step: timedelta, scope: MacroScope) -> str:
        """`$__timeGroup(column, step)`: the beginning of the group that a time belongs to."""
        return self.multiple(self.unix_seconds(column, scope), step, scope)

    def group_alias(self, call: MacroCall) -> str:  # noqa: ARG002
        """What follows `$__timeGroup(column, step)`; `$__timeGroupAlias` always gives the name `time`."""
        return ""

    def epoch_group(self, column: str, step: timedelta, scope: MacroScope) -> str:
        """`$__unixEpochGroup(column, step)`: the same for a column of unix seconds."""
        scope.epoch_units.add(EpochUnit.SECONDS)
        return self.multiple(column if _NAME.fullmatch(column) else f"({column})", step, scope)

    # --- for the data source -------------------------------------------------------------------------

    def expand(
        self, sql: str, time_range: TimeRange, interval: timedelta, *, whole_groups: bool = False
    ) -> ExpandedQuery:
        """`sql` with its macros expanded. `interval` is the value of `$__interval`.

        `whole_groups` widens the range to the groups that it touches. Raises MacroError; QueryError for a
        query whose rows are not of one group each.
        """
        if whole_groups:
            from .whole_groups import group_step, widened

            step = group_step(self._expanded(sql, MacroScope(time_range), interval))
            return self._expanded(sql, MacroScope(widened(time_range, step), whole_groups=True), interval)
        if "$__" not in sql:
            return ExpandedQuery(sql, dialect=self.dialect, time_range=time_range)
        return self._expanded(sql, MacroScope(time_range), interval)

    def _expanded(self, sql: str, scope: MacroScope, interval: timedelta) -> ExpandedQuery:
        try:
            expanded = self._engine.expand(_replace_globals(sql, scope, interval), scope)
        except QueryError as error:
            raise MacroError(f"interpolation failed: {error}") from error
        units = frozenset(scope.epoch_units)
        return ExpandedQuery(
            expanded, scope.fill, scope.fill_interval, units, self.dialect, scope.time_range, scope.uses
        )

    @property
    def names(self) -> frozenset[str]:
        """The macros' names, each without its `$`."""
        return frozenset(self._macros)

    @cached_property
    def _engine(self) -> MacroEngine[MacroScope]:
        return MacroEngine({name: _noted(name, macro) for name, macro in self._macros.items()}, self.dialect)

    @cached_property
    def _macros(self) -> dict[str, Callable[[MacroCall, MacroScope], str]]:
        return {
            "__time": lambda call, scope: self.time(_time_column(call), scope),
            "__timeEpoch": lambda call, scope: self.time_epoch(_time_column(call), scope),
            "__timeFilter": self._time_filter,
            "__timeFrom": lambda _, scope: self.start(scope),
            "__timeTo": lambda _, scope: self.end(scope),
            "__timeGroup": lambda call, scope: self._time_group(call, scope) + self.group_alias(call),
            "__timeGroupAlias": lambda call, scope: self._time_group(call, scope) + ' AS "time"',
            "__unixEpochFilter": _unix_epoch_filter,
            "__unixEpochNanoFilter": _unix_epoch_nano_filter,
            "__unixEpochNanoFrom": lambda _, scope: str(scope.start_ns),
            "__unixEpochNanoTo": lambda _, scope: str(scope.end_ns),
            "__unixEpochGroup": self._epoch_group,
            "__unixEpochGroupAlias": lambda call, scope: self._epoch_group(call, scope) + ' AS "time"',
            **self.extra,
        }

    def _time_filter(self, call: MacroCall, scope: MacroScope) -> str:
        start, end = self.start(scope), self.end(scope)
        column = _time_column(call)
        if scope.whole_groups:
            return scope.between(column, start, end)
        scope.uses.filtered.add(column)
        return f"{column} BETWEEN {start} AND {end}"

    def _time_group(self, call: MacroCall, scope: MacroScope) -> str:
        column, step = self._group(call, scope)
        return self.time_group(column, step, scope)

    def _epoch_group(self, call: MacroCall, scope: MacroScope) -> str:
        column, step = self._group(call, scope)
        return self.epoch_group(column, step, scope)

    def _group(self, call: MacroCall, scope: MacroScope) -> tuple[str, timedelta]:
        """Column and width of a group; a third argument asks for missing groups to be filled."""
        arguments = call.arguments or ()
        if len(arguments) < 2:
            raise MacroError(f"macro {call.name} needs time column and interval")
        text = arguments[1].strip("'\"")
        try:
            interval = parse_interval(text)
        except ValidationError as error:
            raise MacroError(f"error parsing interval {text}") from error
        step = interval // self.group_step * self.group_step
        if step <= timedelta(0):
            raise MacroError(f"interval must be positive, got {text}")
        if len(arguments) > 2:
            scope.fill, scope.fill_interval = _fill(arguments[2]), step
        scope.uses.groups.add((arguments[0], step))
        return arguments[0], step


class StandardMacros(TimeMacros):
    """Times as the SQL standard writes them."""

    def moment(self, seconds: int, scope: MacroScope) -> str:
        del scope
        return f"TIMESTAMP '{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}'"


def seconds_text(step: timedelta) -> str:
    """`step` in seconds, as SQL writes numbers: `300`, `0.5`."""
    return f"{step / timedelta(seconds=1):.6f}".rstrip("0").rstrip(".")


def _noted(
    name: str, macro: Callable[[MacroCall, MacroScope], str]
) -> Callable[[MacroCall, MacroScope], str]:
    def note(call: MacroCall, scope: MacroScope) -> str:
        scope.uses.names.add(name)
        return macro(call, scope)

    return note


def _replace_globals(sql: str, scope: MacroScope, interval: timedelta) -> str:
    values = {
        "$__interval_ms": str(interval // timedelta(milliseconds=1)),
        "$__interval": format_interval(interval),
        "$__unixEpochFrom()": str(scope.start),
        "$__unixEpochTo()": str(scope.end),
    }

    def replaced(match: re.Match[str]) -> str:
        scope.uses.names.add(match[0].strip("$()"))
        return values[match[0]]

    return _GLOBALS.sub(replaced, sql)


def _time_column(call: MacroCall) -> str:
    if not call.arguments or not call.arguments[0]:
        raise MacroError(f"missing time column argument for macro {call.name}")
    return call.arguments[0]


def _unix_epoch_filter(call: MacroCall, scope: MacroScope) -> str:
    column = _time_column(call)
    scope.epoch_units.add(EpochUnit.SECONDS)
    return scope.between(column, scope.start, scope.end)


def _unix_epoch_nano_filter(call: MacroCall, scope: MacroScope) -> str:
    column = _time_column(call)
    scope.epoch_units.add(EpochUnit.NANOSECONDS)
    return scope.between(column, scope.start_ns, scope.end_ns)


def _fill(argument: str) -> Fill:
    from headwater.frames import Fill, FillMode

    text = argument.strip("'\"")
    if text.upper() == "NULL":
        return Fill(FillMode.NULL)
    if text.lower() == "previous":
        return Fill(FillMode.PREVIOUS)
    try:
        return Fill(FillMode.VALUE, float(text))
    except ValueError as error:
        raise MacroError(f"error parsing fill value {text}") from error
