"""Frames as Grafana's JSON, in slices, so that memory does not grow with the frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import pyarrow as pa

from headwater.frames import json_text
from headwater.frames.errors import FrameError, FrameTypeError
from headwater.frames.frame import Frame
from headwater.frames.grafana_types import Conversion, conversion
from headwater.frames.limits import value_bytes
from headwater.frames.schema import field_labels

from .values import ColumnWriter, Parts

SLICE_ROWS = 65_536
SLICE_BYTES = 8 * 1024 * 1024


class FrameInclude(Enum):
    """Which halves of a frame to write. Data alone extends a frame whose schema the client has."""

    ALL = "all"
    DATA = "data"
    SCHEMA = "schema"


def encode_frame(frame: Frame, include: FrameInclude = FrameInclude.ALL) -> bytes:
    """`frame` as JSON in one piece; `iter_frame` is for large ones."""
    return b"".join(iter_frame(frame, include))


def iter_frame(
    frame: Frame, include: FrameInclude = FrameInclude.ALL, *, slice_rows: int = SLICE_ROWS
) -> Iterator[bytes]:
    """`frame` as JSON in pieces of at most `slice_rows` values each.

    The form is that of Grafana's SDK: times in milliseconds with the rest in `nanos`, NaN and infinities in
    `entities`, everything empty left out. Arrow's types map as docs/reference/frames.md tells.

    :raises FrameTypeError: a column's type, or a value in it, has no counterpart in Grafana's frames.
    """
    plans = [conversion(field) for field in frame.schema]
    yield b"{"
    if include is not FrameInclude.DATA:
        yield b'"schema":'
        yield _schema(frame, plans)
    if include is FrameInclude.ALL:
        yield b","
    if include is not FrameInclude.SCHEMA:
        yield b'"data":'
        yield from _data(frame, plans, slice_rows)
    yield b"}"


def _schema(frame: Frame, plans: list[Conversion]) -> bytes:
    schema: dict[str, Any] = {}
    if frame.name:
        schema["name"] = frame.name
    if frame.ref_id:
        schema["refId"] = frame.ref_id
    if frame.meta is not None:
        schema["meta"] = frame.meta.to_json()
    schema["fields"] = [
        _field(field, plan, field.nullable or column.null_count > 0)
        for field, plan, column in zip(frame.schema, plans, frame.table.columns, strict=True)
    ]
    try:
        return json_text.dumps(schema)
    except ValueError as error:
        raise FrameError(f"the frame's schema or meta is {error}") from error


def _field(field: pa.Field, plan: Conversion, nullable: bool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": field.name} if field.name else {}
    written["type"] = plan.type.ts_type
    written["typeInfo"] = {"frame": plan.type, "nullable": True} if nullable else {"frame": plan.type}
    labels = field_labels(field)
    if labels is not None:
        written["labels"] = labels
    if plan.config is not None:
        written["config"] = plan.config.to_json()
    return written


def _data(frame: Frame, plans: list[Conversion], slice_rows: int) -> Iterator[bytes]:
    writers = [ColumnWriter(plan) for plan in plans]
    yield b'{"values":['
    for index, writer in enumerate(writers):
        yield b",[" if index else b"["
        yield from _joined(frame, index, slice_rows, writer.write)
        yield b"]"
    yield b"]"
    if any(writer.entities for writer in writers):
        yield b',"entities":['
        yield b",".join(_entities(writer) for writer in writers)
        yield b"]"
    if any(writer.has_nanos for writer in writers):
        yield b',"nanos":['
        for index, writer in enumerate(writers):
            yield b"," if index else b""
            yield from _nanos(frame, index, slice_rows, writer)
        yield b"]"
    yield b"}"


def _entities(writer: ColumnWriter) -> bytes:
    if not writer.entities:
        return b"null"
    members = [
        b'"%s":[%s]' % (name.encode(), b",".join(json_text.dumps_array(rows)[1:-1] for rows in parts))
        for name, parts in sorted(
            writer.entities.items(), key=lambda item: ("NaN", "Inf", "NegInf").index(item[0])
        )
    ]
    return b"{" + b",".join(members) + b"}"


def _nanos(frame: Frame, index: int, slice_rows: int, writer: ColumnWriter) -> Iterator[bytes]:
    if not writer.has_nanos:
        yield b"null"
        return
    yield b"["
    yield from _joined(frame, index, slice_rows, writer.write_nanos)
    yield b"]"


def _joined(frame: Frame, index: int, slice_rows: int, write: Callable[[pa.Array], Parts]) -> Iterator[bytes]:
    """What `write` makes of the column's slices, with commas between."""
    separator = b""
    for part in _slices(frame.table.column(index), slice_rows):
        try:
            text = write(part)
        except (pa.ArrowException, ValueError, OverflowError) as error:
            name = frame.schema.field(index).name
            raise FrameTypeError(f"column {name!r} ({part.type}) cannot be written: {error}") from error
        except FrameTypeError as error:
            raise FrameTypeError(f"column {frame.schema.field(index).name!r}: {error}") from error
        yield b"".join((separator, *text))
        separator = b","


def _slices(column: pa.ChunkedArray, rows: int) -> Iterator[pa.Array]:
    """The column in pieces of at most `rows` values and about SLICE_BYTES, whatever its chunks are."""
    if column.num_chunks == 1 and len(column) <= rows and value_bytes(column) <= SLICE_BYTES:
        if len(column):
            yield column.chunk(0)
        return
    for offset in range(0, len(column), rows):
        part = column.slice(offset, rows)
        if value_bytes(part) > SLICE_BYTES and rows > 1:
            yield from _slices(part, max(rows // 2, 1))
        elif part.num_chunks == 1:
            yield part.chunk(0)
        else:
            yield from _combined(part)


def _combined(part: pa.ChunkedArray) -> Iterator[pa.Array]:
    try:
        combined = part.combine_chunks()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # types that Arrow cannot concatenate
        yield from (chunk for chunk in part.chunks if len(chunk))
        return
    yield from combined.chunks if isinstance(combined, pa.ChunkedArray) else [combined]
