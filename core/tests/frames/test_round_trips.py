"""Encoding then decoding gives the frame back, for every type, in every codec."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress
from typing import Any
from unittest import mock

import pyarrow as pa
from hypothesis import given, settings, strategies as st

from headwater.frames import (
    EnumConfig,
    Field,
    FieldConfig,
    Frame,
    FrameDecodeError,
    FrameMeta,
    FrameType,
    Notice,
    Severity,
    TypeConfig,
    append_frame,
    decode_frame,
    decode_grafana_file,
    decode_stream,
    encode_frame,
    encode_grafana_file,
    encode_stream,
    iter_frame,
    json_text,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LABELS = st.dictionaries(TEXT, TEXT, max_size=3)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
ENUM_CONFIG = FieldConfig(type=TypeConfig(EnumConfig(("low", "middle", "high"))))
JSON_CONFIG = FieldConfig(unit="json")
#: Arrow type, its values, config.
KINDS: list[tuple[pa.DataType, st.SearchStrategy[Any], FieldConfig | None]] = [
    *(
        (getattr(pa, f"{sign}int{bits}")(), st.integers(*bounds), None)
        for bits in (8, 16, 32, 64)
        for sign, bounds in (("", (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)), ("u", (0, 2**bits - 1)))
    ),
    (pa.float32(), st.floats(width=32), None),
    (pa.float64(), st.floats(), None),
    (pa.string(), TEXT, None),
    (pa.bool_(), st.booleans(), None),
    (pa.timestamp("ns"), st.integers(-(2**62), 2**62), FieldConfig(interval=1000)),
    (pa.uint16(), st.integers(0, 2), ENUM_CONFIG),
    (pa.string(), JSON_VALUES.filter(lambda value: value is not None), JSON_CONFIG),
]


NUMBERS = [kind for kind in KINDS if kind[2] is None and kind[0] != pa.string()] + [
    (pa.timestamp(unit, zone), st.integers(-(2**53), 2**53), None)
    for unit, zone in (("ms", None), ("ms", "Europe/Zurich"), ("s", None), ("us", "UTC"))
]


@st.composite
def frames_of_numbers(draw: st.DrawFn) -> Frame:
    """What dashboards ask for mostly: no texts, few nulls; columns are slices, or in chunks."""
    rows, start = draw(st.integers(0, 5)), draw(st.integers(0, 2))
    columns = {}
    for name in "abc"[: draw(st.integers(0, 3))]:
        type_, values, _ = draw(st.sampled_from(NUMBERS))
        items = draw(
            st.lists(
                values | st.none() if draw(st.integers(0, 5)) == 0 else values,
                min_size=start + rows,
                max_size=start + rows,
            )
        )
        columns[name] = pa.array(items, type_)[start:]
    table = pa.table(columns)
    cut = draw(st.integers(0, rows))
    return Frame(pa.concat_tables([table[:cut], table[cut:]]) if draw(st.booleans()) else table)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    rows = draw(st.integers(0, 6))
    fields, columns = [], []
    for _ in range(draw(st.integers(0, 4))):
        type_, values, config = draw(st.sampled_from(KINDS))
        nullable = draw(st.booleans())
        items = draw(st.lists(st.none() | values if nullable else values, min_size=rows, max_size=rows))
        metadata = {}
        if config is JSON_CONFIG:
            items = [None if item is None else json_text.dumps(item).decode() for item in items]
            metadata = {"tstype": "other"}
        elif config is ENUM_CONFIG:
            metadata = {"tstype": "enum"}
        fields.append(Field(draw(TEXT), pa.array(items, type_), draw(LABELS), config, type_, nullable))
        columns.append(metadata)
    frame = Frame.from_fields(fields, name=draw(TEXT), ref_id=draw(TEXT), meta=draw(metas()))
    marked = [
        field.with_metadata({**metadata, **(field.metadata or {})}) if metadata else field
        for field, metadata in zip(frame.schema, columns, strict=True)
    ]
    return frame.with_(table=frame.table.cast(pa.schema(marked, metadata=frame.schema.metadata)))


def metas() -> st.SearchStrategy[FrameMeta | None]:
    notices = st.builds(Notice, severity=st.sampled_from(Severity), text=TEXT, link=TEXT)
    return st.none() | st.builds(
        FrameMeta,
        type=st.sampled_from(FrameType),
        type_version=st.tuples(st.integers(0, 9), st.integers(0, 9)),
        custom=JSON_VALUES,
        notices=st.lists(notices, max_size=2).map(tuple),
        executed_query_string=TEXT,
    )


@given(frames())
@settings(deadline=None, max_examples=250)
def test_grafana_json_gives_the_frame_back(frame: Frame) -> None:
    assert decode_frame(encode_frame(frame)) == frame


@given(frames(), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_slicing_does_not_change_the_json(frame: Frame, rows: int) -> None:
    assert b"".join(iter_frame(frame, slice_rows=rows)) == encode_frame(frame)


@given(frames_of_numbers())
@settings(deadline=None, max_examples=250)
def test_numbers_have_one_text_however_they_are_written(frame: Frame) -> None:
    with mock.patch("headwater.frames.codecs.grafana_json.encode.write_numbers", return_value=None):
        one_by_one = encode_frame(frame)
    assert encode_frame(frame) == one_by_one


@given(frames())
@settings(deadline=None, max_examples=150)
def test_a_grafana_file_gives_the_frame_back(frame: Frame) -> None:
    assert decode_grafana_file(encode_grafana_file(frame)) == frame


@given(frames(), st.sampled_from([None, "lz4", "zstd"]))
@settings(deadline=None, max_examples=100)
def test_a_native_stream_gives_the_frame_back(frame: Frame, compression: str | None) -> None:
    data = b"".join(encode_stream(frame, compression=compression, batch_rows=2))
    assert decode_stream(data).collect() == frame


@given(frames())
@settings(deadline=None, max_examples=60)
def test_python_reads_the_same_json(frame: Frame) -> None:
    written = json.loads(encode_frame(frame))
    assert len(written["data"]["values"]) == frame.num_columns
    assert all(len(column) == frame.num_rows for column in written["data"]["values"])


@given(st.lists(st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)), max_size=5))  # noqa: DTZ001
@settings(deadline=None, max_examples=100)
def test_times_of_all_years_keep_their_milliseconds(times: list[dt.datetime]) -> None:
    frame = Frame.from_pydict({"t": pa.array(times, pa.timestamp("ms"))})
    read = decode_frame(encode_frame(frame)).table.column(0).cast(pa.timestamp("ms"))
    assert read.equals(frame.table.column(0))


@given(st.text(max_size=60) | st.binary(max_size=60))
@settings(deadline=None, max_examples=200)
def test_noise_is_refused_by_the_json_decoder(noise: str | bytes) -> None:
    with suppress(FrameDecodeError):
        decode_frame(noise)


@given(frames(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=200)
def test_damaged_json_is_refused_or_a_sound_frame(frame: Frame, source: Any) -> None:
    data = bytearray(encode_frame(frame))
    for _ in range(source.randint(1, 3)):
        data[source.randrange(len(data))] = source.randrange(32, 127)
    try:
        damaged = decode_frame(bytes(data))
    except FrameDecodeError:
        return
    assert all(len(column) == damaged.num_rows for column in damaged.table.columns)


@given(JSON_VALUES, JSON_VALUES)
@settings(deadline=None, max_examples=100)
def test_any_json_in_place_of_schema_or_data_is_refused_or_a_frame(schema: Any, data: Any) -> None:
    text = json.dumps({"schema": {"fields": schema, "meta": data}, "data": data})
    for read in (decode_frame, lambda text: append_frame(Frame(pa.table({"a": [1]})), text)):
        with suppress(FrameDecodeError):
            read(text)
