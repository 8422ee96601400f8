"""`reduce`: each series becomes a number, with its labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from attrs import frozen

from headwater.frames import Notice

from .errors import invalid
from .values import Bools, Floats, Kind, Results, Value

__all__ = ["REDUCERS", "Mode", "reduce", "reduced"]

Mode = Literal["", "strict", "dropNN", "replaceNN"]

Reducer = Callable[[Floats], float]
"""Of values of which none is null or NaN, in the order of their times; at least one."""

REDUCERS: Mapping[str, Reducer] = {
    "mean": lambda cells: float(cells.mean()),
    "min": lambda cells: float(np.min(cells)),
    "max": lambda cells: float(np.max(cells)),
    "sum": lambda cells: float(cells.sum()),
    "count": lambda cells: float(len(cells)),
    "last": lambda cells: float(cells[-1]),
    "first": lambda cells: float(cells[0]),
    "median": lambda cells: float(np.median(cells)),
    "std": lambda cells: float(cells.std()),
}
_OF_NONE = {"sum": 0.0, "count": 0.0}


@frozen
class _Cleaned:
    """A series' values as a mode leaves them."""

    cells: Floats
    nulls: Bools | None


def reduce(results: Results, reducer: str, mode: Mode = "", replacement: float = 0.0) -> Results:
    """Raises QueryRequestError for an unknown reducer, and for scalars.

    `mode` says what becomes of null, NaN and infinity: they are taken as they are (`strict`), dropped, or
    replaced. That is all that becomes of numbers, which are reduced already.
    """
    if reducer not in REDUCERS:
        raise invalid(f"reduction {reducer} not implemented; reducers are {', '.join(REDUCERS)}")
    notices = list(results.notices)
    if mode in ("", "strict") and any(value.kind is Kind.NUMBER for value in results):
        notices.append(Notice.warning("Reduce operation is not needed. The input is already reduced data."))
    kept = (value for value in results if not (mode == "dropNN" and _is_no_number(value)))
    return Results.of((_reduced(value, reducer, mode, replacement) for value in kept), notices)


def _is_no_number(value: Value) -> bool:
    return value.kind is Kind.NUMBER and not np.isfinite(value.cells)


def _reduced(value: Value, reducer: str, mode: Mode, replacement: float) -> Value:
    if value.kind is Kind.NUMBER:
        replaced = mode == "replaceNN" and _is_no_number(value)
        return Value.number(replacement, value.labels) if replaced else value
    if value.kind is Kind.SCALAR:
        raise invalid("can only reduce type series, got type scalar")
    with np.errstate(all="ignore"):
        cleaned = _cleaned(value, mode, replacement)
        number = reduced(cleaned.cells, cleaned.nulls, reducer)
    if number is not None and np.isnan(number):
        if mode == "dropNN":
            number = None
        elif mode == "replaceNN":
            number = replacement
    return Value.number(number, value.labels)


def reduced(cells: Floats, nulls: Bools | None, reducer: str) -> float | None:
    """Of a series as it is. A null or NaN anywhere makes it NaN, but for count, first and last."""
    if not len(cells):
        return _OF_NONE.get(reducer, float("nan"))
    if reducer == "count":
        return float(len(cells))
    if reducer in ("last", "first"):
        place = -1 if reducer == "last" else 0
        return None if nulls is not None and nulls[place] else float(cells[place])
    if np.isnan(cells).any():
        return float("nan")
    return REDUCERS[reducer](cells)


def _cleaned(value: Value, mode: Mode, replacement: float) -> _Cleaned:
    if mode == "dropNN":
        return _Cleaned(value.cells[np.isfinite(value.cells)], None)
    if mode == "replaceNN":
        return _Cleaned(np.where(np.isfinite(value.cells), value.cells, replacement), None)
    return _Cleaned(value.cells, value.nulls)
