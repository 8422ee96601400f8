"""Mend a result's types while it streams."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa

from .engine import ArrowResult
from .types import Repair, needs_declared_type, parse_type, plan_repair
from .types.repair import Column, Keep


def mend_types(
    result: ArrowResult, describe: Callable[[], Mapping[str, str]], *, binary_columns: tuple[str, ...] = ()
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The mended schema and batches of `result`.

    `describe` gives the declared type of each column. It costs a round trip, so it is only asked when the
    Arrow types leave a doubt. Reads the first batch, which decides whether a String column is text.
    """
    arrow = result.schema
    doubtful = {field.name for field in arrow if needs_declared_type(field.type)}
    declared = describe() if doubtful else {}
    batches = iter(result)
    first = next(batches, None)
    repairs: list[Repair] = []
    for index, field in enumerate(arrow):
        column = Column(field.name, result.time_zone if doubtful else "", field.name in binary_columns)
        text = declared.get(field.name) if field.name in doubtful else None
        sample = None if first is None else first.column(index)
        repairs.append(plan_repair(field.type, None if text is None else parse_type(text), column, sample))
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
