"""`threshold`: 1 where a value keeps a condition, else 0."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from attrs import frozen

from headwater.frames import labels_fingerprint

from .errors import invalid
from .values import Bools, Floats, Results, Value

__all__ = ["Condition", "condition", "threshold"]

Condition = Callable[[Floats], Bools]

_WITH_ONE: Mapping[str, Callable[[Floats, float], Bools]] = {
    "gt": lambda cells, limit: cells > limit,
    "lt": lambda cells, limit: cells < limit,
    "eq": lambda cells, limit: cells == limit,
    "ne": lambda cells, limit: cells != limit,
    "gte": lambda cells, limit: cells >= limit,
    "lte": lambda cells, limit: cells <= limit,
}
_WITH_TWO: Mapping[str, Callable[[Floats, float, float], Bools]] = {
    "within_range": lambda cells, low, high: (cells > low) & (cells < high),
    "outside_range": lambda cells, low, high: (cells < low) | (cells > high),
    "within_range_included": lambda cells, low, high: (cells >= low) & (cells <= high),
    "outside_range_included": lambda cells, low, high: (cells <= low) | (cells >= high),
}


@frozen
class Hysteresis:
    """Series that fire already, by their fingerprints, stop only when `unload` says so."""

    unload: Condition
    loaded: Collection[int]


def condition(kind: str, params: Sequence[float]) -> Condition:
    """The condition of an evaluator. Raises QueryRequestError for an unknown one or too few numbers."""
    if kind in _WITH_ONE:
        (limit,) = _numbers(kind, params, 1)
        return lambda cells: _WITH_ONE[kind](cells, limit)
    if kind in _WITH_TWO:
        low, high = sorted(_numbers(kind, params, 2))
        return lambda cells: _WITH_TWO[kind](cells, low, high)
    raise invalid(
        f"expected threshold function to be one of [{', '.join((*_WITH_ONE, *_WITH_TWO))}], got {kind}"
    )


def threshold(results: Results, load: Condition, hysteresis: Hysteresis | None = None) -> Results:
    """A null stays null; NaN keeps no condition but `ne`."""
    return Results.of((_fires(value, load, hysteresis) for value in results), results.notices)


def _fires(value: Value, load: Condition, hysteresis: Hysteresis | None) -> Value:
    if hysteresis is not None and labels_fingerprint(value.labels) in hysteresis.loaded:
        fires = ~hysteresis.unload(value.cells)
    else:
        fires = load(value.cells)
    cells = np.asarray(fires, np.float64)
    return value.with_cells(
        cells if value.nulls is None else np.where(value.nulls, np.nan, cells), value.nulls
    )


def _numbers(kind: str, params: Sequence[float], count: int) -> list[float]:
    if len(params) < count:
        raise invalid(
            f"incorrect number of arguments for threshold function {kind}: got {len(params)} but need {count}"
        )
    return list(params[:count])
