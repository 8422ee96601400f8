"""The data plane contract: rules that are named when broken, and readers that rely on them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from headwater.frames import DataPlaneError, Field, Frame, FrameMeta, FrameType, no_data, read_items, validate

TIMES = pa.array([1, 2], pa.timestamp("s"))


def frame(frame_type: FrameType | str, *fields: Field, version: tuple[int, int] = (0, 1)) -> Frame:
    return Frame.from_fields(fields, meta=FrameMeta(type=frame_type, type_version=version))


def items(*frames: Frame) -> list[tuple[str, dict[str, str], list[Any]]]:
    return [(item.name, dict(item.labels), item.values.to_pylist()) for item in read_items(frames).items]


def test_wide_series_are_columns() -> None:
    wide = frame(
        FrameType.TIME_SERIES_WIDE,
        Field("t", TIMES),
        Field("v", [1, 2], {"h": "a"}),
        Field("up", [True, False]),
        Field("note", ["x", "y"]),
    )
    assert items(wide) == [("v", {"h": "a"}, [1, 2]), ("up", {}, [True, False])]
    read = read_items([wide])
    assert (read.type, read.version, read.remainder) == (FrameType.TIME_SERIES_WIDE, (0, 1), ("note",))
    assert all(item.times is not None and len(item.times) == 2 for item in read.items)


def test_long_series_are_told_apart_by_text_columns_only() -> None:
    long = frame(
        FrameType.TIME_SERIES_LONG,
        Field("t", pa.array([1, 1, 2], pa.timestamp("s"))),
        Field("h", ["a", "b", "a"]),
        Field("v", [1, 2, 3]),
        Field("up", [True, False, True]),
    )
    assert items(long) == [
        ("up", {"h": "a"}, [True, True]),
        ("up", {"h": "b"}, [False]),
        ("v", {"h": "a"}, [1, 3]),
        ("v", {"h": "b"}, [2]),
    ]


def test_multi_series_are_frames() -> None:
    frames = [
        frame(
            FrameType.TIME_SERIES_MULTI,
            Field("t", TIMES),
            Field("v", [n, n], {"h": str(n)}),
            Field("x", [0, 0]),
        )
        for n in range(2)
    ]
    assert items(*frames) == [("v", {"h": "0"}, [0, 0]), ("v", {"h": "1"}, [1, 1])]
    assert read_items(frames).remainder == ("x", "x")


def test_numbers_wide_long_and_multi() -> None:
    wide = frame(FrameType.NUMERIC_WIDE, Field("v", [1], {"h": "a"}), Field("v", [2], {"h": "b"}))
    long = frame(FrameType.NUMERIC_LONG, Field("h", ["a", "b"]), Field("v", [1, 2]))
    multi = [frame(FrameType.NUMERIC_MULTI, Field("v", [n], {"h": "ab"[n - 1]})) for n in (1, 2)]
    expected = [("v", {"h": "a"}, [1]), ("v", {"h": "b"}, [2])]
    assert items(wide) == items(long) == items(*multi) == expected


@pytest.mark.parametrize(
    "frame_type", [FrameType.TIME_SERIES_WIDE, FrameType.TIME_SERIES_LONG, FrameType.NUMERIC_MULTI]
)
def test_no_data_is_a_typed_frame_without_columns(frame_type: FrameType) -> None:
    nothing = no_data(frame_type, ref_id="A")
    assert (nothing.num_columns, nothing.ref_id) == (0, "A")
    assert read_items([nothing]).no_data


def test_an_item_may_be_empty() -> None:
    empty = frame(FrameType.TIME_SERIES_WIDE, Field("t", TIMES.slice(0, 0)), Field("v", [], type=pa.int64()))
    assert items(empty) == [("v", {}, [])]


def test_a_long_frame_without_rows_has_no_items() -> None:
    columns = [
        Field("t", TIMES.slice(0, 0)),
        Field("h", [], type=pa.string()),
        Field("v", [], type=pa.int64()),
        Field("at", TIMES.slice(0, 0)),
    ]
    read = read_items([frame(FrameType.TIME_SERIES_LONG, *columns)])
    assert (read.items, read.remainder) == ((), ("at",))


WIDE, LONG, MULTI = FrameType.TIME_SERIES_WIDE, FrameType.TIME_SERIES_LONG, FrameType.TIME_SERIES_MULTI


@pytest.mark.parametrize(
    ("frames", "rule"),
    [
        ([], "declared-type"),
        ([Frame(pa.table({}))], "declared-type"),
        ([frame(WIDE, Field("t", TIMES), Field("v", [1, 2]), version=(0, 0))], "declared-type"),
        ([frame("new-kind", Field("v", [1]))], "declared-type"),
        ([no_data(WIDE), no_data(LONG)], "one-type"),
        ([frame(WIDE, Field("t", TIMES), Field("v", [1, 2]))] * 2, "one-frame"),
        ([frame(WIDE, Field("v", [1, 2]))], "time-column"),
        ([frame(WIDE, Field("t", TIMES), Field("s", ["a", "b"]))], "value-column"),
        ([frame(WIDE, Field("t", pa.array([1, None], TIMES.type)), Field("v", [1, 2]))], "time-nulls"),
        ([frame(WIDE, Field("t", pa.array([2, 1], TIMES.type)), Field("v", [1, 2]))], "sorted-time"),
        ([frame(WIDE, Field("t", pa.array([1, 1], TIMES.type)), Field("v", [1, 2]))], "distinct-time"),
        ([frame(WIDE, Field("t", TIMES), Field("v", [1, 2]), Field("v", [1, 2]))], "distinct-items"),
        ([frame(MULTI, Field("t", TIMES), Field("v", [1, 2]))] * 2, "distinct-items"),
        ([frame(FrameType.NUMERIC_WIDE, Field("v", [1, 2]))], "one-row"),
        ([frame(FrameType.NUMERIC_LONG, Field("h", ["a", "a"]), Field("v", [1, 2]))], "distinct-items"),
        ([frame(FrameType.LOG_LINES, Field("timestamp", TIMES))], "log-columns"),
        ([frame(FrameType.LOG_LINES, Field("timestamp", TIMES), Field("body", ["a", None]))], "log-nulls"),
    ],
)
def test_a_broken_rule_is_named(frames: list[Frame], rule: str) -> None:
    with pytest.raises(DataPlaneError) as caught:
        validate(frames)
    assert caught.value.rule == rule
    assert f"(rule {rule})" in str(caught.value)


def test_log_lines_and_tables_conform() -> None:
    logs = frame(
        FrameType.LOG_LINES, Field("timestamp", TIMES), Field("body", ["a", "b"]), Field("id", ["1", "2"])
    )
    assert validate([logs]).type is FrameType.LOG_LINES
    assert validate([no_data(FrameType.LOG_LINES)]).no_data
    assert validate([frame(FrameType.TABLE, Field("x", ["y"]))]).type is FrameType.TABLE


def test_tables_have_no_items() -> None:
    with pytest.raises(DataPlaneError, match="rule kind"):
        read_items([frame(FrameType.TABLE, Field("x", ["y"]))])
