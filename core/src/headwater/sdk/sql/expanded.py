"""`ExpandedQuery`: SQL whose macros are expanded, and what they had to say besides."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

import attrs

from headwater.models import TimeRange

from .scanner import Dialect

if TYPE_CHECKING:
    from headwater.frames import Fill

__all__ = ["EpochUnit", "ExpandedQuery", "MacroUses"]


class EpochUnit(Enum):
    """A unit of numbers since 1970 that a query's macros count in."""

    SECONDS = auto()
    NANOSECONDS = auto()


@attrs.define
class MacroUses:
    """The macros of a query: their names, the columns and widths of time groups, the columns of filters."""

    names: set[str] = attrs.field(factory=set)
    groups: set[tuple[str, timedelta]] = attrs.field(factory=set)
    filtered: set[str] = attrs.field(factory=set)


@attrs.frozen
class ExpandedQuery:
    """`fill` and `fill_interval` are what a `$__timeGroup` macro asked for; None if none did.

    `epoch_units` are what the query's macros count times in, where they do so in numbers. Its filters let
    `time_range` through.
    """

    sql: str
    fill: Fill | None = None
    fill_interval: timedelta | None = None
    epoch_units: frozenset[EpochUnit] = frozenset()
    dialect: Dialect = attrs.field(factory=Dialect)
    time_range: TimeRange | None = None
    uses: MacroUses = attrs.field(factory=MacroUses)
