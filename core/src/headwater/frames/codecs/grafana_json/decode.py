"""Frames from Grafana's JSON. What is wrong is refused with the path to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.frames import json_text
from headwater.frames.errors import FrameDecodeError, FrameTooLargeError
from headwater.frames.field_config import FieldConfig
from headwater.frames.field_type import ALIASES, FieldType
from headwater.frames.frame import Frame
from headwater.frames.json_records import as_bool, as_int, as_mapping, as_text, as_tuple
from headwater.frames.meta import FrameMeta, Notice
from headwater.frames.schema import TS_TYPE, describe_field

from .columns import lost_precision, read_column

MAX_BYTES = 256 * 1024 * 1024

_TS_TYPES = {
    "number": FieldType.FLOAT64,
    "string": FieldType.STRING,
    "boolean": FieldType.BOOL,
    "time": FieldType.TIME,
    "other": FieldType.JSON,
    "enum": FieldType.ENUM,
}


def decode_frame(data: bytes | bytearray | memoryview | str, *, max_bytes: int = MAX_BYTES) -> Frame:
    """The frame that the JSON object `data` describes.

    Times become `timestamp[ns]`, or `[us]` or `[ms]` if one of the column's times lies beyond nanoseconds; a
    notice says so if others of them lose a part by that. JSON values become strings marked as JSON, enums
    `uint16` marked as enum; a null in a column that is not nullable becomes zero.

    :raises FrameTooLargeError: `data` is longer than `max_bytes`.
    :raises FrameDecodeError: not JSON, not a frame, or columns of unequal length; `path` names the place.
    """
    return frame_from_json(load(data, max_bytes))


def append_frame(
    frame: Frame, data: bytes | bytearray | memoryview | str, *, max_bytes: int = MAX_BYTES
) -> Frame:
    """`frame` followed by the rows of `data`, a frame's JSON that has data and no schema.

    :raises FrameDecodeError: as `decode_frame`, or `data` brings a schema.
    """
    return append_rows(frame, load(data, max_bytes))


def load(data: bytes | bytearray | memoryview | str, max_bytes: int) -> Any:
    if len(data) > max_bytes:
        raise FrameTooLargeError(f"{len(data)} bytes of JSON; the limit is {max_bytes}")
    try:
        return json_text.loads(data)
    except ValueError as error:
        raise FrameDecodeError(f"not JSON: {error}") from error


def frame_from_json(value: Any, path: str = "") -> Frame:
    """The frame of a parsed JSON object that stands at `path`."""
    members = _known_keys(as_mapping(value, path), {"schema", "data"}, path)
    if "schema" not in members:
        raise FrameDecodeError("a frame needs a schema", path=path)
    schema = as_mapping(members["schema"], _join(path, "schema"))
    fields = _fields(schema.get("fields") or [], _join(path, "schema.fields"))
    table, notices = _table(fields, members.get("data"), _join(path, "data"))
    meta = schema.get("meta")
    frame = Frame(
        table,
        as_text(schema.get("name") or "", _join(path, "schema.name")),
        as_text(schema.get("refId") or "", _join(path, "schema.refId")),
        None if meta is None else FrameMeta.from_json(meta, path=_join(path, "schema.meta")),
    )
    return frame.with_notice(*notices)


def append_rows(frame: Frame, value: Any, path: str = "") -> Frame:
    """`frame` followed by the rows of a parsed data-only frame."""
    members = _known_keys(as_mapping(value, path), {"data"}, path)
    fields = [(field, _field_type(field)) for field in frame.schema]
    more, notices = _table(fields, members.get("data"), _join(path, "data"))
    try:
        table = pa.concat_tables([frame.table, more.cast(frame.schema)])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise FrameDecodeError(f"does not fit the frame: {error}", path=_join(path, "data")) from error
    return frame.with_(table=table).with_notice(*notices)


def _fields(values: Any, path: str) -> list[tuple[pa.Field, FieldType]]:
    return [
        _field(as_mapping(value, f"{path}[{index}]"), f"{path}[{index}]")
        for index, value in enumerate(as_tuple(lambda item, _: item)(values, path))
    ]


def _field(members: Mapping[str, Any], path: str) -> tuple[pa.Field, FieldType]:
    field_type, nullable = _type_of(members, path)
    arrow_type = pa.string() if field_type is FieldType.JSON else field_type.arrow_type
    mark = {TS_TYPE: field_type.ts_type} if field_type in {FieldType.JSON, FieldType.ENUM} else None
    name = as_text(members.get("name") or "", f"{path}.name")
    labels, config = members.get("labels"), members.get("config")
    if labels is not None:
        labels = {
            key: as_text(value, f"{path}.labels.{key}")
            for key, value in as_mapping(labels, f"{path}.labels").items()
        }
    described = describe_field(
        pa.field(name, arrow_type, nullable, mark),
        labels,
        None if config is None else FieldConfig.from_json(config, path=f"{path}.config"),
    )
    return described, field_type


def _type_of(members: Mapping[str, Any], path: str) -> tuple[FieldType, bool]:
    """Type and nullability from `typeInfo`, or from `type` alone as front ends write it."""
    info = members.get("typeInfo")
    if info is None:
        ts_type = as_text(members.get("type") or "", f"{path}.type")
        if ts_type not in _TS_TYPES:
            raise FrameDecodeError(f"unknown field type {ts_type!r}", path=f"{path}.type")
        return _TS_TYPES[ts_type], True
    info = as_mapping(info, f"{path}.typeInfo")
    spelled = as_text(info.get("frame") or "", f"{path}.typeInfo.frame")
    name = spelled.removeprefix("*")
    nullable = as_bool(info.get("nullable") or False, f"{path}.typeInfo.nullable") or name != spelled
    try:
        return ALIASES.get(name) or FieldType(name), nullable
    except ValueError as error:
        raise FrameDecodeError(f"unknown field type {spelled!r}", path=f"{path}.typeInfo.frame") from error


def _field_type(field: pa.Field) -> FieldType:
    """The type in JSON of a column that `_field` has made, or that has a Grafana type."""
    from headwater.frames.grafana_types import conversion

    return conversion(field).type


def _table(fields: list[tuple[pa.Field, FieldType]], data: Any, path: str) -> tuple[pa.Table, list[Notice]]:
    """The table, and what there is to say of it."""
    members = _known_keys(as_mapping(data or {}, path), {"values", "entities", "nanos"}, path)
    schema = pa.schema([field for field, _ in fields])
    columns = _list(members.get("values"), f"{path}.values")
    if not columns:
        return schema.empty_table(), []
    if len(columns) != len(fields):
        raise FrameDecodeError(f"{len(columns)} columns for {len(fields)} fields", path=f"{path}.values")
    _check_lengths(columns, f"{path}.values")
    entities = _parallel(members.get("entities"), columns, f"{path}.entities")
    nanos = _parallel(members.get("nanos"), columns, f"{path}.nanos")
    arrays, notices = [], []
    for index, ((field, field_type), values) in enumerate(zip(fields, columns, strict=True)):
        below = _nanos(nanos[index], len(values), f"{path}.nanos[{index}]")
        array = read_column(
            field_type, values, f"{path}.values[{index}]", nullable=field.nullable, nanos=below
        )
        if field_type is FieldType.TIME and (lost := lost_precision(array, below)):
            notices.append(_precision_notice(field.name, array.type, lost))
        arrays.append(_with_entities(array, field_type, entities[index], f"{path}.entities[{index}]"))
    fields_read = [field.with_type(array.type) for (field, _), array in zip(fields, arrays, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields_read)), notices


def _precision_notice(name: str, type_: pa.TimestampType, lost: int) -> Notice:
    return Notice.warning(
        f"column {name!r}: {lost} of the times are cut to {type_.unit}, because others of them lie beyond "
        "what finer units reach"
    )


def _check_lengths(columns: list[Any], path: str) -> None:
    for index, values in enumerate(columns):
        if not isinstance(values, list):
            raise FrameDecodeError("expected an array", path=f"{path}[{index}]")
        if len(values) != len(columns[0]):
            raise FrameDecodeError(
                f"frame has different field lengths, field 0 is len {len(columns[0])} "
                f"but field {index} is len {len(values)}",
                path=f"{path}[{index}]",
            )


def _parallel(value: Any, columns: list[Any], path: str) -> list[Any]:
    """One item for each column; a missing list stands for nulls."""
    items = _list(value, path)
    if len(items) > len(columns):
        raise FrameDecodeError(f"{len(items)} items for {len(columns)} columns", path=path)
    return items + [None] * (len(columns) - len(items))


def _nanos(value: Any, rows: int, path: str) -> list[int] | None:
    if value is None:
        return None
    nanos = _list(value, path)
    if len(nanos) != rows:
        raise FrameDecodeError(f"{len(nanos)} nanoseconds for {rows} rows", path=path)
    for index, item in enumerate(nanos):
        if not 0 <= as_int(item or 0, f"{path}[{index}]") < 1_000_000:
            raise FrameDecodeError("not below a millisecond", path=f"{path}[{index}]")
    return nanos


_ENTITIES: dict[str, float] = {"NaN": np.nan, "Inf": np.inf, "NegInf": -np.inf, "Undef": np.nan}


def _with_entities(array: pa.Array, field_type: FieldType, value: Any, path: str) -> pa.Array:
    if not value:
        return array
    if field_type not in {FieldType.FLOAT32, FieldType.FLOAT64}:
        raise FrameDecodeError(f"a {field_type} column holds no NaN or infinity", path=path)
    values = array.to_numpy(zero_copy_only=False).copy()
    valid = array.is_valid().to_numpy(zero_copy_only=False).copy()
    for name, rows in as_mapping(value, path).items():
        if name not in _ENTITIES:
            raise FrameDecodeError(f"unknown entity {name!r}", path=path)
        places = _rows(rows, len(values), f"{path}.{name}")
        values[places] = _ENTITIES[name]
        valid[places] = True
    return pa.array(values, array.type, mask=~valid)


def _rows(value: Any, length: int, path: str) -> list[int]:
    rows = _list(value, path)
    for index, row in enumerate(rows):
        if not 0 <= as_int(row, f"{path}[{index}]") < length:
            raise FrameDecodeError(f"row {row} of {length}", path=f"{path}[{index}]")
    return rows


def _list(value: Any, path: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise FrameDecodeError("expected an array", path=path)
    return value


def _known_keys(members: Mapping[str, Any], known: Iterable[str], path: str) -> Mapping[str, Any]:
    unknown = sorted(members.keys() - set(known))
    if unknown:
        raise FrameDecodeError("unexpected key", path=_join(path, unknown[0]))
    return members


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
