"""The columns of what `query` writes are told apart by their names, whatever the frames call them."""

from __future__ import annotations

import io
from collections.abc import Generator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.calls import CallContext
from headwater.frames import Field, Frame, FrameStream
from headwater.models import QueryChunk
from headwater_server.output.columns import titles
from headwater_server.output.parquet import iter_parquet
from headwater_server.output.rows import rows_of


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["a", "a"], ["a", "a_2"]),
        (["a", "a_2", "a"], ["a", "a_2", "a_3"]),
    ],
)
def test_a_name_that_repeats_gets_a_number_that_is_free(names: list[str], shown: list[str]) -> None:
    assert titles(pa.schema([(name, pa.int64()) for name in names])) == shown
    batch = pa.record_batch([pa.array([number]) for number in range(len(names))], names=names)
    stored = b"".join(iter_parquet(FrameStream(batch.schema, iter([batch]))))
    assert pq.read_table(io.BytesIO(stored)).column_names == shown


CALENDAR = pa.month_day_nano_interval()


@pytest.mark.parametrize(
    ("array", "stored"),
    [
        (pa.array([[(0, 3, 0)], None], pa.list_(CALENDAR)), ['["P0M3DT0S"]', None]),
        (pa.array([{"a": {}}], pa.struct([("a", pa.struct([]))])), ['{"a":{}}']),
        (pa.array([[("k", (2, 0, 0))]], pa.map_(pa.string(), CALENDAR)), ['{"k":"P2M0DT0S"}']),
        (pa.array([[1]], pa.list_(pa.int64())), [[1]]),
    ],
    ids=["a list of intervals", "an empty struct", "a map of intervals", "a list of numbers"],
)
def test_what_parquet_lacks_becomes_text_nested_too(array: pa.Array, stored: list[object]) -> None:
    batch = pa.record_batch([array], names=["v"])
    written = b"".join(iter_parquet(FrameStream(batch.schema, iter([batch]))))
    assert pq.read_table(io.BytesIO(written)).column("v").to_pylist() == stored


@pytest.mark.parametrize("count", [1, 2])
def test_a_label_called_like_a_column_is_not_lost(count: int) -> None:
    def chunks() -> Generator[QueryChunk, None, None]:
        for number in range(count):
            labels = {"value": f"v{number}", "host": "h"}
            frame = Frame.from_fields([Field("value", pa.array([1.0]), labels=labels)])
            yield QueryChunk("A", str(number), frame)

    with CallContext() as context, rows_of(chunks(), context, lambda: None) as stream:
        rows = stream.collect().table.to_pylist()
    assert rows == [{"value": 1.0, "value_2": f"v{number}", "host": "h"} for number in range(count)]
