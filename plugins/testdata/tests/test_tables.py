from __future__ import annotations

import math
import threading
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from headwater.calls import CallContext, Progress
from headwater.errors import DownstreamConnectionError, DownstreamError, QueryCanceledError, QueryError
from headwater.frames import Frame, FrameStream
from headwater_testdata.noise import random_bits
from headwater_testdata.scenarios.types import ROWS

Ask = Callable[..., list[Frame]]
Stream = Callable[..., FrameStream]


def test_all_types_is_valid_arrow_with_one_null_per_column(ask: Ask) -> None:
    [frame] = ask("all_types")
    frame.table.validate(full=True)
    without_nulls_of_their_own = {"row", "null", "dense_union", "run_end_encoded"}
    for field in frame.fields:
        if field.name not in without_nulls_of_their_own:
            assert field.values.null_count == 1, field.name
    assert frame.table.column("row").to_pylist() == list(ROWS)


def test_all_types_holds_every_type_class_that_arrow_can_build(ask: Ask) -> None:
    [frame] = ask("all_types")
    ids = {field.type.id for field in frame.fields}
    unreachable = {"Type_BASE", "Type_INTERVAL_MONTHS", "Type_INTERVAL_DAY_TIME"}
    left_out = {"Type_SPARSE_UNION", "Type_LARGE_LIST_VIEW"}  # dense_union and list_view stand for them
    names = {name for name in dir(pa.lib) if name.startswith("Type_")} - unreachable - left_out
    assert {name for name in names if getattr(pa.lib, name) not in ids} == set()


def test_all_types_has_nan_and_the_extremes(ask: Ask) -> None:
    [frame] = ask("all_types", types=["float64", "int64", "uint64"])
    assert frame.table.column_names == ["row", "float64", "int64", "uint64"]
    assert math.isnan(frame.table.column("float64")[4].as_py())
    assert frame.table.column("int64").to_pylist()[1:3] == [-(2**63), 2**63 - 1]
    assert frame.table.column("uint64")[2].as_py() == 2**64 - 1


def test_an_unknown_type_is_a_callers_error_that_lists_the_types(ask: Ask) -> None:
    with pytest.raises(QueryError, match=r"no column 'int65'; it has: null, bool, int8"):
        ask("all_types", types=["int65"])


@given(st.integers(0, 500), st.integers(1, 200))
def test_rows_do_not_depend_on_how_they_are_cut(first: int, count: int) -> None:
    assert random_bits(3, 0, first + count)[first:].tolist() == random_bits(3, first, count).tolist()


@pytest.mark.parametrize("batch_rows", [1, 7, 100, 1000])
def test_streamed_rows_are_the_same_whatever_the_batches(stream: Stream, batch_rows: int) -> None:
    with stream("streaming_rows", rows=100, batchRows=batch_rows) as batches:
        sizes = [batch.num_rows for batch in batches]
    assert sum(sizes) == 100
    assert max(sizes) == min(batch_rows, 100)
    with stream("streaming_rows", rows=100, batchRows=batch_rows) as batches:
        frame = batches.collect()
    with stream("streaming_rows", rows=100) as batches:
        assert frame.equals(batches.collect())


def test_a_stream_may_fail_in_its_midst(stream: Stream) -> None:
    with stream("streaming_rows", rows=100, batchRows=30, failAfterRows=45, error="connection") as batches:
        assert [next(batches).num_rows, next(batches).num_rows] == [30, 15]
        with pytest.raises(DownstreamConnectionError):
            next(batches)


def test_streams_report_their_progress(stream: Stream) -> None:
    seen: list[Progress] = []
    with stream("streaming_rows", CallContext(on_progress=seen.append), rows=10, batchRows=4) as batches:
        batches.collect()
    assert [(progress.rows, progress.total_rows) for progress in seen] == [(4, 10), (8, 10), (10, 10)]


def test_an_endless_stream_ends_when_its_call_is_cancelled(stream: Stream) -> None:
    context = CallContext()
    with stream("endless", context, batchRows=10) as batches:
        assert [next(batches).num_rows for _ in range(5)] == [10] * 5
        context.cancel()
        with pytest.raises(QueryCanceledError):
            next(batches)


def test_a_slow_query_ends_when_it_is_cancelled_from_another_thread(ask: Ask) -> None:
    context = CallContext()
    timer = threading.Timer(0.05, context.cancel)
    timer.start()
    with pytest.raises(QueryCanceledError):
        ask("slow", context, delayMs=600_000)
    timer.join()


def test_csv_text_becomes_a_typed_table(ask: Ask) -> None:
    [frame] = ask("csv", csvContent="city,people,share\nBern,134794,1.5\nGenève,,0.5\n")
    assert frame.to_pylist() == [
        {"city": "Bern", "people": 134794, "share": 1.5},
        {"city": "Genève", "people": None, "share": 0.5},
    ]


@pytest.mark.parametrize("text", ["", "  \n", "a,b\n1,2,3\n"])
def test_text_that_is_no_csv_is_a_callers_error(ask: Ask, text: str) -> None:
    with pytest.raises(QueryError, match="csvContent"):
        ask("csv", csvContent=text)


def test_no_data_has_columns_and_no_rows(ask: Ask) -> None:
    [frame] = ask("no_data")
    assert (frame.num_columns, frame.num_rows) == (4, 0)


def test_errors_come_in_the_kind_asked_for(ask: Ask) -> None:
    with pytest.raises(DownstreamError, match="disk full"):
        ask("error", message="disk full")
    with pytest.raises(RuntimeError):
        ask("error", error="bug")
    with pytest.raises(QueryError):
        ask("error", error="caller")


def test_request_shows_what_reached_the_plugin(ask: Ask) -> None:
    [frame] = ask("request", CallContext(request_id="r-1", timeout=60))
    [row] = frame.to_pylist()
    assert (row["ref_id"], row["interval_ms"], row["request_id"]) == ("A", 60_000, "r-1")
    assert 0 < row["seconds_left"] <= 60
