"""From rows to time series: Grafana's rules, one by one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from headwater.errors import ErrorSource, QueryError
from headwater.frames import Fill, FillMode, Frame, FrameMeta, FrameType
from headwater.models import TimeRange
from headwater.sdk.sql import EpochColumns, EpochUnit, ExpandedQuery, epoch_to_timestamp, time_series
from headwater_mysql.metric import metric_index
from headwater_mysql.protocol.columns import Column
from headwater_mysql.protocol.constants import ColumnFlag, ColumnType as T

HOUR = TimeRange.from_epoch_ms(0, 3_600_000)
TEXT = 45


def millis(*minutes: int) -> pa.Array:
    return pa.array([minute * 60_000 for minute in minutes]).cast(pa.timestamp("ms", "UTC"))


def series(
    columns: dict[str, Any],
    kinds: list[Column] | None = None,
    query: ExpandedQuery | None = None,
    max_rows: int | None = 1000,
    time_range: TimeRange = HOUR,
) -> Frame:
    frame = Frame(pa.table(columns), meta=FrameMeta(executed_query_string="SQL"))
    kinds = kinds or [
        Column(name, T.VAR_STRING if values.type == pa.string() else T.DOUBLE, charset=TEXT)
        for name, values in columns.items()
    ]
    return time_series(frame, metric_index(kinds), query or ExpandedQuery("SQL"), time_range, max_rows)


def test_the_time_column_is_renamed_and_values_become_floats() -> None:
    frame = series({"time": millis(0, 1), "n": pa.array([1, None]), "u": pa.array([2, 3], pa.uint8())})
    assert frame.schema.names == ["Time", "n", "u"]
    assert frame.schema.types[1:] == [pa.float64(), pa.float64()]
    assert frame.table.column(1).to_pylist() == [1.0, None]
    assert frame.meta is not None
    assert (frame.meta.type, frame.meta.executed_query_string) == (FrameType.TIME_SERIES_WIDE, "SQL")


def test_no_column_is_called_like_the_renamed_time_column() -> None:
    times = {"time": millis(0, 1), "Time": pa.array([1.0, 2.0]), "Time_2": pa.array([3.0, 4.0])}
    frame = series(times)
    assert frame.schema.names == ["Time", "Time_3", "Time_2"]
    assert [column.to_pylist() for column in frame.table.columns[1:]] == [[1.0, 2.0], [3.0, 4.0]]
    metric = {"time": millis(0), "metric": pa.array(["Time"]), "value": pa.array([1.0])}
    assert series(metric).schema.names == ["Time", "Time_2"]


def test_text_columns_become_labels() -> None:
    frame = series(
        {
            "time_sec": millis(0, 0, 1),
            "host": pa.array(["a", "b", "a"]),
            "zone": pa.array(["x", "x", "x"]),
            "value": pa.array([1.0, 2.0, 3.0]),
        }
    )
    assert [(field.name, dict(field.labels)) for field in frame.fields[1:]] == [
        ("value", {"host": "a", "zone": "x"}),
        ("value", {"host": "b", "zone": "x"}),
    ]
    assert [column.to_pylist() for column in frame.table.columns[1:]] == [[1.0, 3.0], [2.0, None]]


def test_a_lone_metric_names_its_series_as_grafana_7_did() -> None:
    frame = series({"time": millis(0, 0), "metric": pa.array(["a", "b"]), "value": pa.array([1.0, 2.0])})
    assert [(field.name, dict(field.labels)) for field in frame.fields] == [
        ("Time", {}),
        ("a", {}),
        ("b", {}),
    ]


def test_another_lone_label_stays_a_label() -> None:
    frame = series({"time": millis(0), "host": pa.array(["a"]), "value": pa.array([1.0])})
    assert [(field.name, dict(field.labels)) for field in frame.fields[1:]] == [("value", {"host": "a"})]


def test_a_numeric_metric_counts_as_text() -> None:
    kinds = [Column("time", T.LONGLONG), Column("metric", T.LONG), Column("value", T.DOUBLE)]
    columns = {"time": millis(0), "metric": pa.array([7], pa.int32()), "value": pa.array([1.0])}
    assert series(columns, kinds).schema.names == ["Time", "7"]


def test_the_metric_is_the_first_text_column_but_no_enum() -> None:
    columns = [
        Column("time", T.DATETIME),
        Column("size", T.STRING, int(ColumnFlag.ENUM), TEXT),
        Column("blob", T.BLOB, charset=63),
        Column("host", T.VAR_STRING, charset=TEXT),
        Column("zone", T.VAR_STRING, charset=TEXT),
    ]
    assert metric_index(columns) == 3
    assert metric_index([*columns, Column("metric", T.LONG)]) == 5
    assert metric_index(columns[:3]) is None


def test_durations_are_values_in_seconds() -> None:
    frame = series({"time": millis(0), "took": pa.array([timedelta(milliseconds=1500)], pa.duration("us"))})
    assert frame.table.column(1).to_pylist() == [1.5]


def test_a_column_that_is_no_value_is_refused_by_name() -> None:
    with pytest.raises(QueryError, match="convert value to float failed: column 'blob'"):
        series({"time": millis(0), "blob": pa.array([b"x"])})


@pytest.mark.parametrize("columns", [{"t": millis(0)}, {"time": pa.array(["noon"])}])
def test_a_missing_time_column_is_reported_in_grafanas_words(columns: dict[str, Any]) -> None:
    with pytest.raises(QueryError, match="db has no time column: time column is missing") as caught:
        series({**columns, "v": pa.array([1.0])})
    assert caught.value.source is ErrorSource.DOWNSTREAM


def test_unsorted_times_are_refused() -> None:
    with pytest.raises(QueryError, match=r"failed to convert long to wide series.*not sorted") as caught:
        series({"time": millis(1, 0), "m": pa.array(["a", "a"]), "v": pa.array([1.0, 2.0])})
    assert caught.value.source is ErrorSource.DOWNSTREAM


def test_null_times_are_refused() -> None:
    times = pa.array([None, 1]).cast(pa.timestamp("ms", "UTC"))
    with pytest.raises(QueryError, match="null time values"):
        series({"time": times, "m": pa.array(["a", "a"]), "v": pa.array([1.0, 2.0])})


def test_no_rows_give_a_frame_without_columns() -> None:
    frame = series({"time": millis(), "v": pa.array([], pa.float64())})
    assert (frame.num_columns, frame.num_rows) == (0, 0)
    assert frame.meta is not None
    assert frame.meta.executed_query_string == "SQL"


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        (Fill(FillMode.NULL), [None, 1.0, None, 3.0, None, None]),
        (Fill(FillMode.VALUE, -1), [-1.0, 1.0, -1.0, 3.0, -1.0, -1.0]),
        (Fill(FillMode.PREVIOUS), [None, 1.0, 1.0, 3.0, 3.0, 3.0]),
    ],
)
def test_gaps_are_filled_on_the_grid_of_the_group(fill: Fill, expected: list[float | None]) -> None:
    query = ExpandedQuery("SQL", fill, timedelta(minutes=1))
    time_range = TimeRange.from_epoch_ms(30_000, 5 * 60_000 + 1)  # the grid begins at 0, a minute's multiple
    frame = series({"time": millis(1, 3), "v": pa.array([1.0, 3.0])}, query=query, time_range=time_range)
    assert frame.table.column(0).cast(pa.int64()).to_pylist() == [n * 60_000_000_000 for n in range(6)]
    assert frame.table.column(1).to_pylist() == expected


def test_filling_is_skipped_with_a_notice_where_it_would_exceed_the_row_limit() -> None:
    query = ExpandedQuery("SQL", Fill(FillMode.NULL), timedelta(seconds=1))
    frame = series({"time": millis(1), "v": pa.array([1.0])}, query=query, max_rows=100)
    assert frame.num_rows == 1
    assert [notice.text for notice in frame.notices] == [
        (
            "Fill operation skipped: time range and interval would require more points than the "
            "configured row limit"
        )
    ]


@pytest.mark.parametrize(
    ("numbers", "milliseconds"),
    [
        (pa.array([1_523_556_000, None]), [1_523_556_000_000, None]),
        (pa.array([1_523_556_000_123]), [1_523_556_000_123]),
        (pa.array([1_523_556_000_123_456_789]), [1_523_556_000_123]),
        (pa.array([1_523_556_000_123_456_789], pa.uint64()), [1_523_556_000_123]),
        (pa.array([2**64 - 1], pa.uint64()), [None]),
        (pa.array([999_999_999, 10_000_000_000, -5]), [999_999_999, 10_000_000_000, -5]),
        (pa.array([1_523_556_000.25]), [1_523_556_000_250]),
        (pa.array([float("nan"), 1e300]), [None, None]),
        (pa.array(["1523556000.5"]).cast(pa.decimal128(20, 6)), [1_523_556_000_500]),
    ],
)
def test_epochs_are_told_apart_by_their_size(numbers: pa.Array, milliseconds: list[int | None]) -> None:
    assert epoch_to_timestamp(numbers).cast(pa.int64()).to_pylist() == milliseconds


@pytest.mark.parametrize(
    ("unit", "numbers", "milliseconds"),
    [
        (EpochUnit.SECONDS, pa.array([915_235_200, 0, -86_400]), [915_235_200_000, 0, -86_400_000]),
        (EpochUnit.SECONDS, pa.array([32_503_680_000]), [32_503_680_000_000]),  # the year 3000
        (EpochUnit.SECONDS, pa.array([1_523_556_000_123]), [1_523_556_000_123]),  # not what the macro made
        (EpochUnit.SECONDS, pa.array(["915235200.123"]).cast(pa.decimal128(20, 3)), [915_235_200_123]),
        (EpochUnit.NANOSECONDS, pa.array([915_235_200_123_456_789]), [915_235_200_123]),
        (EpochUnit.NANOSECONDS, pa.array([-86_400_000_000_000_000]), [-86_400_000_000]),
        (EpochUnit.NANOSECONDS, pa.array([1_523_556_000]), [1_523_556_000_000]),
    ],
)
def test_epochs_that_macros_count_in_a_known_unit_are_not_guessed(
    unit: EpochUnit, numbers: pa.Array, milliseconds: list[int]
) -> None:
    assert epoch_to_timestamp(numbers, {unit}).cast(pa.int64()).to_pylist() == milliseconds


@pytest.mark.parametrize("thousandths", range(0, 1000, 37))
def test_fractions_of_seconds_keep_their_millisecond(thousandths: int) -> None:
    numbers = pa.array([f"1523556000.{thousandths:03}"]).cast(pa.decimal128(20, 6))
    assert epoch_to_timestamp(numbers).cast(pa.int64()).to_pylist() == [1_523_556_000_000 + thousandths]


def test_rows_that_a_filled_series_leaves_out_are_told() -> None:
    query = ExpandedQuery("SQL", Fill(FillMode.NULL), timedelta(minutes=1))
    frame = series({"time": millis(1, 90), "v": pa.array([1.0, 2.0])}, query=query)
    assert [notice.text.split(";")[0] for notice in frame.notices] == [
        "1 of 2 row(s) have no time within the query's time range and are left out"
    ]


def test_a_series_that_lies_wholly_outside_the_range_is_told() -> None:
    frame = series({"time": millis(90, 91), "v": pa.array([1.0, 2.0])})
    assert [notice.text.split(";")[0] for notice in frame.notices] == [
        "2 of 2 row(s) have no time within the query's time range"
    ]
    assert not series({"time": millis(1, 91), "v": pa.array([1.0, 2.0])}).notices


def test_only_columns_named_for_time_are_converted() -> None:
    schema = pa.schema([(name, pa.int64()) for name in ("time", "time_sec", "TimeEnd", "Time", "value")])
    batch = pa.RecordBatch.from_arrays([pa.array([1_523_556_000])] * 5, schema=schema)
    columns = EpochColumns(schema)
    converted = columns.convert(batch)
    assert converted.schema == columns.schema
    kinds = [pa.types.is_timestamp(type_) for type_ in converted.schema.types]
    assert kinds == [True, False, True, False, False]


def test_real_timestamps_are_left_alone() -> None:
    schema = pa.schema([("time", pa.timestamp("us")), ("timeend", pa.string())])
    assert EpochColumns(schema).schema == schema
