"""A frame's JSON is Grafana's, key by key and byte by byte where bytes matter."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.frames import (
    Field,
    FieldConfig,
    Frame,
    FrameError,
    FrameInclude,
    FrameMeta,
    FrameType,
    encode_frame,
    iter_frame,
    json_text,
)


@pytest.fixture(params=["orjson", "standard library"], autouse=True)
def json_library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "standard library":
        monkeypatch.setattr(json_text, "orjson", None)


def values(*columns: Any, **types: pa.DataType) -> Any:
    frame = Frame.from_fields([Field(f"c{index}", column) for index, column in enumerate(columns)])
    return json.loads(encode_frame(frame))["data"]


def test_the_whole_form() -> None:
    frame = Frame.from_fields(
        [
            Field("time", pa.array([1_500_000_001, 2_000_000_000], pa.timestamp("ns")), nullable=False),
            Field(
                "v",
                [math.nan, None],
                type=pa.float64(),
                labels={"b": "1", "a": "2"},
                config=FieldConfig(unit="s"),
            ),
        ],
        name="n",
        ref_id="A",
        meta=FrameMeta(type=FrameType.TIME_SERIES_WIDE, type_version=(0, 1)),
    )
    assert encode_frame(frame).decode() == (
        '{"schema":{"name":"n","refId":"A","meta":{"type":"timeseries-wide","typeVersion":[0,1]},"fields":['
        '{"name":"time","type":"time","typeInfo":{"frame":"time.Time"}},'
        '{"name":"v","type":"number","typeInfo":{"frame":"float64","nullable":true},'
        '"labels":{"a":"2","b":"1"},"config":{"unit":"s"}}]},'
        '"data":{"values":[[1500,2000],[null,null]],"entities":[null,{"NaN":[0]}],"nanos":[[1,0],null]}}'
    )


def test_a_frame_without_columns_has_empty_lists() -> None:
    assert encode_frame(Frame(pa.table({}))) == b'{"schema":{"fields":[]},"data":{"values":[]}}'


def test_columns_without_rows_have_empty_lists() -> None:
    assert values(pa.array([], pa.int64()), pa.array([], pa.string())) == {"values": [[], []]}


def test_schema_and_data_can_be_written_apart() -> None:
    frame = Frame.from_pydict({"a": [1]})
    schema = encode_frame(frame, FrameInclude.SCHEMA)
    data = encode_frame(frame, FrameInclude.DATA)
    assert json.loads(schema).keys() == {"schema"}
    assert data == b'{"data":{"values":[[1]]}}'
    assert schema[:-1] + b"," + data[1:] == encode_frame(frame)


def test_nan_and_infinities_are_null_with_their_rows_in_entities() -> None:
    column = pa.array([math.nan, math.inf, 1.0, -math.inf, None, math.nan])
    assert values(column, pa.array([1] * 6)) == {
        "values": [[None, None, 1.0, None, None, None], [1] * 6],
        "entities": [{"NaN": [0, 5], "Inf": [1], "NegInf": [3]}, None],
    }


def test_nulls_alone_need_no_entities() -> None:
    assert values(pa.array([None, 1.5])) == {"values": [[None, 1.5]]}


def test_times_are_milliseconds_and_the_rest_nanoseconds() -> None:
    before_epoch = pa.array([-1, -1_000_001, None], pa.timestamp("ns"))
    assert values(before_epoch) == {"values": [[-1, -2, None]], "nanos": [[999_999, 999_999, 0]]}
    micro = pa.array([1_500, -1], pa.timestamp("us"))
    assert values(micro) == {"values": [[1, -1]], "nanos": [[500_000, 999_000]]}
    assert values(pa.array([1, -1], pa.timestamp("s"))) == {"values": [[1000, -1000]]}


def test_nanoseconds_are_written_for_whole_columns_that_need_them() -> None:
    fine, coarse = pa.array([0, 1], pa.timestamp("ns")), pa.array([0, 1_000_000], pa.timestamp("ns"))
    assert values(fine, coarse)["nanos"] == [[0, 1], None]
    assert "nanos" not in values(coarse)


def test_float32_has_its_own_shortest_text() -> None:
    column = pa.array(np.array([1e-45, 3.4028235e38, 0.1], np.float32))
    text = encode_frame(Frame.from_pydict({"a": column}), FrameInclude.DATA)
    assert text == b'{"data":{"values":[[1e-45,3.4028235e+38,0.1]]}}'


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("signed", [True, False])
def test_integers_are_exact_to_their_last_value(bits: int, signed: bool) -> None:
    type_ = getattr(pa, f"{'int' if signed else 'uint'}{bits}")()
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    for numbers in ([low, high, None, 0], [low, None, 1], [high, None], [None, None], [low, high]):
        assert values(pa.array(numbers, type_))["values"] == [numbers]


def test_booleans_may_be_null() -> None:
    text = encode_frame(Frame.from_pydict({"a": [True, None, False]}), FrameInclude.DATA)
    assert text == b'{"data":{"values":[[true,null,false]]}}'


HARD = ['"', "\\", "\n\t\r\b\f", "\x00\x1f", "é😀", "", "null", '"\x01"', "</script>", "\u2028"]


@pytest.mark.parametrize("rows", [10, 5_000])
def test_strings_are_escaped_whatever_route_they_take(rows: int) -> None:
    repeated = (HARD * (rows // len(HARD) + 1))[:rows]
    distinct = [f"{text}{number}" for number, text in enumerate(repeated)]
    plain = [f"plain-{number}" for number in range(rows)]
    with_nulls = [None if number % 3 == 0 else text for number, text in enumerate(plain)]
    beyond_ascii = [f"é😀{number}" for number in range(rows)]
    columns = [repeated, [None, *repeated[1:]], distinct, plain, with_nulls, beyond_ascii]
    assert values(*columns)["values"] == columns
    for type_ in (pa.large_string(), pa.string_view()):
        assert values(*[pa.array(column, type_) for column in columns])["values"] == columns


@pytest.mark.parametrize("rows", [10, 5_000])
def test_dictionaries_are_written_as_their_values(rows: int) -> None:
    texts = ["a", None, '"', "é"] * (rows // 4)
    encoded = pa.array(texts).dictionary_encode()
    null_inside = pa.DictionaryArray.from_arrays(pa.array([0, 1, None] * 3), pa.array(["x", None]))
    large = pa.DictionaryArray.from_arrays(pa.array([9_000, 5]), pa.array([str(n) for n in range(10_000)]))
    assert values(encoded)["values"] == [texts]
    assert values(null_inside)["values"] == [["x", None, None] * 3]
    assert values(large)["values"] == [["9000", "5"]]
    assert values(encoded.slice(1, 5))["values"] == [texts[1:6]]


def test_chunks_and_slices_leave_no_trace() -> None:
    texts = [None if number % 7 == 0 else f"x{number % 11}" for number in range(1_000)]
    numbers = [None if number % 5 == 0 else number * 1.5 for number in range(1_000)]
    whole = pa.table({"s": texts, "n": numbers, "b": [n % 2 == 0 for n in range(1_000)]})
    chunked = pa.concat_tables([whole.slice(start, 13) for start in range(0, 1_000, 13)])
    expected = encode_frame(Frame(whole))
    assert encode_frame(Frame(chunked)) == expected
    for rows in (1, 64, 999):
        assert b"".join(iter_frame(Frame(chunked), slice_rows=rows)) == expected


def test_entities_and_nanos_count_rows_over_slices() -> None:
    frame = Frame.from_pydict(
        {"v": [1.0, math.nan, 2.0, math.inf], "t": pa.array([1, 2, 3, 4], pa.timestamp("ns"))}
    )
    data = json.loads(b"".join(iter_frame(frame, slice_rows=1)))["data"]
    assert data["entities"] == [{"NaN": [1], "Inf": [3]}, None]
    assert data["nanos"] == [None, [1, 2, 3, 4]]


def test_wide_values_are_cut_into_bounded_pieces() -> None:
    frame = Frame.from_pydict({"a": [str(number) * 300_000 for number in range(100)]})
    assert max(map(len, iter_frame(frame))) < 20_000_000
    assert json.loads(encode_frame(frame))["data"]["values"] == [frame.table.column(0).to_pylist()]


def test_many_columns_of_numbers_are_written_column_by_column() -> None:
    numbers = np.arange(65_536) / 7
    frame = Frame.from_pydict({f"c{index}": numbers + index for index in range(20)})
    assert max(map(len, iter_frame(frame))) < 25 * len(numbers)


def test_a_column_declared_without_nulls_that_has_some_is_written_as_nullable() -> None:
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False)])
    batch = pa.RecordBatch.from_arrays([pa.array([1, None])], schema=schema)
    written = json.loads(encode_frame(Frame(pa.Table.from_batches([batch]))))
    assert written["schema"]["fields"][0]["typeInfo"] == {"frame": "int64", "nullable": True}


def test_labels_and_config_that_are_empty_are_still_written() -> None:
    field = pa.field("a", pa.int64(), metadata={"labels": "{}", "config": "{}"})
    frame = Frame(pa.table([[1]], schema=pa.schema([field])))
    assert json.loads(encode_frame(frame))["schema"]["fields"][0] == {
        "name": "a",
        "type": "number",
        "typeInfo": {"frame": "int64", "nullable": True},
        "labels": {},
        "config": {},
    }


def test_many_schemas_and_wide_ones_are_written_each_as_it_is() -> None:
    narrow = [Frame.from_pydict({f"c{number}": [number]}) for number in range(600)]
    wide = Frame.from_pydict({f"c{number}": [number] for number in range(600)})
    for frame in (*narrow, wide, *narrow, wide):
        written = json.loads(encode_frame(frame))
        assert [field["name"] for field in written["schema"]["fields"]] == frame.schema.names
        assert written["data"]["values"] == [column.to_pylist() for column in frame.table.columns]


def test_a_config_that_json_cannot_say_is_refused() -> None:
    """Whether a lone surrogate is refused when it is read or when it is written depends on the library."""
    field = pa.field("a", pa.int64(), metadata={"config": r'{"unit":"\ud800"}'})
    with pytest.raises(FrameError, match=r"config: not JSON|the frame's schema is not representable in JSON"):
        encode_frame(Frame(pa.table([[1]], schema=pa.schema([field]))))
