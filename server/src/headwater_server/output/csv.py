"""CSV by RFC 4180: UTF-8, a header line, text quoted, null empty."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import pyarrow as pa
import pyarrow.csv

from headwater.frames import ChunkBuffer, FrameStream

from .columns import plain, titles


def write_csv(stream: FrameStream, sink: IO[bytes]) -> None:
    """A header line, then the rows as they arrive. Null is empty, and empty text is `""`."""
    for piece in iter_csv(stream):
        sink.write(piece)
        sink.flush()


def iter_csv(stream: FrameStream) -> Iterator[bytes]:
    """What `write_csv` writes: the header line, then piece by piece the rows. Raises whatever the stream's
    producer raises."""
    columns = [plain(field) for field in stream.schema]
    names = titles(stream.schema)
    schema = pa.schema([(name, column.kind) for name, column in zip(names, columns, strict=True)])
    buffer = ChunkBuffer()
    with pa.csv.CSVWriter(pa.PythonFile(buffer, "w"), schema) as writer:
        yield buffer.take()
        for batch in stream:
            arrays = [column.convert(array) for column, array in zip(columns, batch.columns, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            if batch.num_rows:
                yield buffer.take()
