"""From what a `query` method returns to frames and chunks."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from headwater.calls.context import CallContext
from headwater.errors import LimitExceededError, PluginRequestFailedError
from headwater.models import DataQuery, QueryChunk

if TYPE_CHECKING:
    from headwater.frames import Frame

__all__ = ["chunks_of", "frames_of"]

_SMALL_PART = 10_000
_MOST_FRAMES = 100_000
"""Of a collected answer. A frame takes some kilobytes before it holds a row."""


def frames_of(result: Any, query: DataQuery, context: CallContext) -> tuple[Frame, ...] | None:
    """All frames of `result`, together within `context.limits`; None if the query was skipped."""
    from headwater.frames import FrameStream

    if result is None:
        return None
    limits = context.limits
    if isinstance(result, FrameStream):
        with result, context.on_cancel(result.cancel):
            frame = result.collect(max_rows=limits.max_rows, max_bytes=limits.max_bytes)
        context.check()
        return (_named(frame, query),)
    with closing(_frames(result)) as frames:
        return tuple(_within(context, (_named(frame, query) for frame in frames)))


def chunks_of(result: Any, query: DataQuery, context: CallContext) -> Iterator[QueryChunk]:
    """`result` piece by piece: a stream's batches as rows of one frame, each further frame as its own."""
    from headwater.frames import FrameStream
    from headwater.frames.codecs.grafana_json.chunks import rows_and_notices

    if result is None:
        return
    if not isinstance(result, FrameStream):
        with closing(_frames(result)) as frames:
            for index, frame in enumerate(frames):
                context.check()
                yield QueryChunk(query.ref_id, str(index), _named(frame, query))
        return

    with result, context.on_cancel(result.cancel):
        for chunk in rows_and_notices(result, query.ref_id):
            if chunk.frame is not None and not chunk.frame.num_rows:
                context.check()  # what a cancelled stream ends with is no answer
            yield chunk
    context.check()


def _within(context: CallContext, frames: Iterable[Frame]) -> Iterator[Frame]:
    """The first `frames`, as many as the limits allow together; the last of them may be cut, and says so.

    Raises LimitExceededError for more frames than memory should hold, and the call's own error if it is over.
    """
    from headwater.frames import FrameStream

    rows, size = context.limits.max_rows, context.limits.max_bytes
    for count, frame in enumerate(frames):
        context.check()
        if count == _MOST_FRAMES:
            raise LimitExceededError(
                f"The answer has more than {_MOST_FRAMES:,} frames. Ask for fewer series, or for one frame."
            )
        taken = 0 if size is None else _bytes_of(frame, size)
        if (rows is not None and frame.num_rows > rows) or (size is not None and taken > size):
            yield FrameStream.from_frame(frame).collect(rows, size)
            return
        yield frame
        rows = None if rows is None else rows - frame.num_rows
        size = None if size is None else size - taken


def _bytes_of(frame: Frame, size: int) -> int:
    """Bytes of the values, or, of a frame that is small beside `size`, of the buffers that they lie in: as
    much or somewhat more, and known at once."""
    buffers = int(frame.table.get_total_buffer_size())
    return buffers if buffers < size // _SMALL_PART else frame.nbytes


def _frames(result: Any) -> Generator[Frame, None, None]:
    """The frames of a result that is no stream. Closing it closes the generator that an author returned."""
    import pyarrow as pa

    from headwater.frames import Frame

    if isinstance(result, Frame):
        yield result
    elif isinstance(result, pa.Table):
        yield Frame.from_table(result)
    elif isinstance(result, Iterable):
        try:
            for frame in result:
                if not isinstance(frame, Frame):
                    raise _wrong_type(frame)
                yield frame
        finally:
            if isinstance(result, Generator):
                result.close()
    else:
        raise _wrong_type(result)


def _wrong_type(value: object) -> PluginRequestFailedError:
    return PluginRequestFailedError(
        f"The plugin's query returned {type(value).__name__}, not a Frame, a FrameStream or frames."
    )


def _named(frame: Frame, query: DataQuery) -> Frame:
    return frame if frame.ref_id else frame.with_ref_id(query.ref_id)
