"""From blocks of rows to a stream of Arrow batches."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import pyarrow as pa

from headwater.errors import DownstreamProtocolError
from headwater.frames import FrameMeta, FrameStream, Notice

from .columns import ColumnReader, readers_of, schema_of
from .rows import Rows
from .settings import Endpoint

_BATCH_ROWS = 65_536
_KEYS_TOLD = 20


def stream_of(
    name: str,
    endpoint: Endpoint,
    blocks: Generator[Rows, None, None],
    *,
    limit: int,
    infer_rows: int,
    asked: str,
) -> FrameStream:
    """The rows of `blocks`, at most `limit` unless that is 0. Owns `blocks`.

    Reads ahead only where types are not declared, until there are `infer_rows` rows. A key that appears after
    those is told in a notice.
    """
    sample: list[Rows] = []
    if not endpoint.columns or not all(column.type for column in endpoint.columns):
        sample = _first_blocks(blocks, min(infer_rows, limit or infer_rows))
    rows = [row for block in sample for row in block]
    readers = readers_of(endpoint.columns, rows, of_text=endpoint.format == "csv")
    del rows
    schema = schema_of(readers)
    late = _LateKeys([] if endpoint.columns else schema.names)

    def batches() -> Iterator[pa.RecordBatch]:
        done = 0
        for part in _parts(sample, blocks):
            kept = part[: limit - done] if limit else part
            batch = _batch(readers, schema, kept, done)
            late.note(kept)
            yield batch
            done += len(kept)
            del part, kept, batch
            if limit and done >= limit:
                break
        if notice := late.notice(infer_rows):
            stream.add_notice(notice)

    stream = FrameStream(
        schema, batches(), name=name, meta=FrameMeta(executed_query_string=asked), on_close=blocks.close
    )
    return stream


class _LateKeys:
    """Keys of rows that are no columns, because the rows that these come from did not have them."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = frozenset(columns)
        self._found: dict[str, None] = {}

    def note(self, rows: Rows) -> None:
        if self._columns and len(self._found) < _KEYS_TOLD:
            for row in rows:
                if not row.keys() <= self._columns:
                    self._found.update(dict.fromkeys(row.keys() - self._columns))

    def notice(self, infer_rows: int) -> Notice | None:
        if not self._found:
            return None
        keys = ", ".join(sorted(self._found)[:_KEYS_TOLD])
        return Notice.warning(
            f"Left out, because the first {infer_rows:,} rows do not have them: {keys}. "
            "Give the endpoint columns to have them."
        )


def _first_blocks(blocks: Iterator[Rows], rows: int) -> list[Rows]:
    found: list[Rows] = []
    while sum(map(len, found)) < rows and (block := next(blocks, None)) is not None:
        found.append(block)
    return found


def _parts(sample: list[Rows], blocks: Iterator[Rows]) -> Iterator[Rows]:
    """Rows in pieces of a batch's size; lets go of what was read."""
    while sample:
        yield from _cut(sample.pop(0))
    for block in blocks:
        yield from _cut(block)
        del block


def _cut(block: Rows) -> Iterator[Rows]:
    for start in range(0, len(block), _BATCH_ROWS):
        yield block[start : start + _BATCH_ROWS]


def _batch(readers: Sequence[ColumnReader], schema: pa.Schema, rows: Rows, done: int) -> pa.RecordBatch:
    if any(reader.needs_objects for reader in readers):
        for number, row in enumerate(rows, done + 1):
            if not isinstance(row, dict):
                raise DownstreamProtocolError(f"Row {number} is not an object, as the columns need it.")
    return pa.record_batch([reader.read(rows, done) for reader in readers], schema=schema)
