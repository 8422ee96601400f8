"""Every Arrow type has its place among Grafana's fifteen, and the encoders agree on it."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pytest

from headwater.frames import (
    EnumConfig,
    Field,
    FieldConfig,
    Frame,
    FrameTypeError,
    TypeConfig,
    decode_grafana_file,
    encode_frame,
    encode_grafana_file,
)

ENUM = FieldConfig(type=TypeConfig(EnumConfig(("low", "high"))))
INSTANT = dt.datetime(2024, 5, 15, 12, 0, tzinfo=dt.UTC)
INSTANT_MS = 1_715_774_400_000


def union(values: list[Any]) -> pa.Array:
    kinds = pa.array([0 if isinstance(value, int) else 1 for value in values], pa.int8())
    numbers = pa.array([value for value in values if isinstance(value, int)], pa.int64())
    texts = pa.array([value for value in values if isinstance(value, str)])
    offsets = pa.array([0, 0], pa.int32())
    return pa.UnionArray.from_dense(kinds, offsets, [numbers, texts])


def alternatives(values: pa.Array) -> pa.Array:
    zeros = [0] * len(values)
    return pa.UnionArray.from_dense(
        pa.array(zeros, pa.int8()), pa.array(range(len(values)), pa.int32()), [values]
    )


CALENDAR = pa.month_day_nano_interval()
CASES: list[tuple[pa.Array, str, list[Any]]] = [
    (pa.array([1, None], pa.int8()), "int8", [1, None]),
    (pa.array([2**64 - 1, None], pa.uint64()), "uint64", [2**64 - 1, None]),
    (pa.array([2**63 - 1, -(2**63)], pa.int64()), "int64", [2**63 - 1, -(2**63)]),
    (pa.array([np.float16(1.5), None], pa.float16()), "float32", [1.5, None]),
    (pa.array([1.5, None], pa.float32()), "float32", [1.5, None]),
    (pa.array([True, None]), "bool", [True, None]),
    (pa.array([decimal.Decimal("1.10"), None]), "float64", [1.1, None]),
    (pa.array([decimal.Decimal("1.10"), None], pa.decimal256(60, 2)), "float64", [1.1, None]),
    (pa.array(["a", None]), "string", ["a", None]),
    (pa.array(["a", None], pa.large_string()), "string", ["a", None]),
    (pa.array(["a", None], pa.string_view()), "string", ["a", None]),
    (pa.array([INSTANT, None], pa.timestamp("us", "Asia/Tokyo")), "time.Time", [INSTANT_MS, None]),
    (pa.array([INSTANT, None], pa.timestamp("s")), "time.Time", [INSTANT_MS, None]),
    (pa.array([dt.date(1970, 1, 2), None]), "time.Time", [86_400_000, None]),
    (pa.array([dt.date(1970, 1, 2), None], pa.date64()), "time.Time", [86_400_000, None]),
    (pa.array([dt.time(13, 5, 0, 250_000), None], pa.time32("ms")), "string", ["13:05:00.250", None]),
    (pa.array([dt.timedelta(seconds=2), None], pa.duration("ms")), "int64", [2000, None]),
    (
        pa.array([(1, 2, 3_500_000_000), (0, -1, -1), (0, 0, 0), None], pa.month_day_nano_interval()),
        "string",
        ["P1M2DT3.5S", "P0M-1DT-0.000000001S", "P0M0DT0S", None],
    ),
    (pa.array(["a", "b", None, "a"]).dictionary_encode(), "string", ["a", "b", None, "a"]),
    (pa.array([1, 2, 1]).dictionary_encode(), "int64", [1, 2, 1]),
    (pc.run_end_encode(pa.array([1, 1, 2])), "int64", [1, 1, 2]),
    (pa.array([[1, None], None, []], pa.list_(pa.int64())), "json.RawMessage", [[1, None], None, []]),
    (pa.array([[1]], pa.list_view(pa.int64())), "json.RawMessage", [[1]]),
    (pa.array([[1, 2]], pa.list_(pa.int64(), 2)), "json.RawMessage", [[1, 2]]),
    (
        pa.array([{"a": decimal.Decimal("1.5"), "b": INSTANT}]),
        "json.RawMessage",
        [{"a": 1.5, "b": "2024-05-15T12:00:00+00:00"}],
    ),
    (
        pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
        "json.RawMessage",
        [{"k": 1}, {}, None],
    ),
    (pa.array([[(1, "x")]], pa.map_(pa.int64(), pa.string())), "json.RawMessage", [[[1, "x"]]]),
    (union([1, "x"]), "json.RawMessage", [1, "x"]),
    (
        alternatives(pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))),
        "json.RawMessage",
        [{"k": 1}],
    ),
    (
        alternatives(pa.array([[(1, (0, 3, 0))]], pa.map_(pa.int64(), CALENDAR))),
        "json.RawMessage",
        [[[1, "P0M3DT0S"]]],
    ),
    (pa.array([[(0, 3, 0), None]], pa.list_(CALENDAR)), "json.RawMessage", [["P0M3DT0S", None]]),
    (pa.array([{"a": (2, 0, 0)}], pa.struct([("a", CALENDAR)])), "json.RawMessage", [{"a": "P2M0DT0S"}]),
    (pa.array([{}, None], pa.struct([])), "json.RawMessage", [{}, None]),
    (pa.array([b"\xff\x00", None]), "string", ["/wA=", None]),
    (pa.array([b"ab"], pa.binary(2)), "string", ["YWI="]),
    (pa.array([b"ab"], pa.binary_view()), "string", ["YWI="]),
    (
        pa.array([uuid.UUID(int=1).bytes, None], pa.uuid()),
        "string",
        ["00000000-0000-0000-0000-000000000001", None],
    ),
    (pa.nulls(2), "string", [None, None]),
]
if hasattr(pa, "json_"):  # pyarrow 19
    CASES.append((pa.array(['{"a": [1]}', None], pa.json_()), "json.RawMessage", [{"a": [1]}, None]))
if hasattr(pa, "bool8"):
    CASES.append((pa.array([1, None], pa.bool8()), "bool", [True, None]))
NAMES = [str(array.type) for array, _, _ in CASES]


@pytest.mark.parametrize(("array", "grafana_type", "values"), CASES, ids=NAMES)
def test_an_arrow_type_becomes_its_grafana_type_in_json(
    array: pa.Array, grafana_type: str, values: list[Any]
) -> None:
    written = json.loads(encode_frame(Frame.from_fields([Field("x", array)])))
    assert written["schema"]["fields"][0]["typeInfo"] == {"frame": grafana_type, "nullable": True}
    assert written["data"]["values"] == [values]


@pytest.mark.parametrize(("array", "grafana_type", "values"), CASES, ids=NAMES)
def test_an_arrow_type_becomes_the_same_grafana_type_in_a_file(
    array: pa.Array, grafana_type: str, values: list[Any]
) -> None:
    frame = Frame.from_fields([Field("x", array)])
    again = json.loads(encode_frame(decode_grafana_file(encode_grafana_file(frame))))
    assert again == json.loads(encode_frame(frame))


def test_a_duration_says_its_unit() -> None:
    frame = Frame.from_fields([Field("x", pa.array([1], pa.duration("us")))])
    assert json.loads(encode_frame(frame))["schema"]["fields"][0]["config"] == {"unit": "µs"}
    chosen = frame.with_configs({"x": FieldConfig(unit="short")})
    assert json.loads(encode_frame(chosen))["schema"]["fields"][0]["config"] == {"unit": "short"}


def test_a_dictionary_with_enum_texts_becomes_their_places() -> None:
    column = pa.array(["high", "low", None, "high"]).dictionary_encode()
    written = json.loads(encode_frame(Frame.from_fields([Field("x", column, config=ENUM)])))
    assert written["schema"]["fields"][0]["type"] == "enum"
    assert written["data"]["values"] == [[1, 0, None, 1]]


def test_a_dictionary_value_without_an_enum_text_is_refused() -> None:
    column = pa.array(["high", "middle"]).dictionary_encode()
    with pytest.raises(FrameTypeError, match="column 'x': enum texts lack 'middle'"):
        encode_frame(Frame.from_fields([Field("x", column, config=ENUM)]))


def test_small_numbers_with_enum_texts_are_an_enum() -> None:
    frame = Frame.from_fields([Field("x", pa.array([1, 0], pa.uint16()), config=ENUM)])
    assert json.loads(encode_frame(frame))["schema"]["fields"][0]["typeInfo"]["frame"] == "enum"


def test_a_time_beyond_nanoseconds_is_written_in_json() -> None:
    frame = Frame.from_pydict({"t": pa.array([dt.datetime(9999, 12, 31, tzinfo=dt.UTC)], pa.timestamp("us"))})
    assert json.loads(encode_frame(frame))["data"]["values"] == [[253_402_214_400_000]]


def test_a_time_beyond_milliseconds_is_refused() -> None:
    frame = Frame.from_pydict({"t": pa.array([2**62], pa.timestamp("s"))})
    with pytest.raises(FrameTypeError, match="column 't': a time is beyond"):
        encode_frame(frame)


def test_a_json_column_with_something_else_is_refused() -> None:
    field = pa.field("x", pa.string(), metadata={"tstype": "other"})
    frame = Frame(pa.table([['{"a":']], schema=pa.schema([field])))
    with pytest.raises(FrameTypeError, match="column 'x': a JSON column holds a text that is not JSON"):
        encode_frame(frame)


def nested(array: pa.Array) -> Any:
    return json.loads(encode_frame(Frame.from_fields([Field("x", array)])))["data"]["values"][0]


def test_values_inside_nested_columns_become_plain_json() -> None:
    leaves = {
        "date": dt.date(2024, 5, 15),
        "time": dt.time(1, 2, 3),
        "duration": dt.timedelta(seconds=1.5),
        "bytes": b"\xff",
        "whole": decimal.Decimal("12345678901234567890"),
        "part": decimal.Decimal("0.5"),
        "nan": float("nan"),
    }
    assert nested(pa.array([leaves])) == [
        {
            "date": "2024-05-15",
            "time": "01:02:03",
            "duration": 1.5,
            "bytes": "/w==",
            "whole": 12345678901234567890,
            "part": 0.5,
            "nan": None,
        }
    ]


def test_maps_inside_lists_and_lists_inside_maps_are_followed() -> None:
    maps = pa.array([[[("a", 1)], []]], pa.list_(pa.map_(pa.string(), pa.int64())))
    assert nested(maps) == [[{"a": 1}, {}]]
    lists = pa.array([[("a", [1, None])]], pa.map_(pa.large_string(), pa.list_(pa.int64())))
    assert nested(lists) == [{"a": [1, None]}]
    dictionaries = pa.array([["x", None]], pa.list_(pa.dictionary(pa.int32(), pa.string())))
    assert nested(dictionaries) == [["x", None]]
    runs = pa.ListArray.from_arrays([0, 3], pc.run_end_encode(pa.array(["ab", "ab", None])))
    assert nested(runs) == [["ab", "ab", None]]
    uuids = pa.ListArray.from_arrays([0, 1], pa.array([uuid.UUID(int=1).bytes], pa.uuid()))
    assert nested(uuids) == [["00000000-0000-0000-0000-000000000001"]]


def test_values_inside_unions_become_plain_json() -> None:
    assert nested(alternatives(pa.array([[dt.date(2024, 5, 15), None], []]))) == [["2024-05-15", None], []]
    assert nested(alternatives(pa.array([{"a": b"\xff", "b": None}]))) == [{"a": "/w==", "b": None}]


def test_a_nested_text_that_is_not_utf8_is_refused() -> None:
    offsets = pa.py_buffer(np.array([0, 1], np.int32))
    text = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"\xff")])
    frame = Frame.from_fields([Field("x", pa.ListArray.from_arrays([0, 1], text))])
    with pytest.raises(FrameTypeError, match="column 'x': a nested value is 'utf-8' codec can't decode"):
        encode_frame(frame)


def test_an_extension_that_is_not_known_is_written_as_its_storage() -> None:
    storage = pa.array([[1, 2], None], pa.list_(pa.int32(), 2))
    tensors = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.int32(), [2]), storage)
    assert nested(tensors) == [[1, 2], None]


def test_a_type_without_a_counterpart_is_refused() -> None:
    """Python makes no such type, but databases may send it: its unit is the last byte but one here."""
    schema = pa.schema([pa.field("x", CALENDAR)]).serialize().to_pybytes()
    days = pa.ipc.read_schema(pa.py_buffer(schema[:-2] + b"\x01\x00")).field(0).type
    assert str(days) == "day_time_interval"
    with pytest.raises(FrameTypeError, match="Arrow type day_time_interval has no counterpart"):
        encode_frame(Frame(pa.Table.from_batches([], pa.schema([("x", days)]))))


def test_a_nested_time_that_python_cannot_hold_is_refused() -> None:
    column = pa.array([[2**62]], pa.list_(pa.timestamp("s")))
    with pytest.raises(FrameTypeError, match="column 'x'"):
        encode_frame(Frame.from_fields([Field("x", column)]))


def test_chunks_of_a_type_that_arrow_cannot_join_are_written_one_by_one() -> None:
    chunks = [pc.run_end_encode(pa.array([1, 1])), pc.run_end_encode(pa.array([2]))]
    assert nested(pa.chunked_array(chunks)) == [1, 1, 2]
    unions = pa.chunked_array([union([1, "x"]), union([2, "y"])])
    assert nested(unions) == [1, "x", 2, "y"]
    lists = [pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([[number]])) for number in (1, 2)]
    assert nested(pa.chunked_array(lists)) == [[1], [2]]
