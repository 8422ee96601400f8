"""From the answer to one query to its frames, and the warning that some of its rows are missing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from headwater.calls.context import DEFAULT_LIMITS, QueryLimits
from headwater.errors import FrameError, TruncatedResultWarning
from headwater.models import QueryDataResponse

if TYPE_CHECKING:
    from headwater.frames import Frame

    from .options import QueryOptions


def only_frame(frames: Sequence[Frame]) -> Frame:
    """The frame of an answer that has one, an empty one if it has none. Raises FrameError for several."""
    if len(frames) > 1:
        raise FrameError(f"The answer has {len(frames)} frames; use query_frames.")
    if not frames:
        from headwater.frames import Frame

        return Frame.from_pydict({})
    return frames[0]


def frames_of(answer: QueryDataResponse) -> list[Frame]:
    """The frames of the only outcome. Raises its error."""
    frames: list[Frame] = []
    for response in answer.responses.values():
        if response.error is not None:
            raise response.error
        frames += response.frames
    return frames


def warn_if_cut(frames: Sequence[Frame], options: QueryOptions, limits: QueryLimits) -> None:
    """Warn the caller's caller of a cut by the default limits, not by a data source's own."""
    given = options.get("context")
    if not any(frame.truncated for frame in frames):
        return
    if "max_rows" in options or "max_bytes" in options or limits != DEFAULT_LIMITS:
        return
    if given is not None and given.limits != DEFAULT_LIMITS:
        return
    max_rows = DEFAULT_LIMITS.max_rows
    rows = sum(frame.num_rows for frame in frames)
    notices = [notice.text for frame in frames if frame.truncated for notice in frame.notices]
    if any("byte limit" in text for text in notices) or (notices and max_rows and rows >= max_rows):
        warnings.warn(
            f"The answer was cut at {rows:,} rows by a default limit; give max_rows=None and max_bytes=None, "
            "or read it with stream().",
            TruncatedResultWarning,
            stacklevel=3,
        )
