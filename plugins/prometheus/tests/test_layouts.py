"""One decoded answer, three shapes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from headwater.errors import LimitExceededError, QueryCanceledError
from headwater.frames import Frame
from headwater_prometheus.layouts import Display, Layout, multi_frames, scalar_frame
from headwater_prometheus.long import long_frame
from headwater_prometheus.series import Histogram, HistogramSample, SeriesBlock
from headwater_prometheus.wide import wide_frame

DISPLAY = Display("m", step_ms=15_000)
HISTOGRAM = Histogram("6", "4.5", [(0, "0.5", "1", "2"), (3, "-0.1", "0.1", "4")])


def block(
    *series: tuple[dict[str, str], list[tuple[int, float]]], histograms: list[HistogramSample] | None = None
) -> SeriesBlock:
    pairs = [pair for _, samples in series for pair in samples]
    return SeriesBlock(
        [labels for labels, _ in series],
        [len(samples) for _, samples in series],
        np.array([time for time, _ in pairs], np.int64),
        np.array([value for _, value in pairs], np.float64),
        histograms or [],
    )


def milliseconds(frame: Frame, column: int = 0) -> list[int]:
    values: list[int] = frame.table.column(column).cast(pa.int64()).to_pylist()
    return values


TWO = block(
    ({"__name__": "m", "a": "1"}, [(1, 1.0), (2, 2.0)]), ({"__name__": "m", "b": "2"}, [(2, math.nan)])
)


def test_long_has_a_column_per_label_with_null_where_a_series_lacks_it() -> None:
    frame = long_frame(TWO, DISPLAY)
    assert frame.table.column_names == ["Time", "__name__", "a", "b", "Value"]
    assert frame.schema.field("a").type == pa.dictionary(pa.int32(), pa.string())
    assert frame.table["a"].to_pylist() == ["1", "1", None]
    assert frame.table["b"].to_pylist() == [None, None, "2"]
    assert milliseconds(frame) == [1, 2, 2]
    assert frame.table["Value"].null_count == 0
    assert frame.meta is not None
    assert frame.meta.type == "timeseries-long"


def test_wide_has_null_where_a_series_has_no_sample_and_keeps_nan() -> None:
    frame = wide_frame(TWO, DISPLAY)
    assert frame.table.column_names == ["Time", 'm{a="1"}', 'm{b="2"}']
    assert frame.table.column(1).to_pylist() == [1.0, 2.0]
    first, second = frame.table.column(2).to_pylist()
    assert first is None
    assert math.isnan(second)
    assert frame.fields[1].labels == {"__name__": "m", "a": "1"}


def test_multi_has_a_frame_per_series_as_grafana_names_them() -> None:
    first, second = multi_frames(TWO, DISPLAY)
    assert first.table.column_names == ["Time", "m"]
    assert first.fields[0].config is not None
    assert first.fields[0].config.interval == 15_000
    assert first.fields[1].labels == {"__name__": "m", "a": "1"}
    assert first.fields[1].config is not None
    assert first.fields[1].config.display_name_from_ds == 'm{a="1"}'
    assert first.meta is not None
    assert (first.meta.type, first.meta.type_version) == ("timeseries-multi", (0, 1))
    assert milliseconds(second) == [2]


def test_a_series_without_a_name_is_called_value_and_by_its_expression() -> None:
    (frame,) = multi_frames(block(({}, [(1, 1.0)])), Display("sum(m)"))
    assert frame.table.column_names == ["Time", "Value"]
    assert frame.fields[1].config is not None
    assert frame.fields[1].config.display_name_from_ds == "sum(m)"


def test_labels_called_like_our_own_columns_get_a_prefix() -> None:
    frame = long_frame(block(({"Time": "t", "Value": "v"}, [(1, 1.0)])), DISPLAY)
    assert frame.table.column_names == ["Time", "label_Time", "label_Value", "Value"]


def test_a_prefix_makes_no_column_twice() -> None:
    labels = {"Time": "t", "label_Time": "u", "label_Time_2": "v"}
    table = long_frame(block((labels, [(1, 1.0)])), DISPLAY).table
    assert table.column_names == ["Time", "label_Time_3", "label_Time", "label_Time_2", "Value"]
    assert [column[0].as_py() for column in table.columns[1:4]] == ["t", "u", "v"]


def test_a_metric_called_like_the_time_column_gets_a_number() -> None:
    named = block(({"__name__": "Time"}, [(1, 1.0)]))
    assert wide_frame(named, DISPLAY).table.column_names == ["Time", "Time_2"]
    (frame,) = multi_frames(named, DISPLAY)
    assert frame.table.column_names == ["Time", "Time_2"]


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["Time", "Value", "label_Time", "label_Value", "__name__"]), st.just("Time")
        ),
        max_size=4,
    )
)
def test_column_names_are_unique_in_every_layout(metrics: list[dict[str, str]]) -> None:
    some = block(*((metric, [(1, 1.0)]) for metric in metrics))
    for frame in (long_frame(some, DISPLAY), wide_frame(some, DISPLAY), *multi_frames(some, DISPLAY)):
        assert len(set(frame.table.column_names)) == frame.num_columns


@pytest.mark.parametrize("layout", [long_frame, wide_frame])
def test_a_call_that_is_over_ends_between_columns(layout: Callable[..., Frame]) -> None:
    def over() -> None:
        raise QueryCanceledError("over")

    with pytest.raises(QueryCanceledError):
        layout(block(({"a": "1"}, [(1, 1.0)])), DISPLAY, over)


def test_duplicate_series_keep_their_samples_apart() -> None:
    twice = block(({"a": "1"}, [(1, 1.0)]), ({"a": "1"}, [(1, 2.0)]))
    assert long_frame(twice, DISPLAY).table["Value"].to_pylist() == [1.0, 2.0]
    assert [column.to_pylist() for column in wide_frame(twice, DISPLAY).table.columns[1:]] == [
        [1.0],
        [2.0],
    ]
    assert len(list(multi_frames(twice, DISPLAY))) == 2


def test_histograms_are_kept_in_every_layout() -> None:
    mixed = block(
        ({"__name__": "m"}, [(1, 7.0)]),
        ({"__name__": "h"}, []),
        histograms=[HistogramSample(0, 2, HISTOGRAM), HistogramSample(1, 2, HISTOGRAM)],
    )
    buckets = [
        {"boundaries": 0, "low": 0.5, "high": 1.0, "count": 2.0},
        {"boundaries": 3, "low": -0.1, "high": 0.1, "count": 4.0},
    ]
    whole = {"count": 6.0, "sum": 4.5, "buckets": buckets}

    long = long_frame(mixed, DISPLAY)
    assert long.table["Value"].to_pylist() == [7.0, None, None]
    assert long.table["Histogram"].to_pylist() == [None, whole, whole]
    assert long.table["__name__"].to_pylist() == ["m", "m", "h"]

    wide = wide_frame(mixed, DISPLAY)
    assert wide.table.column_names == ["Time", "m", "m histogram", "h"]
    assert wide.table["m histogram"].to_pylist() == [None, whole]

    values, heatmap, other = multi_frames(mixed, DISPLAY)
    assert values.table["m"].to_pylist() == [7.0]
    assert heatmap.table.column_names == ["xMax", "yMin", "yMax", "count", "yLayout"]
    assert heatmap.table["yLayout"].to_pylist() == [0, 3]
    assert heatmap.table["count"].to_pylist() == [2.0, 4.0]
    assert heatmap.meta is not None
    assert heatmap.meta.type == "heatmap-cells"
    assert other.name == "h"


def test_a_wide_frame_that_would_blow_up_is_refused_before_it_is_made() -> None:
    scattered = block(*(({"n": str(n)}, [(n, 1.0)]) for n in range(100)))
    with pytest.raises(LimitExceededError, match="long layout"):
        wide_frame(scattered, DISPLAY, max_bytes=10_000)


@pytest.mark.parametrize("layout", list(Layout))
def test_scalars_are_numeric_frames_of_one_row(layout: Layout) -> None:
    frame = scalar_frame(5, "1.5", "scalar", Display("1+0.5"), layout)
    assert frame.table.column("Value").to_pylist() == [1.5]
    assert frame.meta is not None
    assert (frame.meta.type, frame.meta.custom) == (f"numeric-{layout}", {"resultType": "scalar"})


def test_a_string_is_a_text_outside_the_contract() -> None:
    frame = scalar_frame(5, "text", "string", Display('"text"'), Layout.MULTI)
    assert frame.table.column("Value").to_pylist() == ["text"]
    assert frame.meta is not None
    assert frame.meta.type_version == (0, 0)


SERIES = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y"]), max_size=3),
        st.dictionaries(st.integers(0, 30), st.floats(), max_size=8).map(lambda held: sorted(held.items())),
    ),
    max_size=6,
)


@given(SERIES)
def test_all_layouts_hold_the_same_samples(
    series: list[tuple[dict[str, str], list[tuple[int, float]]]],
) -> None:
    decoded = block(*series)
    expected = [[(time, repr(value)) for time, value in samples] for _, samples in series]

    multi = [
        [
            (time, repr(value))
            for time, value in zip(milliseconds(frame), frame.table.column(1).to_pylist(), strict=True)
        ]
        for frame in multi_frames(decoded, DISPLAY)
    ]
    assert multi == expected

    wide = wide_frame(decoded, DISPLAY)
    times = milliseconds(wide)
    assert times == sorted({time for samples in expected for time, _ in samples})
    assert [
        [
            (time, repr(value))
            for time, value in zip(times, column.to_pylist(), strict=True)
            if value is not None
        ]
        for column in wide.table.columns[1:]
    ] == expected

    long = long_frame(decoded, DISPLAY)
    rows = [
        (time, repr(value))
        for time, value in zip(milliseconds(long), long.table["Value"].to_pylist(), strict=True)
    ]
    assert rows == [pair for samples in expected for pair in samples]
    for name in long.table.column_names[1:-1]:
        per_row = [labels.get(name) for labels, samples in series for _ in samples]
        assert long.table[name].to_pylist() == per_row
