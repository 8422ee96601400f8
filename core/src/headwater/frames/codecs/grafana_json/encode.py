"""Frames as Grafana's JSON, in slices, so that memory does not grow with the frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum

import pyarrow as pa

from headwater.frames import json_text
from headwater.frames.errors import FrameTypeError
from headwater.frames.frame import Frame
from headwater.frames.limits import value_bytes
from headwater.frames.schema import META

from .plan import Plan, plan_of
from .values import ColumnWriter, Parts, write_numbers

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
    if frame.num_rows <= slice_rows and frame.table.get_total_buffer_size() <= SLICE_BYTES:
        yield b"".join(_pieces(frame, include, slice_rows, at_once=True))
    else:
        yield from _pieces(frame, include, slice_rows, at_once=False)


def _pieces(frame: Frame, include: FrameInclude, slice_rows: int, *, at_once: bool) -> Iterator[bytes]:
    columns = frame.table.columns
    plan = plan_of(frame.schema, tuple([column.null_count > 0 for column in columns]))
    yield b"{"
    if include is not FrameInclude.DATA:
        yield b'"schema":{'
        if frame.name or frame.ref_id or frame.meta is not None:
            yield from _described(frame)
        yield b'"fields":'
        yield plan.fields
        yield b"}"
    if include is FrameInclude.ALL:
        yield b","
    if include is not FrameInclude.SCHEMA:
        yield b'"data":'
        text = _numbers(columns) if at_once and plan.is_numeric else None
        if text is not None:
            yield text
        else:
            yield from _data(frame.schema, columns, plan, slice_rows)
    yield b"}"


def _described(frame: Frame) -> Iterator[bytes]:
    """The members of the schema that stand before its fields; the table's metadata has meta as JSON."""
    if frame.name:
        yield b'"name":%s,' % json_text.dumps(frame.name)
    if frame.ref_id:
        yield b'"refId":%s,' % json_text.dumps(frame.ref_id)
    if frame.meta is not None:
        yield b'"meta":%s,' % frame.schema.metadata[META]


def _numbers(columns: list[pa.ChunkedArray]) -> bytes | None:
    """The data of numeric columns that are not in pieces, if JSON has a number for each value."""
    if any(column.num_chunks != 1 for column in columns):
        return None
    text = write_numbers([column.chunk(0) for column in columns])
    return None if text is None else b'{"values":%s}' % text


def _data(schema: pa.Schema, columns: list[pa.ChunkedArray], plan: Plan, slice_rows: int) -> Iterator[bytes]:
    writers = [ColumnWriter(each) for each in plan.conversions]
    yield b'{"values":['
    separator = b"["
    for index, writer in enumerate(writers):
        yield separator
        column = columns[index]
        if _is_one_slice(column, slice_rows):
            yield b"".join(_text(schema, index, column.chunk(0), writer.write))
        else:
            yield from _joined(schema, index, _slices(column, slice_rows), writer.write)
        separator = b"],["
    yield b"]]" if writers else b"]"
    if any(writer.entities for writer in writers):
        yield b',"entities":['
        yield b",".join(_entities(writer) for writer in writers)
        yield b"]"
    if any(writer.has_nanos for writer in writers):
        yield b',"nanos":['
        for index, writer in enumerate(writers):
            yield b"," if index else b""
            if writer.has_nanos:
                yield b"["
                yield from _joined(schema, index, _slices(columns[index], slice_rows), writer.write_nanos)
                yield b"]"
            else:
                yield b"null"
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


def _joined(
    schema: pa.Schema, index: int, parts: Iterable[pa.Array], write: Callable[[pa.Array], Parts]
) -> Iterator[bytes]:
    """What `write` makes of the column's slices, with commas between."""
    separator = b""
    for part in parts:
        yield b"".join((separator, *_text(schema, index, part, write)))
        separator = b","


def _text(schema: pa.Schema, index: int, part: pa.Array, write: Callable[[pa.Array], Parts]) -> Parts:
    try:
        return write(part)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        name = schema.field(index).name
        raise FrameTypeError(f"column {name!r} ({part.type}) cannot be written: {error}") from error
    except FrameTypeError as error:
        raise FrameTypeError(f"column {schema.field(index).name!r}: {error}") from error


def _slices(column: pa.ChunkedArray, rows: int) -> Iterator[pa.Array]:
    """The column in pieces of at most `rows` values and about SLICE_BYTES, whatever its chunks are."""
    if _is_one_slice(column, rows):
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


def _is_one_slice(column: pa.ChunkedArray, rows: int) -> bool:
    return (
        0 < len(column) <= rows and column.num_chunks == 1 and column.get_total_buffer_size() <= SLICE_BYTES
    )


def _combined(part: pa.ChunkedArray) -> Iterator[pa.Array]:
    try:
        combined = part.combine_chunks()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # types that Arrow cannot concatenate
        yield from (chunk for chunk in part.chunks if len(chunk))
        return
    yield from combined.chunks if isinstance(combined, pa.ChunkedArray) else [combined]
