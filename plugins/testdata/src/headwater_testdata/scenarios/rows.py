"""Tables: of any size, without end, from CSV text, and empty."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from headwater.errors import QueryError
from headwater.frames import Frame, FrameStream
from headwater.sdk import CallContext
from headwater_testdata.noise import random_bits, uniform
from headwater_testdata.query import ScenarioQuery

from .failures import fail
from .scenario import Scenario

_CITIES = pa.array(["Aarau", "Basel", "Bern", "Chur", "Genève", "Lugano", "Sion", "Zürich"])
_EPOCH_MS = 1_700_000_000_000
SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("city", pa.string()),
        pa.field("value", pa.float64()),
    ]
)

ROW_BYTES = 34  # about: the names of the cities are 5 bytes on average


def streaming_rows(query: ScenarioQuery, context: CallContext) -> FrameStream:
    """Rows `first_row` to `rows` in batches of `batch_rows`; a row depends on seed and id only, not on the
    batches."""
    return _stream(query, context, last=query.rows)


def endless(query: ScenarioQuery, context: CallContext) -> FrameStream:
    """Batches until the reader closes the stream or the call is cancelled."""
    return _stream(query, context, last=None)


def csv(query: ScenarioQuery, context: CallContext) -> Frame:
    """`csv_content` as a table; column types are inferred. Raises QueryError for text that is no CSV."""
    if not query.csv_content.strip():
        raise QueryError("Scenario 'csv' needs csvContent: a header line, then rows.")
    from pyarrow import csv as arrow_csv

    try:
        table = arrow_csv.read_csv(io.BytesIO(query.csv_content.encode()))
    except pa.ArrowInvalid as error:
        raise QueryError(f"csvContent is not CSV: {error}") from error
    return Frame.from_table(table, name="csv")


def no_data(query: ScenarioQuery, context: CallContext) -> Frame:
    """A table with columns and no rows."""
    return Frame.from_table(SCHEMA.empty_table(), name="no_data")


def _stream(query: ScenarioQuery, context: CallContext, last: int | None) -> FrameStream:
    return FrameStream(SCHEMA, _batches(query, context, last), name=query.scenario)


def _batches(query: ScenarioQuery, context: CallContext, last: int | None) -> Iterator[pa.RecordBatch]:
    first = query.first_row
    while last is None or first < last:
        context.wait(query.delay_ms / 1000)
        count = query.batch_rows if last is None else min(query.batch_rows, last - first)
        if query.fail_after_rows is not None:
            count = min(count, query.fail_after_rows - first)
            if count == 0:
                fail(query)
        yield _batch(query.seed or 0, first, count)
        first += count
        context.report_progress(rows=first, total_rows=last or 0)


def _batch(seed: int, first: int, count: int) -> pa.RecordBatch:
    ids = np.arange(first, first + count, dtype=np.int64)
    cities = (random_bits(seed, first, count) & np.uint64(len(_CITIES) - 1)).astype(np.int32)  # of 2**n
    columns = [
        pa.array(ids),
        pa.array(_EPOCH_MS + ids * 1000).view(SCHEMA.field("time").type),
        _CITIES.take(pa.array(cities)),
        pa.array(uniform(~seed, first, count) * 100),
    ]
    return pa.record_batch(columns, schema=SCHEMA)


_STREAM_KEYS = ("seed", "batchRows", "delayMs", "failAfterRows", "error", "message")
SCENARIOS = (
    Scenario(
        "streaming_rows",
        "A table of any size, streamed.",
        streaming_rows,
        ("rows", "firstRow", *_STREAM_KEYS),
    ),
    Scenario("endless", "A table that never ends; cancel it.", endless, _STREAM_KEYS),
    Scenario("csv", "The CSV text of the query as a table.", csv, ("csvContent",)),
    Scenario("no_data", "Columns, but no rows.", no_data),
)
