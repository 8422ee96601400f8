"""Mend a result's types while it streams."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from headwater.errors import DownstreamProtocolError

from .engine import ArrowResult
from .types import DeclaredType, Repair, needs_declared_type, parse_type, plan_repair
from .types.repair import Column, Keep


def mend_types(
    result: ArrowResult,
    describe: Callable[[], Sequence[str]],
    *,
    time_zone: str = "",
    binary_columns: tuple[str, ...] = (),
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The mended schema and batches of `result`.

    `describe` gives the columns' declared types in order, or nothing for a statement that cannot be
    described. It costs a round trip, so it is only asked when the Arrow types leave a doubt. `time_zone` is
    for columns that name none; default: the engine's. Reads the first batch, which decides whether a
    String column is text.
    """
    arrow = result.schema
    doubtful = [needs_declared_type(field.type) for field in arrow]
    described = describe() if any(doubtful) else []
    declared: list[DeclaredType | None] = [parse_type(text) for text in described] or [None] * len(arrow)
    if len(declared) != len(arrow):
        raise DownstreamProtocolError(
            f"The server describes {len(declared)} columns but sends {len(arrow)}. Did the table change?"
        )
    batches = iter(result)
    first = next(batches, None)
    repairs: list[Repair] = []
    for index, field in enumerate(arrow):
        column = Column(field.name, time_zone or result.time_zone, field.name in binary_columns)
        sample = None if first is None else first.column(index)
        known = declared[index] if doubtful[index] else None
        repairs.append(plan_repair(field.type, known, column, sample))
    schema = pa.schema([field.with_type(repair.type) for field, repair in zip(arrow, repairs, strict=True)])
    if all(isinstance(repair, Keep) for repair in repairs):
        return arrow, itertools.chain([] if first is None else [first], batches)
    return schema, _mend(schema, repairs, first, batches)


def _mend(
    schema: pa.Schema, repairs: list[Repair], first: pa.RecordBatch | None, rest: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in rest if first is None else itertools.chain([first], rest):
        columns = [repair.apply(column) for repair, column in zip(repairs, batch.columns, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
