"""An answer as one stream of rows, whatever number of frames it has."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from itertools import chain

import pyarrow as pa

from headwater.calls import CallContext
from headwater.errors import FrameError, LimitExceededError
from headwater.frames import Frame, FrameStream, field_labels, unique_names
from headwater.models import QueryChunk


def rows_of(
    chunks: Generator[QueryChunk, None, None],
    context: CallContext,
    on_end: Callable[[], object],
    *,
    keep_labels: bool = False,
) -> FrameStream:
    """The rows of an answer; labels that all values of a frame share become columns.

    With `keep_labels` those of a single frame stay in its fields' metadata.

    A single frame passes through in bounded memory. Several, such as one per time series, are collected
    within the context's limits and joined. Waits for the first two pieces. Raises the query's error.
    `on_end` is called once all rows are here.
    """
    pieces = _pieces(chunks)
    first, second = next(pieces, None), next(pieces, None)
    if first is None:
        on_end()
        return FrameStream.from_frame(Frame.from_pydict({}))
    if second is not None and not second.belongs_to(first):
        frames = [piece.frame for piece in (first, second, *pieces) if piece.frame is not None]
        on_end()
        return FrameStream.from_frame(_join(frames, context))
    return _stream(
        [piece for piece in (first, second) if piece is not None], pieces, context, on_end, keep_labels
    )


def _pieces(chunks: Generator[QueryChunk, None, None]) -> Generator[QueryChunk, None, None]:
    try:
        for chunk in chunks:
            if chunk.error is not None:
                raise chunk.error
            if chunk.frame is not None:
                yield chunk
    finally:
        chunks.close()


def _stream(
    head: list[QueryChunk],
    rest: Generator[QueryChunk, None, None],
    context: CallContext,
    on_end: Callable[[], object],
    keep_labels: bool,
) -> FrameStream:
    first = head[0].frame
    assert first is not None
    labels = {} if keep_labels else _shared_labels(first.schema)

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for piece in chain(head, rest):
                assert piece.frame is not None
                if not piece.belongs_to(head[0]):
                    raise FrameError("The answer has several frames that cannot be written as one table.")
                if piece.frame_id != head[0].frame_id:
                    for notice in piece.frame.notices:
                        stream.add_notice(notice)
                    continue
                stream.meta = piece.frame.meta
                yield from _with_labels(piece.frame.table, labels).to_batches()
        finally:
            rest.close()

    schema = _with_labels(first.table.slice(0, 0), labels).schema
    stream = FrameStream(
        schema, batches(), name=first.name, meta=first.meta, on_close=on_end, on_cancel=context.cancel
    )
    return stream


def _join(frames: list[Frame], context: CallContext) -> Frame:
    """Frames below each other. Raises LimitExceededError, or FrameError if a column changes its type."""
    most = context.limits.max_rows
    if most is not None and sum(frame.num_rows for frame in frames) > most:
        raise LimitExceededError(f"The answer's {len(frames)} frames have more than {most:,} rows together.")
    tables = [_with_labels(frame.table, _shared_labels(frame.schema)) for frame in frames]
    try:
        return Frame.from_table(pa.concat_tables(tables, promote_options="permissive"), meta=frames[-1].meta)
    except pa.ArrowInvalid as error:
        raise FrameError(f"The answer's {len(frames)} frames do not fit into one table: {error}") from error


def _shared_labels(schema: pa.Schema) -> dict[str, str]:
    """Labels that every labelled column has alike, under names that no column has."""
    labelled = [labels for field in schema if (labels := field_labels(field))]
    if not labelled or any(labels != labelled[0] for labels in labelled):
        return {}
    names = unique_names(list(labelled[0]), taken=schema.names)
    return dict(zip(names, labelled[0].values(), strict=True))


def _with_labels(table: pa.Table, labels: dict[str, str]) -> pa.Table:
    if not labels:
        return table
    plain = [field.with_metadata(None) for field in table.schema]
    table = pa.Table.from_arrays(table.columns, schema=pa.schema(plain, table.schema.metadata))
    for name, value in labels.items():
        table = table.append_column(name, pa.repeat(pa.scalar(value), table.num_rows))
    return table
