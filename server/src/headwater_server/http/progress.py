"""Progress of a running query, as lines of a `text/jsonl` answer."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from headwater.calls import Progress

PROGRESS_HEADER = "x-headwater-progress"
_PAUSE_SECONDS = 0.2
_encoder = msgspec.json.Encoder()


class ProgressLines:
    """Called with what a data source reports, from whichever thread; hands on a few lines a second.

    A line is `{"progress": {"rows": …, "bytes": …, "totalRows": …}}`: what the data source has read so far,
    which may be more than it answers; `totalRows` is 0 while unknown.
    """

    def __init__(self) -> None:
        self.send: Callable[[bytes], object] | None = None
        self._due = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if self.send is None or now < self._due:
            return
        self._due = now + _PAUSE_SECONDS
        counts = {"rows": progress.rows, "bytes": progress.bytes, "totalRows": progress.total_rows}
        self.send(_encoder.encode({"progress": counts}) + b"\n")
