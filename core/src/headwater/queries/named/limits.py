"""The limits of a named query on rows that are sent while they arrive."""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from headwater.models import QueryChunk

from .model import NamedQueryLimits

__all__ = ["limited"]


def limited(
    chunks: Generator[QueryChunk, None, None], limits: NamedQueryLimits
) -> Generator[QueryChunk, None, None]:
    """As much of `chunks` as `limits` allow together. The last may be cut and says so, and the query ends."""
    rows, size = limits.max_rows, limits.max_bytes
    try:
        for chunk in chunks:
            frame = chunk.frame
            if frame is not None and (rows is not None or size is not None):
                taken = frame.nbytes if size is not None else 0
                if (rows is not None and frame.num_rows > rows) or (size is not None and taken > size):
                    from headwater.frames import FrameStream

                    yield evolve(chunk, frame=FrameStream.from_frame(frame).collect(rows, size))
                    return
                rows = None if rows is None else rows - frame.num_rows
                size = None if size is None else size - taken
            yield chunk
    finally:
        chunks.close()
