"""What stands in the cells for which a time series has no value."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from headwater.frames.errors import TimeSeriesError

from .kind import Ints


class FillMode(IntEnum):
    """Numbers are those of Grafana's `fillMode`."""

    PREVIOUS = 0
    NULL = 1
    VALUE = 2
    ZERO = 3  # what Grafana does without a fill mode: the type's zero value, null in nullable columns


@frozen
class Fill:
    """How to fill cells without a value. `value` counts for `FillMode.VALUE` and for numeric columns only."""

    mode: FillMode = FillMode.NULL
    value: float = 0.0


def gather(values: pa.Array, rows: Ints, fill: Fill, *, nullable: bool) -> pa.Array:
    """`values` at `rows`; a row of -1 is a missing cell, for which `fill` decides.

    FillMode.ZERO leaves it null in a column that was `nullable` before.

    For FillMode.PREVIOUS, `rows` must name the previous rows already; what is -1 then stays null.
    """
    missing = rows < 0
    if not missing.any():
        return values.take(pa.array(rows))
    gathered = values.take(pa.array(rows, mask=missing))
    if fill.mode not in {FillMode.VALUE, FillMode.ZERO} or (fill.mode is FillMode.ZERO and nullable):
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
    """`value` as a scalar of `type_`, or None if columns of this type are not filled.

    :raises TimeSeriesError: the type cannot hold the value.
    """
    types = pa.types
    plain: Any
    if types.is_floating(type_):
        plain = float(value)
    elif types.is_integer(type_):
        plain = int(value)
    elif types.is_decimal(type_):
        plain = Decimal(str(value))
    elif mode is FillMode.ZERO and types.is_temporal(type_):
        plain = 0
    else:
        return None
    try:
        return pa.scalar(plain, type_)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise TimeSeriesError(f"cannot fill a column of {type_} with {value}") from error


def _put(array: pa.Array, missing: npt.NDArray[np.bool_], constant: pa.Scalar) -> pa.Array:
    return pc.if_else(pa.array(missing), constant, array)
