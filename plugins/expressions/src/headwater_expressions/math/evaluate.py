"""The value of a formula: operators and functions on every point, nulls and NaN kept apart.

A null makes the result null, whatever the other operand. NaN makes it NaN, unless the left operand
decides: 0 for `&&`, anything else for `||`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from headwater_expressions.errors import too_large
from headwater_expressions.values import Bools, Floats, Kind, Results, Times, Value

from .join import joined
from .parse import Binary, Call, Constant, Node, Unary, Variable

__all__ = ["evaluate"]

_ORDER = (Kind.SCALAR, Kind.NUMBER, Kind.SERIES)


def evaluate(
    node: Node, variables: Mapping[str, Results], max_cells: int, check: Callable[[], None]
) -> Results:
    """What `node` gives. `check` raises if the call is over.

    Raises LimitExceededError if more than `max_cells` points come out of one operator.
    """
    match node:
        case Constant(value):
            return Results((Value.scalar(value),))
        case Variable(ref_id):
            return variables[ref_id]
        case Unary(operator, operand):
            inner = evaluate(operand, variables, max_cells, check)
            return _each(inner, _UNARY[operator])
        case Call(function, None):
            return Results((Value.scalar(_CONSTANTS[function]),))
        case Call(function, argument) if argument is not None:
            inner = evaluate(argument, variables, max_cells, check)
            if (test := _TESTS.get(function)) is not None:
                return Results.of((_tested(value, test) for value in inner), inner.notices)
            return _each(inner, _FUNCTIONS[function])
        case Binary(operator, left, right):
            return _binary(
                operator,
                evaluate(left, variables, max_cells, check),
                evaluate(right, variables, max_cells, check),
                max_cells,
                check,
            )
    raise AssertionError(node)


def _binary(
    operator: str, left: Results, right: Results, max_cells: int, check: Callable[[], None]
) -> Results:
    pairs, notices = joined(left, right)
    values: list[Value] = []
    cells = 0
    operation = _BINARY[operator]
    with np.errstate(all="ignore"):
        for one, other, labels in pairs:
            value = _combined(operation, one, other, labels)
            cells += value.cells.size
            if cells > max_cells:
                raise too_large(f"{operator} would give more than {max_cells:,} points; join fewer series")
            if not len(values) % 256:
                check()
            values.append(value)
    return Results.of(values, dict.fromkeys((*left.notices, *right.notices, *notices)))


def _combined(
    operation: Callable[[Floats, Floats], Floats], one: Value, other: Value, labels: Mapping[str, str]
) -> Value:
    kind = max(one.kind, other.kind, key=_ORDER.index)
    if one.times is None or other.times is None:
        times = other.times if one.times is None else one.times
        left, right, nulls = one.cells, other.cells, _either(one.nulls, other.nulls)
    else:
        times, left, right, nulls = _aligned(one, other, one.times, other.times)
    cells = operation(left, right)
    if nulls is not None:
        nulls = np.broadcast_to(nulls, cells.shape)
        cells = np.where(nulls, np.nan, cells)
    return Value(kind, cells, nulls, labels, times)


def _aligned(
    one: Value, other: Value, times: Times, others: Times
) -> tuple[Times, Floats, Floats, Bools | None]:
    """Both series at the times that both have; of several values at one time, the last of `other` counts."""
    if times is others or np.array_equal(times, others):
        return times, one.cells, other.cells, _either(one.nulls, other.nulls)
    order = np.argsort(others, kind="stable")
    found = np.searchsorted(others[order], times, side="right") - 1
    rows = np.flatnonzero((found >= 0) & (others[order][found] == times) if len(others) else found >= 0)
    matching = order[found[rows]]
    nulls = _either(
        None if one.nulls is None else one.nulls[rows],
        None if other.nulls is None else other.nulls[matching],
    )
    return times[rows], one.cells[rows], other.cells[matching], nulls


def _either(one: Bools | None, other: Bools | None) -> Bools | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other


def _each(results: Results, function: Callable[[Floats], Floats]) -> Results:
    with np.errstate(all="ignore"):
        values = [value.with_cells(function(value.cells), value.nulls) for value in results]
    return Results.of(values, results.notices)


def _tested(value: Value, test: Callable[[Floats, Bools], Bools]) -> Value:
    nulls = np.zeros(value.cells.shape, np.bool_) if value.nulls is None else value.nulls
    return value.with_cells(np.asarray(test(value.cells, nulls), np.float64), None)


def _not(cells: Floats) -> Floats:
    return np.where(np.isnan(cells), np.nan, cells == 0)


def _half_away_from_zero(cells: Floats) -> Floats:
    """numpy rounds halves to the even number."""
    whole = np.trunc(cells)
    return np.where(np.abs(cells - whole) >= 0.5, whole + np.copysign(1.0, cells), whole)


def _unless_nan(operation: Callable[[Floats, Floats], Floats | Bools]) -> Callable[[Floats, Floats], Floats]:
    """For what makes a number of NaN: a comparison does, and so does `1 ** NaN`."""

    def guarded(left: Floats, right: Floats) -> Floats:
        return np.where(np.isnan(left) | np.isnan(right), np.nan, operation(left, right))

    return guarded


def _and(left: Floats, right: Floats) -> Floats:
    return np.where(left == 0, 0.0, np.where(np.isnan(left) | np.isnan(right), np.nan, right != 0))


def _or(left: Floats, right: Floats) -> Floats:
    return np.where(left != 0, 1.0, np.where(np.isnan(right), np.nan, right != 0))


_UNARY: Mapping[str, Callable[[Floats], Floats]] = {"-": np.negative, "!": _not}

_CONSTANTS = {"nan": float("nan"), "inf": float("inf"), "infn": float("-inf"), "null": None}

_FUNCTIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "abs": np.abs,
    "log": np.log,
    "round": _half_away_from_zero,
    "ceil": np.ceil,
    "floor": np.floor,
}
_TESTS: Mapping[str, Callable[[Floats, Bools], Bools]] = {
    "is_inf": lambda cells, _: np.isinf(cells),
    "is_nan": lambda cells, nulls: np.isnan(cells) & ~nulls,
    "is_null": lambda _, nulls: nulls,
    "is_number": lambda cells, _: np.isfinite(cells),
}

_BINARY: Mapping[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "**": _unless_nan(np.power),
    "==": _unless_nan(np.equal),
    "!=": _unless_nan(np.not_equal),
    "<": _unless_nan(np.less),
    "<=": _unless_nan(np.less_equal),
    ">": _unless_nan(np.greater),
    ">=": _unless_nan(np.greater_equal),
    "&&": _and,
    "||": _or,
}
