"""Arrow columns from parsed JSON arrays, whole columns at a time; a fault is looked for once there is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headwater.frames import json_text
from headwater.frames.errors import FrameDecodeError
from headwater.frames.field_type import FieldType

_NONE: type[object] = type(None)
#: Python types that a column's values may have as they are.
_PLAIN: dict[FieldType, set[type[object]]] = {
    FieldType.STRING: {str},
    FieldType.BOOL: {bool},
    FieldType.TIME: {int},
    FieldType.FLOAT32: {int, float},
    FieldType.FLOAT64: {int, float},
}


def read_column(
    field_type: FieldType, values: list[Any], path: str, *, nullable: bool, nanos: list[int] | None
) -> pa.Array:
    """The column of `values`: numbers may also come as text, times as fractions of milliseconds.

    :raises FrameDecodeError: a value does not fit the type; the path names its row.
    """
    if field_type is FieldType.JSON:
        return _read_json(values, nullable)
    kinds: set[type[object]] = set(map(type, values))
    nulls = _NONE in kinds
    if kinds - {_NONE} - _PLAIN.get(field_type, {int}):
        values = [_coerced(field_type, value, f"{path}[{row}]") for row, value in enumerate(values)]
    if nulls and not nullable:
        zero = {FieldType.STRING: "", FieldType.BOOL: False}.get(field_type, 0)
        values = [zero if value is None else value for value in values]
    try:
        if field_type is FieldType.TIME:
            return _read_times(values, nanos)
        return pa.array(values, field_type.arrow_type)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        if field_type in {FieldType.FLOAT32, FieldType.FLOAT64} and int in kinds:
            return _read_large_integers(field_type, values, path)
        raise _fault(field_type, values, path) from error


def _read_json(values: list[Any], nullable: bool) -> pa.Array:
    texts = [None if value is None and nullable else json_text.dumps(value).decode() for value in values]
    return pa.array(texts, pa.string())


def _read_times(values: list[Any], nanos: list[int] | None) -> pa.Array:
    """Times in the finest unit that reaches all of them."""
    milliseconds = pa.array(values, pa.int64())
    valid = milliseconds.is_valid().to_numpy(zero_copy_only=False)
    ticks = milliseconds.fill_null(0).to_numpy()
    below = _below_milliseconds(nanos) if nanos is not None else np.zeros(len(ticks), np.int64)
    for unit, per_ms in (("ns", 1_000_000), ("us", 1_000)):
        rest = below // (1_000_000 // per_ms)
        if _fits(ticks, rest, per_ms):
            # What the product wraps around at the lowest milliseconds, the sum wraps back.
            return pa.array(ticks * per_ms + rest, pa.int64(), mask=~valid).view(pa.timestamp(unit))
    return milliseconds.cast(pa.timestamp("ms"))


def lost_precision(times: pa.Array, nanos: list[int] | None) -> int:
    """How many of `times`, which `read_column` made with `nanos`, lack a part that their unit cannot say."""
    if nanos is None or times.type.unit == "ns":
        return 0
    lost = _below_milliseconds(nanos) % (1_000 if times.type.unit == "us" else 1_000_000) != 0
    return int(np.count_nonzero(lost & times.is_valid().to_numpy(zero_copy_only=False)))


def _below_milliseconds(nanos: list[int]) -> npt.NDArray[np.int64]:
    return np.array([item or 0 for item in nanos], np.int64)


def _fits(milliseconds: npt.NDArray[np.int64], rest: npt.NDArray[np.int64], per_ms: int) -> bool:
    """Whether each of `milliseconds`, times `per_ms` and plus its `rest`, is a 64-bit integer."""
    low, low_rest = divmod(np.iinfo(np.int64).min, per_ms)
    high, high_rest = divmod(np.iinfo(np.int64).max, per_ms)
    above_low = (milliseconds > low) | ((milliseconds == low) & (rest >= low_rest))
    below_high = (milliseconds < high) | ((milliseconds == high) & (rest <= high_rest))
    return bool((above_low & below_high).all())


def _read_large_integers(field_type: FieldType, values: list[Any], path: str) -> pa.Array:
    """Floats of which some are written as integers that are not exact in their type: Arrow refuses those."""
    floats: list[float | None] = []
    for row, value in enumerate(values):
        try:
            floats.append(None if value is None else float(value))
        except OverflowError as error:
            raise _misfit(field_type, value, f"{path}[{row}]") from error
    return pa.array(floats, field_type.arrow_type)


def _coerced(field_type: FieldType, value: Any, path: str) -> Any:
    """A value of another Python type than the column's, as Grafana's decoder takes it."""
    kind: type[object] = type(value)
    if value is None or kind in _PLAIN.get(field_type, {int}):
        return value
    try:
        if field_type in {FieldType.FLOAT32, FieldType.FLOAT64} and kind is str:
            return float(value)
        if field_type is FieldType.TIME and kind is float:
            return int(value)
        if field_type not in _PLAIN and (kind is str or (kind is float and value.is_integer())):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise FrameDecodeError(f"expected {field_type}, got {_shown(value)}", path=path)


def _fault(field_type: FieldType, values: list[Any], path: str) -> FrameDecodeError:
    """The error for the first value that Arrow refuses."""
    arrow_type = pa.int64() if field_type is FieldType.TIME else field_type.arrow_type
    for row, value in enumerate(values):
        try:
            pa.scalar(value, arrow_type)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            return _misfit(field_type, value, f"{path}[{row}]")
    return FrameDecodeError(  # pragma: no cover - Arrow takes a column whose values it takes one by one
        f"the values do not fit {field_type}", path=path
    )


def _misfit(field_type: FieldType, value: Any, path: str) -> FrameDecodeError:
    return FrameDecodeError(f"{_shown(value)} does not fit {field_type}", path=path)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
