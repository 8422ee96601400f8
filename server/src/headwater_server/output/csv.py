"""CSV by RFC 4180: UTF-8, a header line, text quoted, null empty."""

from __future__ import annotations

from typing import IO

import pyarrow as pa
import pyarrow.csv

from headwater.frames import FrameStream

from .columns import plain, titles


def write_csv(stream: FrameStream, sink: IO[bytes]) -> None:
    """A header line, then the rows as they arrive. Null is empty, and empty text is `""`."""
    columns = [plain(field) for field in stream.schema]
    names = titles(stream.schema)
    schema = pa.schema([(name, column.kind) for name, column in zip(names, columns, strict=True)])
    with pa.csv.CSVWriter(sink, schema) as writer:
        for batch in stream:
            arrays = [column.convert(array) for column, array in zip(columns, batch.columns, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            sink.flush()
