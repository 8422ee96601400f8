"""`classic_conditions`: one number that says whether conditions on several queries hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from headwater.frames import labels_text

from .errors import invalid
from .query import ClassicCondition, Evaluator
from .values import Floats, Kind, Results, Value

__all__ = ["Match", "classic"]


@frozen
class Match:
    """A series that keeps its condition, or "NoData" for a condition without any value."""

    metric: str
    value: float | None
    labels: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """As Grafana writes it: the value is a text, because JSON knows no infinity."""
        return {"metric": self.metric, "value": _text(self.value), "labels": dict(self.labels)}


def _text(value: float | None) -> str:
    if value is None:
        return ""
    if np.isinf(value):
        return f"{'+' if value > 0 else '-'}Inf"
    return np.format_float_positional(value, trim="-").replace("nan", "NaN")


@frozen
class _Outcome:
    fires: bool
    no_data: bool


def classic(
    conditions: Sequence[ClassicCondition], variables: Mapping[str, Results]
) -> tuple[Results, list[Match]]:
    """1 if the conditions, joined from first to last by `and` and `or`, hold, else 0; null without data.

    Whether there is data is joined as the conditions are: one without any is enough in an `or`.
    """
    if not conditions:
        raise invalid("classic conditions need at least one condition")
    total: _Outcome | None = None
    matches: list[Match] = []
    for each in conditions:
        outcome, found = _evaluated(each, variables[each.query.params[0]])
        matches += found
        if total is None:
            total = outcome
        elif each.operator.type == "or":
            total = _Outcome(total.fires or outcome.fires, total.no_data or outcome.no_data)
        else:
            total = _Outcome(total.fires and outcome.fires, total.no_data and outcome.no_data)
    assert total is not None
    number = None if total.no_data else float(total.fires)
    return Results((Value.number(number),)), matches


def _evaluated(given: ClassicCondition, results: Results) -> tuple[_Outcome, list[Match]]:
    matches: list[Match] = []
    without = 0
    for value in results:
        number = _number(value, given.reducer.type)
        if _holds(given.evaluator, number):
            matches.append(Match(labels_text(value.labels), number, value.labels))
        else:
            without += number is None
    if not len(results) and given.evaluator.type == "no_value":
        return _Outcome(fires=True, no_data=False), [Match("", None, {})]
    no_data = without == len(results)
    return _Outcome(bool(matches), no_data), [*matches, *[Match("NoData", None, {})] * no_data]


def _number(value: Value, reducer: str) -> float | None:
    if value.kind is not Kind.SERIES:
        return None if value.is_null else float(value.cells)
    if reducer not in _REDUCERS:
        raise invalid(f"reducer {reducer} is not known; reducers are {', '.join(_REDUCERS)}")
    if reducer == "count":
        return float(len(value.cells))
    if reducer == "last" and not len(value.cells):
        return None
    known = value.cells[~np.isnan(value.cells)]
    with np.errstate(divide="ignore"):
        return float(_REDUCERS[reducer](known)) if len(known) else None


def _change(cells: Floats) -> float:
    return float(cells[-1] - cells[0])


def _percent(cells: Floats) -> float:
    """Infinite if it was 0 and is not any more."""
    change = _change(cells)
    return float(np.divide(change, np.abs(cells[0])) * 100) if change else 0.0


#: Of values without null and NaN, at least one.
_REDUCERS: Mapping[str, Callable[[Floats], float]] = {
    "avg": lambda cells: float(cells.mean()),
    "sum": lambda cells: float(cells.sum()),
    "min": lambda cells: float(np.min(cells)),
    "max": lambda cells: float(np.max(cells)),
    "count": lambda cells: float(len(cells)),
    "last": lambda cells: float(cells[-1]),
    "median": lambda cells: float(np.median(cells)),
    "diff": _change,
    "diff_abs": lambda cells: abs(_change(cells)),
    "percent_diff": _percent,
    "percent_diff_abs": lambda cells: abs(_percent(cells)),
    "count_non_null": lambda cells: float(len(cells)),
}


def _holds(evaluator: Evaluator, number: float | None) -> bool:
    if evaluator.type == "no_value":
        return number is None
    if number is None:
        return False
    params = list(evaluator.params)
    if evaluator.type in ("within_range", "outside_range"):
        if len(params) < 2:
            raise invalid(f"evaluator {evaluator.type} needs two numbers")
        low, high = sorted(params[:2])
        return low < number < high if evaluator.type == "within_range" else not low <= number <= high
    if evaluator.type not in _COMPARED:
        raise invalid(f"evaluator {evaluator.type} is not known")
    if not params:
        raise invalid(f"evaluator {evaluator.type} needs a number")
    return _COMPARED[evaluator.type](number, params[0])


_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "gt": lambda number, limit: number > limit,
    "lt": lambda number, limit: number < limit,
    "eq": lambda number, limit: number == limit,
    "ne": lambda number, limit: number != limit,
    "gte": lambda number, limit: number >= limit,
    "lte": lambda number, limit: number <= limit,
}
