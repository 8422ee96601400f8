"""From the pieces of an answer to one stream of rows."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from headwater.errors import FrameError

if TYPE_CHECKING:
    import pyarrow as pa

    from headwater.calls.context import CallContext
    from headwater.frames import FrameStream
    from headwater.models import QueryChunk

__all__ = ["stream_of"]


def stream_of(chunks: Generator[QueryChunk, None, None], context: CallContext) -> FrameStream:
    """The rows of the only frame of an answer. Waits for the first piece, which has the schema.

    Notices that follow the rows are added to the stream's meta. Raises the answer's error, if that comes
    first. The stream owns `chunks` and `context`.
    """
    from headwater.frames import Frame, FrameStream

    def release() -> None:
        try:
            chunks.close()
        finally:
            context.close()

    try:
        first = next(chunks, None)
        if first is not None and first.error is not None:
            raise first.error
    except BaseException:
        release()
        raise
    frame = first.frame if first is not None else None
    if first is None or frame is None:
        release()
        return FrameStream.from_frame(Frame.from_pydict({}))

    def batches() -> Iterator[pa.RecordBatch]:
        yield from frame.table.to_batches()
        for chunk in chunks:
            if chunk.error is not None:
                raise chunk.error
            if not chunk.belongs_to(first):
                raise FrameError("The answer has several frames; use query_frames.")
            if chunk.frame is None:
                continue
            if chunk.frame_id != first.frame_id:
                for notice in chunk.frame.notices:
                    stream.add_notice(notice)
                continue
            stream.meta = chunk.frame.meta
            yield from chunk.frame.table.to_batches()

    stream = FrameStream(
        frame.schema,
        batches(),
        name=frame.name,
        ref_id=frame.ref_id,
        meta=frame.meta,
        on_close=release,
        on_cancel=context.cancel,
    )
    return stream
