"""Macros that rewrite everything from themselves to the end of the statement."""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import frozen

from headwater.errors import MacroError
from headwater.sdk.sql import SpanKind, scan, split_arguments, strip_comments
from headwater_clickhouse.dialect import DIALECT

from .clauses import Clauses, read_clauses, top_level
from .scope import Scope

_MACRO = re.compile(r"\$(__(?:columns|rateColumns|perSecondColumns|increaseColumns|lttb))\b")
_AS = re.compile(r"\sAS\s+", re.IGNORECASE)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*|`(?:[^`\\]|\\.|``)+`")
_WINDOW = "WINDOW w AS (PARTITION BY {key} ORDER BY {time} ASC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"


def expand_statement(sql: str, scope: Scope) -> str:
    """`sql` with its statement macro rewritten into expression macros; as it is if there is none.

    Raises MacroError for a macro within brackets, a second one, wrong arguments or clauses.
    """
    if not _has_macro(sql):
        return sql
    sql = strip_comments(sql, DIALECT)
    plain = top_level(sql)
    calls = list(_MACRO.finditer(plain))
    if not calls:
        raise MacroError("statement macros such as $__columns must stand at the top level of the query")
    if len(calls) > 1 or len(list(_MACRO.finditer(_code(sql)))) > 1:
        raise MacroError("only one statement macro is allowed in a query")
    (call,) = calls
    name = call[1]
    arguments, end = _arguments(sql, call.end(), name)
    clauses = read_clauses(sql[end:].rstrip().rstrip(";").rstrip(), name)
    return sql[: call.start()] + _STATEMENTS[name](arguments, clauses, scope)


@frozen
class _Named:
    """An argument: its expression, and the alias that follows AS."""

    expression: str
    alias: str

    @classmethod
    def read(cls, argument: str, default: str) -> _Named:
        for match in reversed(list(_AS.finditer(top_level(argument)))):
            alias = argument[match.end() :].strip()
            if _IDENTIFIER.fullmatch(alias):
                return cls(argument[: match.start()].rstrip(), alias)
        return cls(argument, default)


def _columns(arguments: list[str], clauses: Clauses, scope: Scope) -> str:
    return _per_interval("__columns", arguments, clauses, lambda _, value: value, windowed=False)


def _rate_columns(arguments: list[str], clauses: Clauses, scope: Scope) -> str:
    def rate(time: str, value: str) -> str:
        elapsed = _elapsed(time)
        return f"if({elapsed} = 0, nan, {value} / {elapsed})"

    return _per_interval("__rateColumns", arguments, clauses, rate)


def _per_second_columns(arguments: list[str], clauses: Clauses, scope: Scope) -> str:
    def per_second(time: str, counter: str) -> str:
        elapsed, gain = _elapsed(time), _gain(counter)
        return f"if({elapsed} = 0 OR ({gain}) < 0, nan, ({gain}) / {elapsed})"

    return _per_interval("__perSecondColumns", arguments, clauses, per_second)


def _increase_columns(arguments: list[str], clauses: Clauses, scope: Scope) -> str:
    def increase(time: str, counter: str) -> str:
        gain = _gain(counter)
        return f"if({_elapsed(time)} = 0 OR ({gain}) < 0, nan, toFloat64({gain}))"

    return _per_interval("__increaseColumns", arguments, clauses, increase)


def _elapsed(time: str) -> str:
    """Seconds since the previous point of the series; 0 for the first."""
    return f"({time} - lagInFrame({time}, 1, {time}) OVER w)"


def _gain(counter: str) -> str:
    """What the counter's highest value of the interval gained on the previous interval's."""
    return f"max({counter}) - lagInFrame(max({counter}), 1, max({counter})) OVER w"


def _per_interval(
    macro: str,
    arguments: list[str],
    clauses: Clauses,
    compute: Callable[[str, str], str],
    *,
    windowed: bool = True,
) -> str:
    """One row per interval and key; `compute` gives the value's expression from time and argument."""
    if clauses.group_by:
        raise MacroError(f"${macro} generates its own GROUP BY; leave yours out")
    time = _Named.read(arguments[0], "t")
    key = _Named.read(arguments[1], "metric")
    value = _Named.read(arguments[2], "value")
    parts = [
        f"SELECT $__timeInterval({time.expression}) AS {time.alias},",
        f"toString({key.expression}) AS {key.alias},",
        f"{compute(time.alias, value.expression)} AS {value.alias}",
        clauses.source,
        _where(time.expression, clauses),
        f"GROUP BY {time.alias}, {key.alias}",
        clauses.having,
        _WINDOW.format(key=key.alias, time=time.alias) if windowed else "",
        clauses.order_by or f"ORDER BY {time.alias}, {key.alias}",
        clauses.limit,
        clauses.settings,
    ]
    return " ".join(part for part in parts if part)


def _lttb(arguments: list[str], clauses: Clauses, scope: Scope) -> str:
    """Downsampled by the largest-triangle rule. With GROUP BY the aggregation happens in a subquery."""
    buckets = _buckets(arguments[0], scope)
    x, y = _axis(arguments[1], "x"), _axis(arguments[2], "y")
    rows = [clauses.source, _where(x.expression, clauses)]
    if clauses.group_by:
        inner = [
            f"SELECT {_selected(x)}, {_selected(y)}", *rows, clauses.group_by, clauses.having,
            f"ORDER BY {x.alias}",
        ]  # fmt: skip
        points = f"lttb({buckets})({x.alias}, {y.alias})"
        rows = [f"FROM ({' '.join(part for part in inner if part)})"]
    else:
        points = f"lttb({buckets})({x.expression}, {y.expression})"
    parts = [
        f"SELECT point.1 AS {x.alias}, point.2 AS {y.alias} FROM",
        f"(SELECT arrayJoin({points}) AS point {' '.join(rows)})",
        clauses.order_by or f"ORDER BY {x.alias}",
        clauses.limit,
        clauses.settings,
    ]
    return " ".join(part for part in parts if part)


def _buckets(argument: str, scope: Scope) -> int:
    if argument.lower() == "auto":
        return max(1, (scope.time_range.to_ms - scope.time_range.from_ms) // scope.interval_ms)
    if not argument.isdecimal() or int(argument) < 1:
        raise MacroError(
            f"$__lttb: the number of buckets must be a positive integer or auto, not {argument!r}"
        )
    return int(argument)


def _axis(argument: str, default: str) -> _Named:
    return _Named.read(argument, argument if _IDENTIFIER.fullmatch(argument) else default)


def _selected(axis: _Named) -> str:
    return axis.expression if axis.expression == axis.alias else f"{axis.expression} AS {axis.alias}"


def _where(time: str, clauses: Clauses) -> str:
    return f"WHERE $__timeFilter({time})" + (f" AND ({clauses.where})" if clauses.where else "")


def _arguments(sql: str, opening: int, name: str) -> tuple[list[str], int]:
    if not sql.startswith("(", opening):
        raise MacroError(f"unexpected number of arguments: ${name} expected 3 argument(s), received 0")
    arguments, end = split_arguments(sql, opening, DIALECT)
    if len(arguments) != 3:
        raise MacroError(
            f"unexpected number of arguments: ${name} expected 3 argument(s), received {len(arguments)}"
        )
    return arguments, end


def _has_macro(sql: str) -> bool:
    return "$__" in sql and _MACRO.search(_code(sql)) is not None


def _code(sql: str) -> str:
    return " ".join(sql[span.start : span.end] for span in scan(sql, DIALECT) if span.kind is SpanKind.CODE)


_STATEMENTS: dict[str, Callable[[list[str], Clauses, Scope], str]] = {
    "__columns": _columns,
    "__rateColumns": _rate_columns,
    "__perSecondColumns": _per_second_columns,
    "__increaseColumns": _increase_columns,
    "__lttb": _lttb,
}
