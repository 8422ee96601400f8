"""Errors of frames: each is a `headwater.errors.FrameError`, and so has a source and an HTTP status."""

from __future__ import annotations

from headwater.errors import FrameError


class FrameDecodeError(FrameError):
    """Bytes from outside are not a frame. `path` says where, as in `schema.fields[2].typeInfo.frame`."""

    message_id = "frame.decode"

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class FrameTooLargeError(FrameDecodeError):
    """Bytes from outside declare, or decode to, more than the reader allows."""

    message_id = "frame.tooLarge"
    status = 413


class FrameTypeError(FrameError):
    """A column's Arrow type has no counterpart in Grafana's frames."""

    message_id = "frame.type"


class TimeSeriesError(FrameError):
    """A frame cannot be reshaped as a time series: not sorted, null times, the wrong shape."""

    message_id = "frame.timeSeries"


class StreamClosedError(FrameError):
    """A stream was read after it had been closed, before its end."""

    message_id = "frame.streamClosed"


__all__ = [
    "FrameDecodeError",
    "FrameError",
    "FrameTooLargeError",
    "FrameTypeError",
    "StreamClosedError",
    "TimeSeriesError",
]
