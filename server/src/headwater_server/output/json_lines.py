"""Rows as JSON objects: one a line, or one list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import orjson

from headwater.frames import FrameStream

from .columns import json_values, titles


def write_json_lines(stream: FrameStream, sink: IO[bytes]) -> None:
    """An object for each row, a line each."""
    for lines in _lines(stream):
        sink.write(b"".join(line + b"\n" for line in lines))
        sink.flush()


def write_json(stream: FrameStream, sink: IO[bytes]) -> None:
    """A list of the objects, written as the rows arrive."""
    before = b"[\n"
    for lines in _lines(stream):
        for line in lines:
            sink.write(before + line)
            before = b",\n"
    sink.write(b"[]\n" if before == b"[\n" else b"\n]\n")


def _lines(stream: FrameStream) -> Iterator[list[bytes]]:
    keys = titles(stream.schema)
    converters = [json_values(field) for field in stream.schema]
    for batch in stream:
        columns = [convert(column) for convert, column in zip(converters, batch.columns, strict=True)]
        rows = zip(*columns, strict=True) if columns else iter([()] * batch.num_rows)
        yield [orjson.dumps(dict(zip(keys, row, strict=True))) for row in rows]
