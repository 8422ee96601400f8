"""Rows as a table for people."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout
from typing import IO

import pyarrow as pa

from headwater.frames import FrameStream
from headwater_server.cli.tables import print_table

from .columns import is_numeric, plain, titles


def write_table(stream: FrameStream, sink: IO[bytes]) -> None:
    """All rows at once: widths depend on every one of them."""
    columns = [plain(field) for field in stream.schema]
    numeric = [is_numeric(field.type) for field in stream.schema]
    rows: list[tuple[str | None, ...]] = []
    for batch in stream:
        pairs = zip(columns, batch.columns, strict=True)
        rows += zip(*(_texts(column.convert(array)) for column, array in pairs), strict=True)
    if not numeric:
        return
    if sink is sys.stdout.buffer:
        print_table(titles(stream.schema), rows, numeric=numeric)
        return
    text = io.StringIO()
    with redirect_stdout(text):
        print_table(titles(stream.schema), rows, numeric=numeric)
    sink.write(text.getvalue().encode())


def _texts(array: pa.Array) -> list[str | None]:
    texts: list[str | None] = array.cast(pa.string()).to_pylist()
    return texts
