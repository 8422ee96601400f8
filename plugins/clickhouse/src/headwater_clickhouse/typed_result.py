"""Mend a result's types while it streams."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa

from headwater.errors import DownstreamProtocolError, HeadwaterError, QueryError

from .engine import ArrowResult
from .types import (
    Column,
    DeclaredType,
    Repair,
    mended_field,
    needs_declared_type,
    parse_type,
    plan_repair,
)
from .types.repair import Convert
from .types.validation import check_values


def mend_types(
    result: ArrowResult,
    describe: Callable[[], Sequence[str]],
    *,
    time_zone: str = "",
    binary_columns: tuple[str, ...] = (),
    intervals: bool = False,
    certain: bool = True,
    drawn: bool = False,
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The mended schema and batches of `result`.

    `describe` gives the columns' declared types in order, or nothing for a statement that cannot be
    described. It costs a round trip, so it is only asked when the Arrow types leave a doubt, or are not
    `certain`. `time_zone` is for columns that name none; default: the engine's. `intervals`: whether an int64
    may be an interval. `drawn`: the columns become series, so that their numbers must be some. Reads the
    first batch, which decides whether a String column is text.
    """
    arrow = result.schema
    check_names(arrow)
    is_doubtful = not certain or any(needs_declared_type(field.type, intervals=intervals) for field in arrow)
    described = describe() if is_doubtful else []
    declared: list[DeclaredType | None] = [parse_type(text) for text in described] or [None] * len(arrow)
    if len(declared) != len(arrow):
        raise DownstreamProtocolError(
            f"The server describes {len(declared)} columns but sends {len(arrow)}. Did the table change?"
        )
    batches = iter(result)
    first = next(batches, None)
    repairs: list[Repair] = []
    try:
        for index, field in enumerate(arrow):
            column = Column(
                field.name, time_zone or result.time_zone, binary=field.name in binary_columns, drawn=drawn
            )
            sample = None if first is None else first.column(index)
            if sample is not None:
                sample.validate()
            repairs.append(plan_repair(field.type, declared[index], column, sample))
    except pa.ArrowInvalid as error:
        raise DownstreamProtocolError(f"The answer of ClickHouse is damaged: {error}") from error
    schema = pa.schema([mended_field(field, repair) for field, repair in zip(arrow, repairs, strict=True)])
    return schema, _mend(schema, repairs, itertools.chain([] if first is None else [first], batches))


def check_names(fields: Iterable[pa.Field]) -> None:
    """Names may be any bytes to ClickHouse. Raises QueryError for one that is no text, nested ones too."""
    for field in fields:
        try:
            _ = field.name
        except UnicodeDecodeError as error:
            raise QueryError(
                "A column's name in the result is not UTF-8 text. Name it with AS in the query."
            ) from error
        check_names(field.type.field(index) for index in range(field.type.num_fields))


def _mend(
    schema: pa.Schema, repairs: list[Repair], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    fits: bool | None = None
    for batch in batches:
        arrived = batch.columns
        if fits is None:
            fits = schema.equals(batch.schema, check_metadata=True)
        try:
            columns = [_mend_column(*pair) for pair in zip(repairs, arrived, strict=True)]
        except pa.ArrowInvalid as error:
            raise _explain(error, schema, repairs, batch) from error
        is_right = fits and all(new is old for new, old in zip(columns, arrived, strict=True))
        yield batch if is_right else pa.RecordBatch.from_arrays(columns, schema=schema)


def _mend_column(repair: Repair, column: pa.Array) -> pa.Array:
    """Buffers, offsets, indices and UTF-8 are checked: nothing from outside is handed on as it came.

    Raises ArrowInvalid for a damaged column.
    """
    column.validate()
    mended = repair.apply(column)
    if not isinstance(repair, Convert):
        check_values(mended)
    return mended


def _explain(
    error: pa.ArrowInvalid, schema: pa.Schema, repairs: list[Repair], batch: pa.RecordBatch
) -> HeadwaterError:
    """Which column is at fault, and whether it holds bytes where text was promised."""
    for field, repair, column in zip(schema, repairs, batch.columns, strict=True):
        try:
            _mend_column(repair, column)
        except pa.ArrowInvalid as fault:
            if "UTF8" not in str(fault):
                break
            return QueryError(
                f"Column {field.name!r} holds bytes that are not UTF-8 text. List it in the query's "
                f'"binaryColumns", or select hex({field.name}) or toValidUTF8({field.name}).'
            )
    return DownstreamProtocolError(f"The answer of ClickHouse is damaged: {error}")
