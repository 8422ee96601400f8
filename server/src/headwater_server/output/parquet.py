"""Parquet: Arrow types kept through the embedded schema; the few that Parquet lacks become text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from headwater.frames import ChunkBuffer, FrameStream
from headwater.frames.schema import META

from .columns import Plain, plain, titles

ROW_GROUP_BYTES = 64 * 1024 * 1024
_ROW_GROUP_ROWS = 1_048_576


def write_parquet(stream: FrameStream, sink: IO[bytes]) -> None:
    """Row groups of up to a million rows or 64 MiB, so that memory stays bounded. Compressed by zstd."""
    for piece in iter_parquet(stream):
        sink.write(piece)


def iter_parquet(stream: FrameStream, *, row_group_bytes: int = ROW_GROUP_BYTES) -> Iterator[bytes]:
    """The bytes of a Parquet file, a row group at a time. `row_group_bytes` counts Arrow data, uncompressed.

    The frame's name and meta, and the fields' labels and config, are in the schema's metadata; notices that
    come up on the way are in the file's own key `meta`. Raises whatever the stream's producer raises.
    """
    columns = [_storable(field) for field in stream.schema]
    # Readers refuse columns of one name.
    names = zip(stream.schema, titles(stream.schema), strict=True)
    named = [field.with_name(name) for field, name in names]
    schema = pa.schema(
        [
            field.with_type(column.kind) if column else field
            for column, field in zip(columns, named, strict=True)
        ],
        metadata=stream.schema.metadata,
    )
    first_meta = stream.meta
    buffer = ChunkBuffer()
    with pa.parquet.ParquetWriter(pa.PythonFile(buffer, "w"), schema, compression="zstd") as writer:
        for batches in _groups(stream, row_group_bytes):
            converted = [_convert(batch, columns, schema) for batch in batches]
            writer.write_table(pa.Table.from_batches(converted, schema))
            yield buffer.take()
        if stream.meta is not None and stream.meta != first_meta:
            writer.add_key_value_metadata({META: (stream.schema.metadata or {})[META]})
    yield buffer.take()


def _groups(stream: FrameStream, most_bytes: int) -> Iterator[list[pa.RecordBatch]]:
    group: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in stream:
        group.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= _ROW_GROUP_ROWS or size >= most_bytes:
            yield group
            group, rows, size = [], 0, 0
    if group:
        yield group


def _convert(batch: pa.RecordBatch, columns: list[Plain | None], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        column.convert(array) if column else array
        for column, array in zip(columns, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _storable(field: pa.Field) -> Plain | None:
    """How to make a column storable, None if it is."""
    kind, types = field.type, pa.types
    if types.is_run_end_encoded(kind):
        return Plain(kind.value_type, pc.run_end_decode)
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        return Plain(pa.large_list(kind.value_field), _as_lists)
    return None if _is_known(kind) else plain(field)


def _is_known(kind: pa.DataType) -> bool:
    """Whether Parquet has a type for it, and for what is nested in it."""
    types = pa.types
    if types.is_union(kind) or kind == pa.month_day_nano_interval():
        return False
    if types.is_dictionary(kind):
        return _is_known(kind.value_type)
    if types.is_struct(kind) and kind.num_fields == 0:
        return False
    return all(_is_known(kind.field(index).type) for index in range(kind.num_fields))


def _as_lists(array: pa.Array) -> pa.Array:
    """A list view as lists. Arrow's own cast leaves the last offset out (seen with pyarrow 26)."""
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))
    kind = pa.large_list(array.type.value_field)
    return pa.LargeListArray.from_arrays(offsets, array.flatten(), type=kind, mask=array.is_null())
