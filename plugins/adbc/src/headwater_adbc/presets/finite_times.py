"""Times that databases know and Arrow does not: without end, and 24:00:00."""

from __future__ import annotations

from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from headwater.frames import Notice
from headwater_adbc.preset import Columns

_LAST_TIME_OF_DAY: Final = 86_399_999_999


class FiniteTimes(Columns):
    """Times that Arrow has no place for become null, with a notice; also within lists.

    The numbers of all others are from the first to the last.
    """

    first_timestamp: ClassVar[int] = 2 - 2**63
    last_timestamp: ClassVar[int] = 2**63 - 2
    first_date: ClassVar[int] = 2 - 2**31
    last_date: ClassVar[int] = 2**31 - 2

    def __init__(self, schema: pa.Schema) -> None:
        super().__init__(schema)
        self._lost_times = 0

    @property
    def notices(self) -> tuple[Notice, ...]:
        return self.lost(self._lost_times, "infinite or impossible time(s)")

    def convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = [self.finite(column) if has_times(column.type) else column for column in batch.columns]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema) if arrays else batch

    def lost(self, count: int, what: str) -> tuple[Notice, ...]:
        """What to say of `count` values, none if there are none."""
        text = f"{count} {what} became null; cast the column to text to see them"
        return (Notice.warning(text),) if count else ()

    def finite(self, array: pa.Array) -> pa.Array:
        """`array`, of times or of lists of times, with null for those that Arrow has no place for."""
        if pa.types.is_list(array.type):
            finite = self.finite(values := array.values)
            if finite is values:
                return array
            return pa.ListArray.from_arrays(array.offsets, finite, array.type, mask=array.is_null())
        integer, first, last = self._bounds(array.type)
        numbers = array.view(integer)
        least, most = (pc.min_max(numbers)[end].as_py() for end in ("min", "max"))
        if least is None or (first <= least and most <= last):
            return array
        finite = pc.and_(pc.greater_equal(numbers, first), pc.less_equal(numbers, last))
        self._lost_times += pc.sum(pc.invert(finite)).as_py() or 0
        return pc.if_else(finite, array, pa.scalar(None, array.type))

    def _bounds(self, type_: pa.DataType) -> tuple[pa.DataType, int, int]:
        """The numbers of a time's type, and those within which it is one."""
        if pa.types.is_timestamp(type_):
            return pa.int64(), self.first_timestamp, self.last_timestamp
        if pa.types.is_time64(type_):
            per_microsecond = 1000 if type_.unit == "ns" else 1
            return pa.int64(), 0, (_LAST_TIME_OF_DAY + 1) * per_microsecond - 1
        return pa.int32(), self.first_date, self.last_date


def has_times(type_: pa.DataType) -> bool:
    """Whether a column has times, or lists of them."""
    type_ = type_.value_type if pa.types.is_list(type_) else type_
    return bool(pa.types.is_timestamp(type_) or pa.types.is_date32(type_) or pa.types.is_time64(type_))
