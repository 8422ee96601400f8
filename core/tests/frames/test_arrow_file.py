"""Grafana's Arrow file: its metadata keys, types and nullability, both ways."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
from collections.abc import Callable

import pyarrow as pa
import pyarrow.ipc
import pytest

from headwater.frames import (
    EnumConfig,
    Field,
    FieldConfig,
    Frame,
    FrameDecodeError,
    FrameMeta,
    FrameTypeError,
    TypeConfig,
    decode_frame,
    decode_grafana_file,
    encode_frame,
    encode_grafana_file,
)


def written(frame: Frame) -> pa.Table:
    reader = pa.ipc.open_file(encode_grafana_file(frame))
    assert reader.num_record_batches == 1
    return reader.read_all()


def as_grafana_writes(*fields: pa.Field, columns: list[pa.Array], **metadata: str) -> bytes:
    schema = pa.schema(fields, metadata={"name": "", "refId": "", **metadata})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    return bytes(sink.getvalue().to_pybytes())


def test_schema_metadata_has_name_and_ref_id_always_and_meta_when_there_is_one() -> None:
    assert written(Frame(pa.table({"a": [1]}))).schema.metadata == {b"name": b"", b"refId": b""}
    frame = Frame(pa.table({"a": [1]}), "n", "A", FrameMeta(path="p"))
    assert written(frame).schema.metadata == {
        b"name": b"n",
        b"refId": b"A",
        b"meta": b'{"typeVersion":[0,0],"path":"p"}',
    }


def test_field_metadata_has_the_ts_type_always_and_labels_and_config_when_given() -> None:
    frame = Frame.from_fields(
        [
            Field("n", [1]),
            Field("s", ["x"], labels={"b": "1", "a": "2"}),
            Field("t", pa.array([1], pa.timestamp("ms")), config=FieldConfig()),
            Field("b", [True]),
            Field("j", [[1]]),
            Field("e", pa.array([0], pa.uint16()), config=FieldConfig(type=TypeConfig(EnumConfig(("a",))))),
        ]
    )
    assert [field.metadata for field in written(frame).schema] == [
        {b"tstype": b"number"},
        {b"tstype": b"string", b"labels": b'{"a":"2","b":"1"}'},
        {b"tstype": b"time", b"config": b"{}"},
        {b"tstype": b"boolean"},
        {b"tstype": b"other"},
        {b"tstype": b"enum", b"config": b'{"type":{"enum":{"text":["a"]}}}'},
    ]


def test_times_are_nanoseconds_without_zone_and_json_is_binary() -> None:
    frame = Frame.from_pydict({"t": pa.array([1], pa.timestamp("s", "Asia/Tokyo")), "j": [{"a": 1}]})
    table = written(frame)
    assert table.schema.types == [pa.timestamp("ns"), pa.binary()]
    assert table.column(0).cast(pa.int64()).to_pylist() == [1_000_000_000]
    assert table.column(1).to_pylist() == [b'{"a":1}']


def test_columns_without_nulls_may_say_so() -> None:
    frame = Frame.from_fields([Field("a", [1], nullable=False), Field("b", [1])])
    assert [field.nullable for field in written(frame).schema] == [False, True]


def test_a_frame_without_rows_still_has_one_batch() -> None:
    frame = Frame(pa.schema([("a", pa.int64())]).empty_table())
    assert written(frame).num_rows == 0
    assert decode_grafana_file(encode_grafana_file(frame)) == frame


def test_a_frame_without_columns_can_be_written() -> None:
    frame = Frame(pa.table({}), ref_id="A", meta=FrameMeta(executed_query_string="SELECT 1"))
    assert decode_grafana_file(encode_grafana_file(frame)) == frame


def test_chunks_become_one_batch() -> None:
    table = pa.concat_tables([pa.table({"a": [1], "d": ["x"]}), pa.table({"a": [2], "d": ["y"]})])
    assert written(Frame(table)).to_pylist() == [{"a": 1, "d": "x"}, {"a": 2, "d": "y"}]


def test_repeated_names_and_special_numbers_survive() -> None:
    frame = Frame.from_fields([Field("v", [math.nan, math.inf]), Field("v", [-math.inf, None])])
    assert decode_grafana_file(encode_grafana_file(frame)) == frame


def test_json_and_enum_columns_come_back_as_such() -> None:
    json_field = pa.field("j", pa.string(), metadata={"tstype": "other"})
    enum_field = pa.field("e", pa.uint16(), metadata={"tstype": "enum"})
    frame = Frame(pa.table([['{"a":1}', None], [0, 1]], schema=pa.schema([json_field, enum_field])))
    assert decode_grafana_file(encode_grafana_file(frame)) == frame


def test_a_file_with_string_views_is_read() -> None:
    data = as_grafana_writes(pa.field("s", pa.string_view()), columns=[pa.array(["a"], pa.string_view())])
    assert decode_grafana_file(data).to_pylist() == [{"s": "a"}]


def test_a_compressed_file_is_read() -> None:
    table = pa.table({"a": list(range(10_000))})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    assert decode_grafana_file(sink.getvalue()).num_rows == 10_000


def test_a_type_that_grafana_does_not_know_is_refused() -> None:
    data = as_grafana_writes(pa.field("d", pa.date32()), columns=[pa.array([1], pa.date32())])
    with pytest.raises(FrameTypeError, match=r"column 'd': Grafana's frames do not hold date32\[day\]"):
        decode_grafana_file(data)


@pytest.mark.parametrize("meta", ["{", '{"typeVersion":"x"}', "[" * 5_000])
def test_malformed_meta_is_refused(meta: str) -> None:
    data = as_grafana_writes(pa.field("a", pa.int64()), columns=[pa.array([1])], meta=meta)
    with pytest.raises(FrameDecodeError, match="meta"):
        decode_grafana_file(data)


def test_labels_must_be_texts() -> None:
    field = pa.field("a", pa.int64(), metadata={"labels": json.dumps({"a": 1})})
    frame = decode_grafana_file(as_grafana_writes(field, columns=[pa.array([1])]))
    with pytest.raises(FrameDecodeError, match="labels of field 'a'"):
        frame.field(0)


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_times_that_nanoseconds_cannot_say_are_null_with_a_notice(unit: str) -> None:
    seconds = [-62_135_596_800, 0, 253_402_214_400, None]  # 0001-01-01, 1970-01-01, 9999-12-31
    times = pa.array(seconds, pa.timestamp("s")).cast(pa.timestamp(unit))
    frame = decode_grafana_file(encode_grafana_file(Frame.from_fields([Field("t", times, nullable=False)])))
    assert frame.table.column(0).cast(pa.int64()).to_pylist() == [None, 0, None, None]
    assert frame.schema.field(0).nullable
    assert [notice.severity for notice in frame.notices] == ["warning"]
    assert "column 't': 2 times are null here" in frame.notices[0].text


def test_dates_that_nanoseconds_cannot_say_are_null_with_a_notice() -> None:
    frame = Frame.from_pydict({"d": [dt.date(9999, 12, 31), dt.date(2024, 1, 1)]})
    read = decode_grafana_file(encode_grafana_file(frame))
    assert read.table.column(0).is_valid().to_pylist() == [False, True]
    assert len(read.notices) == 1


def test_times_at_the_ends_of_nanoseconds_are_kept() -> None:
    ends = pa.array([-(2**63) // 1_000 + 1, (2**63 - 1) // 1_000], pa.timestamp("us"))
    read = decode_grafana_file(encode_grafana_file(Frame.from_pydict({"t": ends})))
    assert read.table.column(0).cast(pa.timestamp("us")).combine_chunks().equals(ends)
    assert read.notices == ()


FAR = [dt.datetime(1, 1, 1), None]  # noqa: DTZ001 - columns without a time zone
UNUSUAL: dict[str, pa.Array] = {
    "times in a dictionary": pa.array(FAR).dictionary_encode(),
    "times by runs": pa.RunEndEncodedArray.from_arrays([2, 3], pa.array(FAR)),
    "times in lists": pa.array([FAR]),
    "a zone": pa.array([dt.datetime(9999, 12, 31, tzinfo=dt.UTC)]),
    "large decimals": pa.array([decimal.Decimal("1e30")], pa.decimal256(60, 2)),
    "structs": pa.array([{"a": dt.date(1, 1, 1), "b": [b"x"]}]),
    "maps": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
    "a union": pa.UnionArray.from_sparse(pa.array([1], pa.int8()), [pa.array([1]), pa.array(["a"])]),
    "views": pa.array([b"x"], pa.binary_view()),
    "views in a dictionary": pa.array(["x", None], pa.string_view()).dictionary_encode(),
    "an interval": pa.array([pa.MonthDayNano([1, 2, 3])]),
    "nothing": pa.nulls(2),
}


@pytest.mark.parametrize("column", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_what_json_can_write_a_file_can_too(column: pa.Array) -> None:
    frame = Frame.from_table(pa.table({"c": column}))
    rows = len(decode_frame(encode_frame(frame)).table)
    assert decode_grafana_file(encode_grafana_file(frame)).num_rows == rows == len(column)


@pytest.mark.parametrize("rows", [3, 5_000])
@pytest.mark.parametrize("tstype", ["string", "other"])
@pytest.mark.parametrize("encode", [encode_frame, encode_grafana_file])
def test_text_that_is_not_utf8_is_not_written(
    encode: Callable[[Frame], bytes], tstype: str, rows: int
) -> None:
    texts = pa.array([b'"%d"' % row for row in range(rows)] + [b'"M\xfcnchen"']).view(pa.string())
    field = pa.field("city", pa.string(), metadata={"tstype": tstype})
    with pytest.raises(FrameTypeError, match=r"column 'city' \(string\) cannot be written"):
        encode(Frame(pa.table([texts], schema=pa.schema([field]))))
