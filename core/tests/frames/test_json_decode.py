"""What Grafana accepts is read; what is wrong is refused with the path to it."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import pyarrow as pa
import pytest

from headwater.frames import (
    Frame,
    FrameDecodeError,
    FrameInclude,
    FrameTooLargeError,
    FrameType,
    append_frame,
    decode_frame,
    encode_frame,
    json_text,
)


@pytest.fixture(params=["orjson", "standard library"], autouse=True)
def json_library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "standard library":
        monkeypatch.setattr(json_text, "orjson", None)


def one_column(frame_type: str, values: list[Any], *, nullable: bool = True, **data: Any) -> Frame:
    field = {"name": "x", "typeInfo": {"frame": frame_type, "nullable": nullable}}
    return decode_frame(json.dumps({"schema": {"fields": [field]}, "data": {"values": [values], **data}}))


def column(frame: Frame) -> list[Any]:
    return list(frame.table.column(0).to_pylist())


def test_everything_a_frame_says_is_read() -> None:
    frame = decode_frame(
        b'{"schema":{"name":"n","refId":"A","meta":{"type":"timeseries-wide","typeVersion":[0,1]},"fields":['
        b'{"name":"v","type":"number","typeInfo":{"frame":"float64"},"labels":{"a":"1"},"config":{"unit":"s"}}'
        b']},"data":{"values":[[1.5]]}}'
    )
    assert (frame.name, frame.ref_id) == ("n", "A")
    assert frame.meta is not None
    assert (frame.meta.type, frame.meta.type_version) == (FrameType.TIME_SERIES_WIDE, (0, 1))
    field = frame.field(0)
    assert (field.name, dict(field.labels), field.nullable) == ("v", {"a": "1"}, False)
    assert field.config is not None
    assert field.config.unit == "s"


@pytest.mark.parametrize(
    ("spelled", "type_"),
    [
        ("int", pa.int64()),
        ("float", pa.float64()),
        ("double", pa.float64()),
        ("*uint8", pa.uint8()),
        ("boolean", pa.bool_()),
        ("time", pa.timestamp("ns")),
        ("json", pa.string()),
    ],
)
def test_other_spellings_of_types_are_read(spelled: str, type_: pa.DataType) -> None:
    assert one_column(spelled, [None]).schema.field(0).type == type_


@pytest.mark.parametrize(
    ("ts_type", "value", "read"),
    [("number", 1, 1.0), ("string", "a", "a"), ("boolean", True, True), ("other", [1], "[1]")],
)
def test_the_short_type_of_front_ends_will_do(ts_type: str, value: Any, read: Any) -> None:
    schema = {"fields": [{"name": "x", "type": ts_type}]}
    assert column(decode_frame(json.dumps({"schema": schema, "data": {"values": [[value]]}}))) == [read]


def test_64_bit_integers_are_exact_and_may_come_as_text() -> None:
    assert column(one_column("uint64", [2**64 - 1, "18446744073709551615", None])) == [
        2**64 - 1,
        2**64 - 1,
        None,
    ]
    assert column(one_column("int64", [-(2**63), "5", 2.0])) == [-(2**63), 5, 2]


def test_floats_take_integers_and_text() -> None:
    assert column(one_column("float64", [1, "1.5", 2**60, None])) == [1.0, 1.5, float(2**60), None]


def test_whole_numbers_that_a_float_rounds_are_read_as_it_rounds_them() -> None:
    assert column(one_column("float32", [2**30, 2**24 + 1, None, 0.5])) == [2.0**30, 2.0**24, None, 0.5]
    assert column(one_column("float64", [2**53 + 1, 2**64, None, 0.5])) == [2.0**53, 2.0**64, None, 0.5]


@pytest.mark.parametrize("frame_type", ["float32", "float64"])
def test_a_whole_number_beyond_all_floats_is_refused_in_its_row(frame_type: str) -> None:
    """orjson has no such number; the standard library's is an integer that no float can hold."""
    with pytest.raises(FrameDecodeError, match=r"not JSON|data\.values\[0\]\[1\]: 1000.* does not fit float"):
        one_column(frame_type, [2**60, 10**400])


def test_entities_restore_nan_and_infinities() -> None:
    entities = [{"NaN": [0], "Inf": [1], "NegInf": [2]}]
    read = column(one_column("float64", [None, None, None, None, 1.0], entities=entities))
    assert math.isnan(read[0])
    assert read[1:] == [math.inf, -math.inf, None, 1.0]


def test_a_fraction_of_a_millisecond_is_cut_off() -> None:
    assert one_column("time.Time", [1.9, -1.9, 2]).table.column(0).cast(pa.int64()).to_pylist() == [
        1_000_000,
        -1_000_000,
        2_000_000,
    ]


def test_nanoseconds_are_added_to_milliseconds() -> None:
    frame = one_column("time.Time", [1, -1, None], nanos=[[5, 999_999, 0]])
    assert frame.table.column(0).cast(pa.int64()).to_pylist() == [1_000_005, -1, None]


@pytest.mark.parametrize(
    ("milliseconds", "nanos", "tick"),
    [(9_223_372_036_854, 775_807, 2**63 - 1), (-9_223_372_036_855, 224_192, -(2**63))],
)
def test_nanoseconds_are_exact_up_to_the_ends_of_64_bits(milliseconds: int, nanos: int, tick: int) -> None:
    frame = one_column("time.Time", [milliseconds, 0], nanos=[[nanos, 5]])
    assert frame.schema.field(0).type == pa.timestamp("ns")
    assert frame.table.column(0).cast(pa.int64()).to_pylist() == [tick, 5]
    assert json.loads(encode_frame(frame))["data"] == {
        "values": [[milliseconds, 0]],
        "nanos": [[nanos, 5]],
    }


def test_a_time_just_beyond_nanoseconds_is_not_wrapped_around() -> None:
    frame = one_column("time.Time", [9_223_372_036_854, 0], nanos=[[775_808, 0]])
    assert frame.schema.field(0).type == pa.timestamp("us")


def test_a_time_beyond_nanoseconds_leaves_the_others_their_microseconds() -> None:
    frame = one_column("time.Time", [253_402_214_400_000, 1], nanos=[[0, 5_000]])
    assert frame.table.column(0).type == pa.timestamp("us")
    assert frame.table.column(0).cast(pa.int64()).to_pylist() == [253_402_214_400_000_000, 1_005]
    assert frame.notices == ()


def test_what_a_time_beyond_nanoseconds_costs_the_others_is_told() -> None:
    frame = one_column("time.Time", [253_402_214_400_000, 1, 2], nanos=[[0, 5_001, 7]])
    assert [notice.severity for notice in frame.notices] == ["warning"]
    assert "column 'x': 2 of the times are cut to us" in frame.notices[0].text


def test_times_beyond_nanoseconds_keep_their_milliseconds() -> None:
    frame = one_column("time.Time", [253_402_214_400_000])
    assert column(frame) == [dt.datetime(9999, 12, 31)]  # noqa: DTZ001


def test_a_time_beyond_microseconds_is_kept_in_milliseconds() -> None:
    frame = one_column("time.Time", [10**17, 1], nanos=[[0, 5]])
    assert frame.schema.field(0).type == pa.timestamp("ms")
    assert frame.table.column(0).cast(pa.int64()).to_pylist() == [10**17, 1]
    assert "column 'x': 1 of the times are cut to ms" in frame.notices[0].text


def test_a_null_in_a_column_without_nulls_is_zero() -> None:
    assert column(one_column("int64", [None, 1], nullable=False)) == [0, 1]
    assert column(one_column("string", [None], nullable=False)) == [""]
    assert column(one_column("bool", [None], nullable=False)) == [False]


def test_json_values_are_kept_as_text() -> None:
    frame = one_column("json.RawMessage", [{"a": [1, None]}, None, "x", 1.5])
    assert column(frame) == ['{"a":[1,null]}', None, '"x"', "1.5"]
    assert json.loads(encode_frame(frame))["data"]["values"] == [[{"a": [1, None]}, None, "x", 1.5]]


def test_enums_stay_enums() -> None:
    frame = one_column("enum", [1, 0])
    assert frame.schema.field(0).type == pa.uint16()
    assert json.loads(encode_frame(frame))["schema"]["fields"][0]["type"] == "enum"


def test_a_schema_alone_is_a_frame_without_rows() -> None:
    frame = Frame.from_pydict({"a": [1], "b": ["x"]}, name="n")
    read = decode_frame(encode_frame(frame, FrameInclude.SCHEMA))
    assert (read.num_rows, read.schema.names, read.name) == (0, ["a", "b"], "n")


def test_data_can_be_appended_to_a_frame() -> None:
    frame = Frame.from_pydict({"a": [1], "t": pa.array([5], pa.timestamp("ns"))}, name="n")
    appended = append_frame(frame, encode_frame(frame, FrameInclude.DATA))
    assert appended.table.column(0).to_pylist() == [1, 1]
    assert appended.table.column(1).cast(pa.int64()).to_pylist() == [5, 5]
    assert appended.name == "n"


def test_appended_data_brings_no_schema() -> None:
    frame = Frame.from_pydict({"a": [1]})
    with pytest.raises(FrameDecodeError, match="schema: unexpected key"):
        append_frame(frame, encode_frame(frame))


@pytest.mark.parametrize(
    ("held", "value"),
    [
        (pa.array([1], pa.timestamp("s")), 1_500),
        (pa.array([[1]]), [2]),
        (pa.array([{"a": 1}]), {"a": 2}),
        (pa.array([dt.time(1)]), "02:00:00"),
    ],
)
def test_data_that_a_column_cannot_hold_is_not_appended(held: pa.Array, value: Any) -> None:
    data = json.dumps({"data": {"values": [[value]]}})
    with pytest.raises(FrameDecodeError, match=r"^data: does not fit the frame"):
        append_frame(Frame.from_pydict({"a": held}), data)


FIELD = {"name": "x", "typeInfo": {"frame": "int64"}}


def with_data(**data: Any) -> dict[str, Any]:
    return {"schema": {"fields": [FIELD]}, "data": data}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([], ""),
        ({"data": {"values": []}}, ""),
        ({"schema": {}, "extra": 1}, "extra"),
        (with_data(values=[[1]], extra=1), "data.extra"),
        ({"schema": {"fields": [{"typeInfo": {"frame": "complex"}}]}}, "schema.fields[0].typeInfo.frame"),
        ({"schema": {"fields": [{"type": "blob"}]}}, "schema.fields[0].type"),
        ({"schema": {"fields": [{**FIELD, "labels": {"a": 1}}]}}, "schema.fields[0].labels.a"),
        ({"schema": {"fields": [{**FIELD, "config": {"unit": 1}}]}}, "schema.fields[0].config.unit"),
        ({"schema": {"fields": [{**FIELD, "config": {"max": True}}]}}, "schema.fields[0].config.max"),
        ({"schema": {"fields": [3]}}, "schema.fields[0]"),
        ({"schema": {"name": 3}}, "schema.name"),
        (with_data(values=[1]), "data.values[0]"),
        (with_data(values={}), "data.values"),
        (with_data(values=[[1], [2]]), "data.values"),
        (with_data(values=[[1, True]]), "data.values[0][1]"),
        (with_data(values=[[1, 1.5]]), "data.values[0][1]"),
        (with_data(values=[[1, "x"]]), "data.values[0][1]"),
        (with_data(values=[[2**70]]), "data.values[0][0]"),
        (with_data(values=[[[]]]), "data.values[0][0]"),
        (with_data(values=[[1]], entities=[{"NaN": [0]}]), "data.entities[0]"),
        (with_data(values=[[1]], nanos=[[1, 2]]), "data.nanos[0]"),
        (with_data(values=[[1]], nanos=[[1_000_000]]), "data.nanos[0][0]"),
        (with_data(values=[[1]], nanos=[None, None]), "data.nanos"),
    ],
)
def test_a_fault_is_refused_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(FrameDecodeError) as caught:
        decode_frame(json.dumps(value))
    assert caught.value.path == path


@pytest.mark.parametrize("entity", [{"NaN": [5]}, {"NaN": [-1]}, {"NaN": ["0"]}, {"Big": [0]}, {"NaN": 0}])
def test_entities_name_rows_that_exist(entity: dict[str, Any]) -> None:
    with pytest.raises(FrameDecodeError):
        one_column("float64", [1.0], entities=[entity])


def test_fields_of_unequal_length_are_refused() -> None:
    value = {"schema": {"fields": [FIELD, FIELD]}, "data": {"values": [[1, 2], [1]]}}
    with pytest.raises(FrameDecodeError, match="field 0 is len 2 but field 1 is len 1"):
        decode_frame(json.dumps(value))


def test_text_that_is_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(FrameTooLargeError, match="the limit is 10"):
        decode_frame(b"{" * 100, max_bytes=10)


@pytest.mark.parametrize("text", [b"", b"{", b"nul", b"\xff", b"{} {}", b'{"schema":NaN}', b"[" * 100_000])
def test_what_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(FrameDecodeError, match="not JSON"):
        decode_frame(text)


def test_json_nested_too_deep_is_refused() -> None:
    deep = '{"schema":{"meta":{"custom":' + "[" * 500_000 + "]" * 500_000 + "}}}"
    with pytest.raises(FrameDecodeError, match="not JSON"):
        decode_frame(deep)
