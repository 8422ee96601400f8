"""Frames as Arrow IPC: Grafana's file form, and the native stream form that keeps every type."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.frames.errors import FrameDecodeError, FrameTooLargeError, FrameTypeError
from headwater.frames.field_type import ARROW_TYPES, FieldType
from headwater.frames.frame import Frame
from headwater.frames.grafana_types import Conversion, conversion
from headwater.frames.meta import FrameMeta, Notice
from headwater.frames.schema import (
    CONFIG,
    LABELS,
    META,
    NAME,
    REF_ID,
    TS_TYPE,
    describe_field,
    describe_schema,
    read_json,
)
from headwater.frames.stream import DEFAULT_BATCH_ROWS, FrameStream

from .arrow_source import CheckedSource
from .arrow_validation import check_file

MAX_BYTES = 1024 * 1024 * 1024
MAX_ROWS = 1_000_000_000

ARROW_MEDIA_TYPE = "application/vnd.apache.arrow.stream"
FILE_MEDIA_TYPE = "application/vnd.apache.arrow.file"

_GRAFANA_TYPES = set(ARROW_TYPES.values())


def encode_grafana_file(frame: Frame) -> bytes:
    """`frame` as the IPC file that Grafana's SDK writes: one uncompressed batch, Grafana's types only.

    The schema's metadata holds `name`, `refId` and, if there is one, `meta`; each field's holds `tstype`
    and, if there are any, `labels` and `config`.

    A time that 64-bit nanoseconds cannot say (before 1677-09-21 or after 2262-04-11) becomes null; a notice
    in `meta` then tells how many of which column.

    :raises FrameTypeError: a column's type, or a value in it, has no counterpart in Grafana's frames.
    """
    plans = [conversion(field) for field in frame.schema]
    columns = [_grafana_column(frame, index, plan) for index, plan in enumerate(plans)]
    frame = frame.with_notice(*_times_made_null(frame, columns))
    fields = [
        _grafana_field(field, plan, nullable=field.nullable or column.null_count > 0)
        for field, plan, column in zip(frame.schema, plans, columns, strict=True)
    ]
    described = describe_schema(pa.schema([]), frame.name, frame.ref_id, frame.meta).metadata or {}
    metadata = {NAME: frame.name.encode(), REF_ID: frame.ref_id.encode(), **described}
    schema = pa.schema(fields, metadata=metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def decode_grafana_file(
    data: bytes | bytearray | memoryview | pa.Buffer, *, max_bytes: int = MAX_BYTES, max_rows: int = MAX_ROWS
) -> Frame:
    """The frame in an IPC file that Grafana's SDK, or `encode_grafana_file`, wrote.

    Values are checked in full, so that the frame is safe to use wherever the bytes came from. JSON columns
    become strings marked as JSON; the data is not copied otherwise.

    :raises FrameTooLargeError: the file declares more than `max_bytes` decoded bytes or `max_rows` rows.
    :raises FrameTypeError: it holds an Arrow type that Grafana's frames do not know.
    :raises FrameDecodeError: it is malformed.
    """
    buffer = pa.py_buffer(data)
    with _typed_errors():
        check_file(memoryview(buffer), max_bytes, max_rows)
        with pa.ipc.open_file(buffer) as reader:
            _check_names(reader.schema)
            _check_types(reader.schema)
            table = reader.read_all()
        table.validate(full=True)
        return Frame.from_table(_native_json(table))


def encode_stream(
    source: Frame | FrameStream, *, batch_rows: int = DEFAULT_BATCH_ROWS, compression: str | None = None
) -> Iterator[bytes]:
    """`source` as an IPC stream, piece by piece: every type as it is, name, ref id and meta in the schema.

    Meta that changes while the stream runs (a limit's notice) follows as the metadata of an empty last batch.
    Closes a FrameStream when it ends or is closed itself. `compression` is None, `lz4` or `zstd`.

    :raises HeadwaterError: whatever the stream's producer raises.
    """
    stream = FrameStream.from_frame(source, batch_rows=batch_rows) if isinstance(source, Frame) else source
    with stream:
        first_meta = stream.meta
        sink = ChunkBuffer()
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with pa.ipc.new_stream(pa.PythonFile(sink, "w"), stream.schema, options=options) as writer:
            for batch in stream:
                writer.write_batch(batch)
                yield sink.take()
            if stream.meta is not None and stream.meta != first_meta:
                metadata = stream.schema.metadata
                writer.write_batch(_empty_batch(stream.schema), custom_metadata={META: metadata[META]})
        yield sink.take()


def decode_stream(
    source: bytes | IO[bytes], *, max_batch_bytes: int = MAX_BYTES, max_batch_rows: int = MAX_ROWS
) -> FrameStream:
    """The frame in an IPC stream, batch by batch; `source` is bytes or a binary file, which gets closed.

    Each batch is checked in full before it is handed on.

    :raises FrameTooLargeError: a batch declares more than the limits.
    :raises FrameDecodeError: the stream is malformed (also while iterating).
    """
    file = io.BytesIO(source) if isinstance(source, bytes | bytearray | memoryview) else source
    checked = CheckedSource(file, max_batch_bytes, max_batch_rows)
    try:
        with _typed_errors():
            reader = pa.ipc.open_stream(pa.PythonFile(checked, "r"))
            _check_names(reader.schema)
            described = Frame.from_batches(reader.schema, [])
    except BaseException:
        file.close()
        raise
    stream: FrameStream

    def batches() -> Generator[pa.RecordBatch, None, None]:
        while True:
            with _typed_errors():
                try:
                    batch, metadata = reader.read_next_batch_with_custom_metadata()
                except StopIteration:
                    return
                batch.validate(full=True)
                if metadata is not None and META in metadata:
                    stream.meta = FrameMeta.from_json(read_json(metadata, META, "meta"))
            if batch.num_rows or metadata is None:
                yield batch

    stream = FrameStream(
        reader.schema,
        batches(),
        name=described.name,
        ref_id=described.ref_id,
        meta=described.meta,
        on_close=file.close,
    )
    return stream


def _grafana_column(frame: Frame, index: int, plan: Conversion) -> pa.Array:
    """The whole column in Grafana's own Arrow type."""
    column = frame.table.column(index)
    try:
        written = _string_first(plan.type)
        chunks = [_as_type(_in_reach(plan.apply(chunk)), written) for chunk in column.chunks]
        array = pa.concat_arrays(chunks) if chunks else pa.nulls(0, written)
        array.validate(full=True)  # readers refuse texts that are not UTF-8
        return array.cast(plan.type.arrow_type)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        name = frame.schema.field(index).name
        raise FrameTypeError(f"column {name!r} ({column.type}) cannot be written: {error}") from error


def _as_type(array: pa.Array, type_: pa.DataType) -> pa.Array:
    """`array` as `type_`, also from a dictionary of string views, which Arrow does not cast."""
    if pa.types.is_dictionary(array.type):
        return array.dictionary.cast(type_).take(array.indices)
    return array.cast(type_)


def _in_reach(array: pa.Array) -> pa.Array:
    """`array`, with null for times that 64-bit nanoseconds cannot say."""
    if not pa.types.is_timestamp(array.type) or array.type.unit == "ns":
        return array
    per_unit = {"s": 10**9, "ms": 10**6, "us": 10**3}[array.type.unit]
    ticks = array.view(pa.int64())
    reached = pc.and_(
        pc.greater_equal(ticks, -(2**63 // per_unit)), pc.less_equal(ticks, (2**63 - 1) // per_unit)
    )
    return array if pc.all(reached).as_py() else pc.if_else(reached, array, pa.scalar(None, array.type))


def _times_made_null(frame: Frame, columns: list[pa.Array]) -> Iterator[Notice]:
    for field, before, after in zip(frame.schema, frame.table.columns, columns, strict=True):
        lost = after.null_count - before.null_count if pa.types.is_timestamp(after.type) else 0
        if lost > 0:
            yield Notice.warning(
                f"column {field.name!r}: {lost} times are null here, because this format's nanoseconds reach "
                "from 1677-09-21 to 2262-04-11 only"
            )


def _string_first(field_type: FieldType) -> pa.DataType:
    return pa.string() if field_type is FieldType.JSON else field_type.arrow_type


def _grafana_field(field: pa.Field, plan: Conversion, *, nullable: bool) -> pa.Field:
    labels = (field.metadata or {}).get(LABELS)
    metadata = {TS_TYPE: plan.type.ts_type.encode()} | ({} if labels is None else {LABELS: labels})
    written = pa.field(field.name, plan.type.arrow_type, nullable=nullable, metadata=metadata)
    return describe_field(written, config=plan.config)


def _check_names(fields: Iterable[pa.Field]) -> None:
    """Read every name, nested ones too: pyarrow finds out late that one is not UTF-8."""
    for field in fields:
        type_ = field.type
        _ = field.name, getattr(type_, "tz", None)
        _check_names(type_.field(index) for index in range(type_.num_fields))


def _check_types(schema: pa.Schema) -> None:
    for field in schema:
        known = field.type in _GRAFANA_TYPES or pa.types.is_timestamp(field.type)
        if not known and not pa.types.is_string_view(field.type):
            raise FrameTypeError(f"column {field.name!r}: Grafana's frames do not hold {field.type}")


def _native_json(table: pa.Table) -> pa.Table:
    """`table` with JSON columns as text (still marked as JSON) and without the marks that types imply."""
    fields, columns = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        metadata = {key: value for key, value in (field.metadata or {}).items() if key in {LABELS, CONFIG}}
        if pa.types.is_binary(field.type):
            metadata[TS_TYPE] = b"other"
            fields.append(pa.field(field.name, pa.string(), field.nullable, metadata))
            columns.append(pc.cast(column, pa.string()))
            continue
        if (field.metadata or {}).get(TS_TYPE) == b"enum":
            metadata[TS_TYPE] = b"enum"
        fields.append(pa.field(field.name, field.type, field.nullable, metadata or None))
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=table.schema.metadata))


def _empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)


class ChunkBuffer(io.RawIOBase):
    """A file to write into, whose content is taken away in chunks."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        written, self._written = self._written, []
        return b"".join(written)


@contextmanager
def _typed_errors() -> Iterator[None]:
    """Arrow's errors as ours."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
        kind = FrameTooLargeError if isinstance(error, MemoryError) else FrameDecodeError
        raise kind(f"not a valid Arrow message: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
