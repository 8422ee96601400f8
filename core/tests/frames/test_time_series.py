"""Long, wide and multi: what a series loses or keeps on the way from one to the other."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from headwater.frames import (
    Field,
    FieldConfig,
    Fill,
    FillMode,
    Frame,
    FrameMeta,
    FrameType,
    Notice,
    SeriesKind,
    TimeSeriesError,
    labels_fingerprint,
    labels_text,
    long_to_multi,
    long_to_wide,
    resample,
    series_schema,
    wide_to_long,
    wide_to_multi,
)
from headwater.models import TimeRange


def times(*seconds: int | None) -> pa.Array:
    return pa.array(seconds, pa.timestamp("s"))


def long_frame(**changes: Any) -> Frame:
    columns = {
        "time": times(1, 1, 2, 3, 3),
        "value": [1.0, 2.0, 3.0, 4.0, 5.0],
        "host": ["a", "b", "a", "a", "b"],
    }
    return Frame.from_pydict({**columns, **changes}, name="cpu", ref_id="A")


def series(frame: Frame) -> dict[str, list[Any]]:
    return {
        f"{field.name}{{{labels_text(field.labels)}}}": field.values.to_pylist() for field in frame.fields[1:]
    }


class TestSchema:
    def test_text_and_bool_columns_are_factors_and_the_rest_values(self) -> None:
        frame = long_frame(up=[True] * 5, count=[1] * 5)
        schema = series_schema(frame)
        assert (schema.kind, schema.time, schema.values, schema.factors) == (
            SeriesKind.LONG,
            0,
            (1, 4),
            (2, 3),
        )

    def test_without_factors_a_series_is_wide(self) -> None:
        assert series_schema(Frame.from_pydict({"t": times(1), "v": [1]})).kind is SeriesKind.WIDE

    @pytest.mark.parametrize("columns", [{"v": [1]}, {"t": times(1)}, {"t": times(1), "s": ["a"]}])
    def test_without_time_or_values_there_is_no_series(self, columns: dict[str, Any]) -> None:
        assert series_schema(Frame.from_pydict(columns)).kind is SeriesKind.NOT

    def test_the_first_time_column_is_the_index(self) -> None:
        frame = Frame.from_pydict({"v": [1], "t": times(1), "u": times(2)})
        schema = series_schema(frame)
        assert (schema.time, schema.values) == (1, (0, 2))


class TestLongToWide:
    def test_each_series_becomes_a_labelled_column(self) -> None:
        wide = long_to_wide(long_frame())
        assert wide.table.column(0).cast(pa.int64()).to_pylist() == [1, 2, 3]
        assert series(wide) == {"value{host=a}": [1.0, 3.0, 4.0], "value{host=b}": [2.0, None, 5.0]}

    def test_name_ref_id_and_meta_are_kept_and_not_shared(self) -> None:
        frame = long_frame().with_(meta=FrameMeta(notices=(Notice.warning("careful"),)))
        wide = long_to_wide(frame)
        assert (wide.name, wide.ref_id, wide.notices) == ("cpu", "A", frame.notices)
        assert wide.meta is not None
        assert (wide.meta.type, wide.meta.type_version) == (FrameType.TIME_SERIES_WIDE, (0, 1))
        assert frame.meta is not None
        assert frame.meta.type == ""

    def test_columns_are_sorted_by_name_then_factor_values(self) -> None:
        frame = long_frame(another=[1, 2, 3, 4, 5], dc=["y", "y", "x", "y", "y"])
        assert list(series(long_to_wide(frame))) == [
            "another{dc=x, host=a}",
            "another{dc=y, host=a}",
            "another{dc=y, host=b}",
            "value{dc=x, host=a}",
            "value{dc=y, host=a}",
            "value{dc=y, host=b}",
        ]

    def test_nulls_and_booleans_become_label_texts(self) -> None:
        frame = Frame.from_pydict({"t": times(1, 1), "v": [1, 2], "s": [None, "x"], "b": [True, False]})
        assert series(long_to_wide(frame)) == {"v{b=true, s=}": [1], "v{b=false, s=x}": [2]}

    def test_of_several_rows_with_one_time_the_last_one_counts(self) -> None:
        frame = Frame.from_pydict({"t": times(1, 1), "v": [1, 2], "s": ["a", "a"]})
        assert series(long_to_wide(frame)) == {"v{s=a}": [2]}

    @pytest.mark.parametrize(
        ("fill", "filled"),
        [
            (Fill(FillMode.NULL), [2.0, None, 5.0]),
            (Fill(FillMode.PREVIOUS), [2.0, 2.0, 5.0]),
            (Fill(FillMode.VALUE, 7), [2.0, 7.0, 5.0]),
            (Fill(FillMode.ZERO), [2.0, None, 5.0]),
        ],
    )
    def test_missing_cells_are_filled_as_asked(self, fill: Fill, filled: list[Any]) -> None:
        assert series(long_to_wide(long_frame(), fill))["value{host=b}"] == filled

    def test_zero_fills_columns_that_are_declared_without_nulls(self) -> None:
        frame = Frame.from_fields(
            [
                Field("t", times(1, 2)),
                Field("v", [1.5, 2.5], nullable=False),
                Field("n", [1, 2]),
                Field("s", ["a", "b"]),
            ]
        )
        assert series(long_to_wide(frame, Fill(FillMode.ZERO))) == {
            "n{s=a}": [1, None],
            "n{s=b}": [None, 2],
            "v{s=a}": [1.5, 0.0],
            "v{s=b}": [0.0, 2.5],
        }

    def test_the_zero_of_a_time_is_the_first_moment(self) -> None:
        frame = Frame.from_fields(
            [
                Field("t", times(1, 2)),
                Field("at", times(1, 2), nullable=False),
                Field("for", pa.array([1, 2], pa.duration("s")), nullable=False),
                Field("json", pa.array([[1], [2]]), nullable=False),
                Field("s", ["a", "b"]),
            ]
        )
        filled = long_to_wide(frame, Fill(FillMode.ZERO))
        assert filled.table.column(1).cast(pa.int64()).to_pylist() == [1, 0]
        assert filled.table.column(3).cast(pa.int64()).to_pylist() == [1, 0]
        assert filled.table.column(5).to_pylist() == [[1], None]

    def test_there_is_no_previous_value_before_the_first(self) -> None:
        frame = Frame.from_pydict({"t": times(1, 2, 3), "v": [1, 2, 3], "s": ["a", "b", "a"]})
        assert series(long_to_wide(frame, Fill(FillMode.PREVIOUS))) == {
            "v{s=a}": [1, 1, 3],
            "v{s=b}": [None, 2, 2],
        }

    def test_a_null_that_is_there_is_not_a_missing_cell(self) -> None:
        frame = Frame.from_pydict({"t": times(1, 2), "v": [1, None], "s": ["a", "a"]})
        assert series(long_to_wide(frame, Fill(FillMode.VALUE, 7))) == {"v{s=a}": [1, None]}

    def test_values_of_any_type_keep_their_type(self) -> None:
        frame = Frame.from_fields(
            [
                Field("t", times(1, 2)),
                Field("d", [Decimal("1.10"), Decimal("2.20")], config=FieldConfig(unit="s")),
                Field("l", [[1], [2]]),
                Field("s", ["a", "b"]),
            ]
        )
        wide = long_to_wide(frame, Fill(FillMode.VALUE, 3))
        assert series(wide) == {
            "d{s=a}": [Decimal("1.10"), Decimal("3.00")],
            "d{s=b}": [Decimal("3.00"), Decimal("2.20")],
            "l{s=a}": [[1], None],
            "l{s=b}": [None, [2]],
        }
        assert wide.field(1).config == FieldConfig(unit="s")

    @pytest.mark.parametrize("type_", [pa.date32(), pa.date64()])
    def test_days_are_times_too(self, type_: pa.DataType) -> None:
        days = pa.array([date(2024, 5, 15), date(2024, 5, 16)], type_)
        frame = Frame.from_pydict({"t": days, "v": [1, 2], "s": ["a", "b"]})
        wide = long_to_wide(frame)
        assert wide.table.column(0).to_pylist() == days.to_pylist()
        assert series(wide) == {"v{s=a}": [1, None], "v{s=b}": [None, 2]}

    def test_dictionary_columns_are_factors(self) -> None:
        frame = long_frame(host=pa.array(["a", "b", "a", "a", "b"]).dictionary_encode())
        assert series(long_to_wide(frame)) == series(long_to_wide(long_frame()))

    @pytest.mark.parametrize(
        ("frame", "message"),
        [
            (
                Frame.from_pydict({"t": times(1), "v": [1]}),
                "can not convert to wide series, expected long format series input but got wide series",
            ),
            (
                Frame.from_pydict({"v": [1]}),
                "can not convert to wide series, expected long format series input but got not series",
            ),
            (long_frame().slice(0, 0), "can not convert to wide series, input fields have no rows"),
            (
                Frame.from_pydict({"t": times(2, 1), "v": [1, 2], "s": ["a", "a"]}),
                (
                    "unable to process the data because it is not sorted in ascending order by time, "
                    "please updated your query to sort the data by time if possible"
                ),
            ),
            (
                Frame.from_pydict({"t": times(1, None), "v": [1, 2], "s": ["a", "a"]}),
                (
                    "unable to process the data to wide series because input has null time values, "
                    "make sure all time values are not null"
                ),
            ),
            (
                Frame.from_fields(
                    [Field("t", times(1)), Field("v", [1]), Field("s", ["a"]), Field("s", ["b"])]
                ),
                "can not convert to wide series, several factor columns are named 's'",
            ),
        ],
    )
    def test_what_is_no_long_series_is_refused(self, frame: Frame, message: str) -> None:
        with pytest.raises(TimeSeriesError) as caught:
            long_to_wide(frame)
        assert str(caught.value) == message

    def test_a_wide_frame_that_would_explode_is_refused(self) -> None:
        frame = Frame.from_pydict(
            {"t": times(*range(1000)), "v": [1] * 1000, "s": [str(number) for number in range(1000)]}
        )
        with pytest.raises(TimeSeriesError, match="1,000,000 cells; the limit is 999,999"):
            long_to_wide(frame, max_cells=999_999)


class TestLongToMulti:
    def test_each_series_becomes_a_frame(self) -> None:
        frames = long_to_multi(long_frame())
        assert [series(frame) for frame in frames] == [
            {"value{host=a}": [1.0, 3.0, 4.0]},
            {"value{host=b}": [2.0, 5.0]},
        ]
        assert [frame.table.column(0).cast(pa.int64()).to_pylist() for frame in frames] == [[1, 2, 3], [1, 3]]
        assert {frame.meta.type for frame in frames if frame.meta} == {FrameType.TIME_SERIES_MULTI}
        assert [(frame.name, frame.ref_id) for frame in frames] == [("cpu", "A")] * 2

    def test_rows_are_sorted_by_time_within_a_series(self) -> None:
        frame = Frame.from_pydict({"t": times(3, 1, 2), "v": [3, 1, 2], "s": ["a", "a", "a"]})
        assert series(long_to_multi(frame)[0]) == {"v{s=a}": [1, 2, 3]}


class TestWideToLong:
    def test_a_row_for_each_time_and_label_set(self) -> None:
        frame = Frame.from_fields(
            [
                Field("t", times(1, 2)),
                Field("v", [1, 2], labels={"host": "a"}),
                Field("v", [3, 4], labels={"host": "b", "dc": "x"}),
                Field("w", [5.0, 6.0], labels={"host": "a"}),
            ],
            ref_id="A",
        )
        long = wide_to_long(frame)
        assert long.schema.names == ["t", "v", "w", "dc", "host"]
        rows = [tuple(row.values())[1:] for row in long.to_pylist()]
        assert rows == [(3, None, "x", "b"), (1, 5.0, "", "a"), (4, None, "x", "b"), (2, 6.0, "", "a")]
        assert long.ref_id == "A"
        assert long.meta is not None
        assert long.meta.type == FrameType.TIME_SERIES_LONG

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ([Field("v", [1])], "expected wide format series input but got not series"),
            ([Field("t", times(1)), Field("v", [1]), Field("s", ["a"])], "but got long series"),
            ([Field("t", times()), Field("v", [], type=pa.int64())], "input fields have no rows"),
            ([Field("t", times(None)), Field("v", [1])], "time may not have nil values"),
            ([Field("t", times(2, 1)), Field("v", [1, 2])], "not sorted in ascending order"),
            ([Field("t", times(1)), Field("v", [1]), Field("v", [1.5], {"a": "b"})], "have different types"),
            ([Field("t", times(1)), Field("v", [1]), Field("v", [2])], "with the same labels"),
        ],
    )
    def test_what_is_no_wide_series_is_refused(self, fields: list[Field], message: str) -> None:
        with pytest.raises(TimeSeriesError, match=message):
            wide_to_long(Frame.from_fields(fields))

    def test_a_label_called_like_a_column_gets_a_number(self) -> None:
        labels = {"time": "x", "value": "y", "value_2": "z"}
        frame = Frame.from_fields(
            [Field("time", times(1)), Field("value", pa.array([1.0]), labels=labels)],
            meta=FrameMeta(type=FrameType.TIME_SERIES_WIDE),
        )
        long = wide_to_long(frame).table
        assert long.column_names == ["time", "value", "time_2", "value_3", "value_2"]
        assert [column[0].as_py() for column in long.columns[1:]] == [1.0, "x", "y", "z"]

    def test_multi_shares_the_times(self) -> None:
        frames = wide_to_multi(long_to_wide(long_frame()))
        assert [series(frame) for frame in frames] == [
            {"value{host=a}": [1.0, 3.0, 4.0]},
            {"value{host=b}": [2.0, None, 5.0]},
        ]


@st.composite
def long_frames(draw: st.DrawFn) -> Frame:
    rows = draw(
        st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc"), st.booleans()), min_size=1, max_size=20)
    )
    rows = sorted(set(rows))
    values = [draw(st.none() | st.integers(0, 99)) for _ in rows]
    moments, hosts, flags = zip(*rows, strict=True)
    return Frame.from_pydict(
        {"t": times(*moments), "h": list(hosts), "f": list(flags), "v": pa.array(values, pa.int64())}
    )


@given(long_frames())
@settings(deadline=None, max_examples=150)
def test_wide_agrees_with_a_dictionary_by_time_and_labels(frame: Frame) -> None:
    expected = {(row["t"], row["h"], str(row["f"]).lower()): row["v"] for row in frame.to_pylist()}
    wide = long_to_wide(frame)
    moments = wide.table.column(0).to_pylist()
    assert moments == sorted({moment for moment, _, _ in expected})
    for field in wide.fields[1:]:
        for moment, value in zip(moments, field.values.to_pylist(), strict=True):
            assert value == expected.get((moment, field.labels["h"], field.labels["f"]))


@given(long_frames())
@settings(deadline=None, max_examples=100)
def test_long_to_wide_to_long_keeps_every_value(frame: Frame) -> None:
    def rows(frame: Frame) -> set[tuple[Any, ...]]:
        return {
            (row["t"], row["h"], str(row["f"]).lower(), row["v"])
            for row in frame.to_pylist()
            if row["v"] is not None
        }

    assert rows(wide_to_long(long_to_wide(frame))) == rows(frame)


class TestResample:
    WIDE = Frame.from_pydict({"t": times(-1, 1, 2, 5), "v": [0.0, 1.0, 2.0, 5.0]}, ref_id="A")
    RANGE = TimeRange.from_epoch_ms(0, 8_000)

    @pytest.mark.parametrize(
        ("fill", "values"),
        [
            (Fill(FillMode.NULL), [None, 2.0, None, 5.0, None]),
            (Fill(FillMode.PREVIOUS), [0.0, 2.0, 2.0, 5.0, 5.0]),
            (Fill(FillMode.VALUE, 9), [9.0, 2.0, 9.0, 5.0, 9.0]),
        ],
    )
    def test_each_grid_time_gets_the_last_row_of_its_interval(self, fill: Fill, values: list[Any]) -> None:
        sampled = resample(self.WIDE, self.RANGE, timedelta(seconds=2), fill)
        ticks = sampled.table.column(0).cast(pa.int64()).to_pylist()
        assert [tick // 10**9 for tick in ticks] == [0, 2, 4, 6, 8]
        assert sampled.table.column(1).to_pylist() == values
        assert sampled.ref_id == "A"

    def test_zero_fills_columns_that_are_declared_without_nulls(self) -> None:
        wide = Frame.from_fields([Field("t", times(1)), Field("v", [1], nullable=False), Field("n", [1])])
        sampled = resample(wide, self.RANGE, timedelta(seconds=4), Fill(FillMode.ZERO))
        assert [column.to_pylist() for column in sampled.table.columns[1:]] == [[0, 1, 0], [None, 1, None]]

    def test_an_empty_series_gives_an_empty_grid(self) -> None:
        sampled = resample(self.WIDE.slice(0, 0), self.RANGE, timedelta(seconds=4))
        assert sampled.table.column(1).to_pylist() == [None, None, None]

    def test_the_zone_is_kept(self) -> None:
        frame = Frame.from_pydict({"t": pa.array([0], pa.timestamp("ms", "Asia/Tokyo")), "v": [1]})
        sampled = resample(frame, self.RANGE, timedelta(seconds=8))
        assert sampled.schema.field(0).type == pa.timestamp("ns", "Asia/Tokyo")

    @pytest.mark.parametrize("interval", [timedelta(0), timedelta(seconds=-1)])
    def test_an_interval_must_be_positive(self, interval: timedelta) -> None:
        with pytest.raises(TimeSeriesError, match="must be positive"):
            resample(self.WIDE, self.RANGE, interval)

    def test_a_grid_that_is_too_fine_is_refused(self) -> None:
        with pytest.raises(TimeSeriesError, match="8,001 cells; the limit is 1,000"):
            resample(self.WIDE, self.RANGE, timedelta(milliseconds=1), max_cells=1_000)


def test_labels_have_a_text_form_sorted_by_key() -> None:
    assert labels_text({"b": "2", "a": "1"}) == "a=1, b=2"
    assert labels_text({}) == ""


def test_fingerprints_are_fnv_1_of_keys_and_values() -> None:
    assert labels_fingerprint({}) == 0xCBF29CE484222325
    assert labels_fingerprint({"a": "b", "c": "d"}) == labels_fingerprint({"c": "d", "a": "b"})
    assert labels_fingerprint({"a": "bc"}) != labels_fingerprint({"ab": "c"})
    expected = 0xCBF29CE484222325
    for byte in b"a\xffb\xff":
        expected = expected * 0x100000001B3 % 2**64 ^ byte
    assert labels_fingerprint({"a": "b"}) == expected


def test_nan_is_a_value_not_a_gap() -> None:
    wide = long_to_wide(long_frame(value=[math.nan, 2.0, 3.0, 4.0, 5.0]))
    assert math.isnan(series(wide)["value{host=a}"][0])


def test_a_fill_value_must_fit_its_column() -> None:
    frame = Frame.from_pydict({"t": times(1, 2), "v": pa.array([1, 2], pa.int8()), "s": ["a", "b"]})
    with pytest.raises(TimeSeriesError, match="cannot fill a column of int8 with 1000"):
        long_to_wide(frame, Fill(FillMode.VALUE, 1000))


def test_a_time_beyond_nanoseconds_cannot_be_resampled() -> None:
    frame = Frame(pa.table({"time": times(10_413_792_000), "v": [1.0]}))
    with pytest.raises(TimeSeriesError, match="before 1677 or after 2262"):
        resample(frame, TimeRange.from_epoch_ms(0, 1000), timedelta(seconds=1))
