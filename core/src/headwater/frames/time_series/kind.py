"""Whether a frame is a time series, and which of its columns are time, values and factors."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from attrs import frozen

from headwater.frames.errors import TimeSeriesError
from headwater.frames.field_type import FieldType
from headwater.frames.frame import Frame
from headwater.frames.grafana_types import conversion

Ints = npt.NDArray[np.int64]

#: Most cells that a reshaped frame may have; distinct series would fill memory otherwise.
MAX_CELLS = 50_000_000


class SeriesKind(StrEnum):
    NOT = "not"
    LONG = "long"
    WIDE = "wide"


@frozen
class SeriesSchema:
    """Columns by index: the first time column, the factors (text and bool), the values (all others)."""

    kind: SeriesKind
    time: int = -1
    values: tuple[int, ...] = ()
    factors: tuple[int, ...] = ()


def series_schema(frame: Frame) -> SeriesSchema:
    """What kind of time series `frame` is; a frame without a time column or without values is none."""
    types = [conversion(field).type for field in frame.schema]
    if FieldType.TIME not in types:
        return SeriesSchema(SeriesKind.NOT)
    time = types.index(FieldType.TIME)
    factor_types = {FieldType.STRING, FieldType.BOOL}
    factors = tuple(index for index, type_ in enumerate(types) if type_ in factor_types)
    values = tuple(index for index in range(len(types)) if index != time and index not in factors)
    if not values:
        return SeriesSchema(SeriesKind.NOT, time, values, factors)
    return SeriesSchema(SeriesKind.LONG if factors else SeriesKind.WIDE, time, values, factors)


def one_array(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


def time_ticks(column: pa.ChunkedArray) -> Ints:
    """Times without nulls as counts of the column's unit."""
    array = one_array(column)
    if pa.types.is_date32(array.type):
        array = array.view(pa.int32()).cast(pa.int64())
    ticks: Ints = array.view(pa.int64()).to_numpy()
    return ticks


def require_sorted(ticks: Ints) -> None:
    if len(ticks) and bool((ticks[1:] < ticks[:-1]).any()):
        raise TimeSeriesError(
            "unable to process the data because it is not sorted in ascending order by time, "
            "please updated your query to sort the data by time if possible"
        )


def require_cells(cells: int, max_cells: int) -> None:
    if cells > max_cells:
        raise TimeSeriesError(f"the series would take {cells:,} cells; the limit is {max_cells:,}")
