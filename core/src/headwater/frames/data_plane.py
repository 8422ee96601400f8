"""Grafana's data plane contract: what frames of each type must look like, and readers that rely on it.

The contract holds for frames whose `meta.type` is set and whose `meta.typeVersion` is not [0, 0]
(grafana/dataplane, docs/contract).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
import pyarrow as pa
import pyarrow.compute as pc
from attrs import field, frozen

from .errors import FrameError
from .field_type import FieldType
from .frame import Frame
from .grafana_types import conversion
from .meta import FrameMeta, FrameType
from .schema import field_labels
from .time_series.kind import SeriesKind, SeriesSchema, require_sorted, time_ticks
from .time_series.labels import labels_text
from .time_series.long import split_long

#: The version of every type that Headwater writes.
VERSION = (0, 1)

_LOG_FIELDS = {"timestamp": FieldType.TIME, "body": FieldType.STRING}


class DataPlaneError(FrameError):
    """Frames break a rule of their type's contract; `rule` is a short name of it, such as `sorted-time`."""

    message_id = "frame.dataPlane"

    def __init__(self, message: str, *, rule: str) -> None:
        super().__init__(f"{message} (rule {rule})")
        self.rule = rule


@frozen(eq=False)
class Item:
    """One series or one number: its identity, its values and, for a series, their times."""

    name: str
    labels: Mapping[str, str]
    values: pa.ChunkedArray
    times: pa.ChunkedArray | None = None


@frozen(eq=False)
class DataPlane:
    """What conforming frames say: items, and the columns that the contract has no use for."""

    type: FrameType
    version: tuple[int, int]
    items: tuple[Item, ...] = ()
    remainder: tuple[str, ...] = field(default=())

    @property
    def no_data(self) -> bool:
        return not self.items


def no_data(frame_type: FrameType, *, ref_id: str = "", meta: FrameMeta | None = None) -> Frame:
    """The frame that says "the query worked and found nothing": its type, and no columns."""
    described = attrs.evolve(meta or FrameMeta(), type=frame_type, type_version=VERSION)
    return Frame(pa.table({}), ref_id=ref_id, meta=described)


def read_items(frames: Sequence[Frame]) -> DataPlane:
    """The items of frames of one time series or numeric type, whatever its layout.

    :raises DataPlaneError: no declared type, a type without items, or a broken rule, which `rule` names.
    """
    frame_type, version = declared_type(frames)
    filled = [frame for frame in frames if frame.num_columns]
    match frame_type:
        case FrameType.TIME_SERIES_WIDE:
            items, rest = _one(filled, frame_type, _wide_series)
        case FrameType.TIME_SERIES_LONG:
            items, rest = _one(filled, frame_type, _long_series)
        case FrameType.TIME_SERIES_MULTI | FrameType.TIME_SERIES_MANY:
            items, rest = _multi(filled, _first_series)
        case FrameType.NUMERIC_WIDE:
            items, rest = _one(filled, frame_type, _wide_numbers)
        case FrameType.NUMERIC_LONG:
            items, rest = _one(filled, frame_type, _long_numbers)
        case FrameType.NUMERIC_MULTI:
            items, rest = _multi(filled, _first_number)
        case _:
            raise DataPlaneError(f"frames of type {frame_type} have no items", rule="kind")
    _require_distinct(items)
    return DataPlane(frame_type, version, tuple(items), tuple(rest))


def validate(frames: Sequence[Frame]) -> DataPlane:
    """Check that frames keep the contract of their declared type.

    Types that the contract does not describe (`table`, …) are not checked further.

    :raises DataPlaneError: a rule is broken; `rule` names it.
    """
    frame_type, version = declared_type(frames)
    if frame_type is FrameType.LOG_LINES:
        for frame in frames:
            _check_log_lines(frame)
    elif frame_type.startswith(("timeseries-", "numeric-")):
        return read_items(frames)
    return DataPlane(frame_type, version)


def declared_type(frames: Sequence[Frame]) -> tuple[FrameType, tuple[int, int]]:
    """The type and version that all frames declare.

    :raises DataPlaneError: no frames, no type, version (0, 0), an unknown type, or different ones.
    """
    if not frames:
        raise DataPlaneError("no frames, not even one that declares a type", rule="declared-type")
    declared = {
        (frame.meta.type, frame.meta.type_version) if frame.meta else ("", (0, 0)) for frame in frames
    }
    if len(declared) > 1:
        raise DataPlaneError("the frames of one answer declare different types", rule="one-type")
    name, version = next(iter(declared))
    if not name or version == (0, 0):
        raise DataPlaneError("the frames declare no type and version", rule="declared-type")
    try:
        return FrameType(name), version
    except ValueError as error:
        raise DataPlaneError(f"unknown frame type {name!r}", rule="declared-type") from error


Found = tuple[list[Item], list[str]]
Reader = Callable[[Frame], Found]


def _one(frames: list[Frame], frame_type: FrameType, read: Reader) -> Found:
    if len(frames) > 1:
        raise DataPlaneError(f"{len(frames)} frames of type {frame_type}, which takes one", rule="one-frame")
    return read(frames[0]) if frames else ([], [])


def _multi(frames: list[Frame], read: Reader) -> Found:
    items: list[Item] = []
    rest: list[str] = []
    for frame in frames:
        found, remainder = read(frame)
        items += found
        rest += remainder
    return items, rest


def _wide_series(frame: Frame) -> Found:
    time = _time(frame)
    times = _checked_times(frame, time)
    if frame.num_rows and len(pc.unique(times)) < frame.num_rows:
        raise DataPlaneError("times repeat", rule="distinct-time")
    values = _values(frame)
    return [_item(frame, index, times) for index in values], _rest(frame, time, *values)


def _first_series(frame: Frame) -> Found:
    time = _time(frame)
    value = _values(frame)[0]
    return [_item(frame, value, _checked_times(frame, time))], _rest(frame, time, value)


def _long_series(frame: Frame) -> Found:
    time = _time(frame)
    _checked_times(frame, time)
    values, dimensions = _values(frame), _dimensions(frame)
    rest = _rest(frame, time, *values, *dimensions)
    if not frame.num_rows:
        return [], rest
    series = split_long(frame, SeriesSchema(SeriesKind.LONG, time, tuple(values), tuple(dimensions)))
    return [_item(one, 1, one.table.column(0)) for one in series], rest


def _wide_numbers(frame: Frame) -> Found:
    _require_one_row(frame)
    values = _values(frame)
    return [_item(frame, index) for index in values], _rest(frame, *values)


def _first_number(frame: Frame) -> Found:
    _require_one_row(frame)
    value = _values(frame)[0]
    return [_item(frame, value)], _rest(frame, value)


def _long_numbers(frame: Frame) -> Found:
    values, dimensions = _values(frame), _dimensions(frame)
    names = [_name(frame, index) for index in dimensions]
    texts = [frame.table.column(index).to_pylist() for index in dimensions]
    labels = [
        dict(zip(names, (text or "" for text in row), strict=True))
        for row in (zip(*texts, strict=True) if texts else [()] * frame.num_rows)
    ]
    items = [
        Item(_name(frame, index), labels[row], frame.table.column(index).slice(row, 1))
        for index in values
        for row in range(frame.num_rows)
    ]
    return items, _rest(frame, *values, *dimensions)


def _check_log_lines(frame: Frame) -> None:
    if not frame.num_columns:
        return
    types = dict(zip(frame.schema.names, _types(frame), strict=True))
    for name, wanted in _LOG_FIELDS.items():
        if types.get(name) is not wanted:
            raise DataPlaneError(f"log lines need a {wanted} column named {name}", rule="log-columns")
        if frame.table.column(name).null_count:
            raise DataPlaneError(f"column {name} of log lines has nulls", rule="log-nulls")


def _time(frame: Frame) -> int:
    types = _types(frame)
    if FieldType.TIME not in types:
        raise DataPlaneError("no time column", rule="time-column")
    return types.index(FieldType.TIME)


def _values(frame: Frame) -> list[int]:
    values = [
        index for index, type_ in enumerate(_types(frame)) if type_.is_numeric or type_ is FieldType.BOOL
    ]
    if not values:
        raise DataPlaneError("no numeric or bool column", rule="value-column")
    return values


def _dimensions(frame: Frame) -> list[int]:
    return [index for index, type_ in enumerate(_types(frame)) if type_ is FieldType.STRING]


def _rest(frame: Frame, *used: int) -> list[str]:
    """Names of the columns that the contract has no use for."""
    return [_name(frame, index) for index in range(frame.num_columns) if index not in used]


def _checked_times(frame: Frame, time: int) -> pa.ChunkedArray:
    column = frame.table.column(time)
    if column.null_count:
        raise DataPlaneError("times are null", rule="time-nulls")
    try:
        require_sorted(time_ticks(column))
    except FrameError as error:
        raise DataPlaneError("times are not ascending", rule="sorted-time") from error
    return column


def _require_one_row(frame: Frame) -> None:
    if frame.num_rows > 1:
        raise DataPlaneError(f"{frame.num_rows} rows where at most one may be", rule="one-row")


def _require_distinct(items: Sequence[Item]) -> None:
    seen = set()
    for item in items:
        identity = (item.name, tuple(sorted(item.labels.items())))
        if identity in seen:
            raise DataPlaneError(
                f"two items are {item.name!r} {{{labels_text(item.labels)}}}", rule="distinct-items"
            )
        seen.add(identity)


def _item(frame: Frame, index: int, times: pa.ChunkedArray | None = None) -> Item:
    labels = field_labels(frame.schema.field(index)) or {}
    return Item(_name(frame, index), labels, frame.table.column(index), times)


def _types(frame: Frame) -> list[FieldType]:
    return [conversion(field_).type for field_ in frame.schema]


def _name(frame: Frame, index: int) -> str:
    return str(frame.schema.field(index).name)
