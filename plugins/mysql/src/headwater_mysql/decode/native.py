"""The native row decoder: `_native.cpp` behind the face of `RowDecoder`. ImportError where it isn't built."""

from __future__ import annotations

import pyarrow as pa

from headwater_mysql.decode._native import Decoder
from headwater_mysql.decode.rows import Framing
from headwater_mysql.decode.types import ResultPlan
from headwater_mysql.protocol.packets import MalformedPacketError


class NativeRowDecoder:
    """Decodes without the GIL."""

    def __init__(self, plan: ResultPlan, framing: Framing, sequence: int = 0) -> None:
        self._schema = plan.schema
        self._decoder = Decoder(
            [(column.kind, column.precision, column.scale) for column in plan.columns],
            framing.binary,
            framing.deprecate_eof,
            framing.batch_rows,
            framing.batch_bytes,
            framing.max_row_bytes,
            sequence,
        )

    @property
    def rows(self) -> int:
        return self._decoder.rows

    @property
    def full(self) -> bool:
        return self._decoder.full

    @property
    def last(self) -> bytes | None:
        return self._decoder.last

    @property
    def sequence(self) -> int:
        return self._decoder.sequence

    @property
    def zero_dates(self) -> int:
        return self._decoder.zero_dates

    def decode(self, data: memoryview) -> int:
        try:
            return self._decoder.decode(data)
        except ValueError as error:
            raise MalformedPacketError(str(error)) from None

    def take(self) -> pa.RecordBatch:
        try:
            array = self._decoder.take()
        except ValueError as error:
            raise MalformedPacketError(str(error)) from None
        batch = pa.record_batch(_ArrowArray(self._schema.__arrow_c_schema__(), array))
        # Names with a NUL byte end there on Arrow's C interface.
        return pa.RecordBatch.from_arrays(batch.columns, schema=self._schema)


class _ArrowArray:
    """An exporter of the Arrow PyCapsule interface, good for one import."""

    def __init__(self, schema: object, array: object) -> None:
        self._capsules = schema, array

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        del requested_schema
        return self._capsules
