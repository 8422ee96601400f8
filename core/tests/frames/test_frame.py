"""A frame is an Arrow table that describes itself."""

from __future__ import annotations

import math

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.frames import (
    Field,
    FieldConfig,
    Frame,
    FrameDecodeError,
    FrameError,
    FrameMeta,
    FrameType,
    Notice,
)


def described_frame() -> Frame:
    return Frame.from_pydict(
        {"time": pa.array([1, 2], pa.timestamp("ms", "Europe/Berlin")), "value": [1.5, math.nan]},
        name="cpu",
        ref_id="A",
        meta=FrameMeta(type=FrameType.TIME_SERIES_WIDE, type_version=(0, 1)),
        labels={"value": {"host": "b", "dc": "a"}},
        configs={"value": FieldConfig(unit="percent", max=100)},
    )


def test_a_frame_keeps_arrow_types_as_they_are() -> None:
    frame = described_frame()
    assert frame.schema.field("time").type == pa.timestamp("ms", "Europe/Berlin")


def test_name_ref_id_meta_labels_and_config_travel_in_the_tables_metadata() -> None:
    frame = described_frame()
    assert Frame.from_table(frame.table) == frame


def test_a_frame_survives_parquet(tmp_path: object) -> None:
    frame = described_frame()
    pq.write_table(frame.table, f"{tmp_path}/frame.parquet")
    read = Frame.from_table(pq.read_table(f"{tmp_path}/frame.parquet"))
    assert (read.name, read.ref_id, read.meta) == (frame.name, frame.ref_id, frame.meta)
    assert read.field(1).labels == {"dc": "a", "host": "b"}


def test_any_arrow_stream_makes_a_frame_and_reads_one() -> None:
    frame = described_frame()
    assert Frame.from_table(pl.DataFrame({"a": [1, 2]})).to_pylist() == [{"a": 1}, {"a": 2}]
    table = pa.table(frame)
    assert table.schema.metadata[b"name"] == b"cpu"
    assert table.schema.field("value").metadata[b"labels"] == b'{"dc":"a","host":"b"}'


def test_a_frame_gives_its_schema_to_other_libraries() -> None:
    frame = described_frame()
    assert pa.schema(frame).equals(frame.schema, check_metadata=True)


def test_a_name_that_is_no_text_is_refused() -> None:
    table = pa.table({"a": [1]}).replace_schema_metadata({b"name": b"\xff"})
    with pytest.raises(FrameDecodeError, match="name: not UTF-8"):
        Frame.from_table(table)


def test_other_metadata_of_a_table_is_kept() -> None:
    table = pa.table({"a": [1]}).replace_schema_metadata({"origin": "here"})
    assert Frame.from_table(table, name="n").schema.metadata == {b"origin": b"here", b"name": b"n"}


def test_what_is_given_wins_over_the_tables_metadata() -> None:
    frame = Frame.from_table(described_frame().table, name="other")
    assert (frame.name, frame.ref_id) == ("other", "A")


def test_column_names_may_repeat() -> None:
    frame = Frame.from_fields([Field("v", [1], labels={"h": "a"}), Field("v", [2], labels={"h": "b"})])
    assert [field.values.to_pylist() for field in frame] == [[1], [2]]
    assert [dict(field.labels) for field in frame.fields] == [{"h": "a"}, {"h": "b"}]
    assert "v: {h=a}" in repr(frame)
    assert frame._repr_html_().count("<th>") == 2


def test_rows_as_dicts_are_refused_when_names_repeat() -> None:
    frame = Frame.from_fields([Field("v", [1]), Field("v", [2])])
    with pytest.raises(FrameError, match="several columns are named 'v'"):
        frame.to_pylist()


def test_fields_of_unequal_length_are_refused() -> None:
    with pytest.raises(FrameError, match="field 0 is len 2 but field 1 is len 1"):
        Frame.from_fields([Field("a", [1, 2]), Field("b", [1])])


def test_a_field_may_say_its_exact_type() -> None:
    frame = Frame.from_fields([Field("a", [1, 2], type=pa.uint16(), nullable=False)])
    assert frame.schema.field(0).type == pa.uint16()
    assert not frame.schema.field(0).nullable
    narrowed = Frame.from_fields([Field("a", pa.array([1, 2], pa.int64()), type=pa.uint16())])
    assert narrowed.schema.field(0).type == pa.uint16()


def test_a_field_shows_its_labels_and_type_but_no_values() -> None:
    assert repr(described_frame().field(1)) == "<Field value {dc=a, host=b}: double, 2 values>"
    assert repr(Frame.from_pydict({"a": ["secret"]}).field(0)) == "<Field a: string, 1 values>"
    assert repr(Field("a", iter([1]), type=pa.int64())) == "<Field a: int64, values yet to be read>"


def test_labels_for_a_missing_column_are_refused() -> None:
    with pytest.raises(FrameError, match="no column named 'x'; the frame has a"):
        Frame.from_pydict({"a": [1]}, labels={"x": {}})


def test_changes_make_a_new_frame() -> None:
    frame = Frame.from_pydict({"a": [1]})
    changed = frame.with_(name="n", ref_id="B").with_notice(Notice.warning("careful"))
    assert (frame.name, frame.meta) == ("", None)
    assert (changed.name, changed.ref_id) == ("n", "B")
    assert [notice.text for notice in changed.notices] == ["careful"]
    assert "warning: careful" in repr(changed)


def test_frames_are_equal_when_nan_stands_where_nan_stands() -> None:
    assert Frame.from_pydict({"a": [1.0, math.nan]}) == Frame.from_pydict({"a": [1.0, math.nan]})
    assert Frame.from_pydict({"a": [1.0, math.nan]}) != Frame.from_pydict({"a": [1.0, 2.0]})
    assert Frame.from_pydict({"a": [1.0]}) != Frame.from_pydict({"a": [1.0]}, name="n")


def test_equality_ignores_chunks_unless_asked() -> None:
    whole = Frame(pa.table({"a": [1, 2]}))
    cut = Frame(pa.concat_tables([pa.table({"a": [1]}), pa.table({"a": [2]})]))
    assert whole == cut
    assert not whole.equals(cut, check_chunks=True)


def test_a_notebook_shows_values_escaped() -> None:
    html = Frame.from_pydict({"<b>": ["<script>"]}, name="<i>")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_notebook_shows_values_that_python_has_no_type_for() -> None:
    far = {
        "t": pa.array([2**62, None, 1], pa.timestamp("s", "UTC")),
        "d": pa.array([2**62] * 3, pa.duration("s")),
    }
    html = Frame.from_table(pa.table(far))._repr_html_()
    assert "<td>4611686018427387904</td>" in html
    assert "<td></td>" in html
    assert "<td>1970-01-01 00:00:01Z</td>" in html


def test_a_slice_keeps_the_description() -> None:
    part = described_frame().slice(1, 1)
    assert (part.num_rows, part.name) == (1, "cpu")


def test_pandas_and_polars_get_the_columns() -> None:
    frame = Frame.from_pydict({"a": [1, 2]})
    assert frame.to_pandas()["a"].tolist() == [1, 2]
    assert frame.to_polars()["a"].to_list() == [1, 2]


def test_a_frame_may_have_no_columns() -> None:
    frame = Frame(pa.table({}), name="empty")
    assert (frame.num_rows, frame.num_columns, frame.fields) == (0, 0, ())
    assert Frame.from_table(frame.table) == frame


def test_nan_inside_lists_counts_as_equal_too() -> None:
    frame = Frame.from_pydict({"a": [[1.0, math.nan], [2.0]]})
    assert frame == Frame.from_pydict({"a": [[1.0, math.nan], [2.0]]})
    assert frame != Frame.from_pydict({"a": [[1.0, math.nan], [3.0]]})


def test_nan_inside_dictionaries_counts_as_equal_too() -> None:
    def frame(*values: float) -> Frame:
        return Frame.from_pydict({"a": pa.array(values).dictionary_encode()})

    assert frame(1.0, math.nan) == frame(1.0, math.nan)
    assert frame(1.0, math.nan) != frame(1.0, 2.0)
