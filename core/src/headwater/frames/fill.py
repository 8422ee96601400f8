"""What stands in the cells for which a time series has no value."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from attrs import frozen

from .series_schema import Ints


class FillMode(IntEnum):
    """Numbers are those of Grafana's `fillMode`."""

    PREVIOUS = 0
    NULL = 1
    VALUE = 2
    ZERO = 3  # what Grafana does without a fill mode: the type's zero value


@frozen
class Fill:
    """How to fill cells without a value. `value` counts for `FillMode.VALUE` and for numeric columns only."""

    mode: FillMode = FillMode.NULL
    value: float = 0.0


def gather(values: pa.Array, rows: Ints, fill: Fill) -> pa.Array:
    """`values` at `rows`; a row of -1 is a missing cell, for which `fill` decides.

    For FillMode.PREVIOUS, `rows` must name the previous rows already; what is -1 then stays null.
    """
    missing = rows < 0
    if not missing.any():
        return values.take(pa.array(rows))
    gathered = values.take(pa.array(rows, mask=missing))
    if fill.mode not in {FillMode.VALUE, FillMode.ZERO}:
        return gathered
    constant = _constant(values.type, 0 if fill.mode is FillMode.ZERO else fill.value, fill.mode)
    return gathered if constant is None else _put(gathered, missing, constant)


def previous_rows(rows: Ints) -> Ints:
    """`rows` (series × times) with each -1 replaced by the last row before it in the same series."""
    places = np.where(rows >= 0, np.arange(rows.shape[1]), -1)
    np.maximum.accumulate(places, axis=1, out=places)
    filled = np.take_along_axis(rows, np.maximum(places, 0), axis=1)
    filled[places < 0] = -1
    return filled


def _constant(type_: pa.DataType, value: float, mode: FillMode) -> pa.Scalar | None:
    """`value` as a scalar of `type_`, or None if columns of this type are not filled."""
    types = pa.types
    if types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_):
        whole: Any = int(value) if not types.is_floating(type_) else value
        return (
            pa.scalar(whole, pa.int64()).cast(type_) if types.is_decimal(type_) else pa.scalar(whole, type_)
        )
    if mode is FillMode.ZERO and types.is_boolean(type_):
        return pa.scalar(False)
    if mode is FillMode.ZERO and types.is_temporal(type_):
        return pa.scalar(0, pa.int64()).cast(type_) if type_.bit_width == 64 else None
    return None


def _put(array: pa.Array, missing: npt.NDArray[np.bool_], constant: pa.Scalar) -> pa.Array:
    import pyarrow.compute as pc

    return pc.if_else(pa.array(missing), constant, array)
