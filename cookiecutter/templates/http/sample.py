"""What the API would answer, without the API. REPLACE: delete it once yours answers."""

from __future__ import annotations

import math
from collections.abc import Iterator

from headwater.errors import QueryError
from headwater.models import TimeRange

STATIONS = {"north": 4.0, "south": 2.5}
_LINE = '{"time": "%s", "station": "%s", "level": %s}\n'
_PIECE_ROWS = 1000


def readings(station: str, rows: int, time_range: TimeRange) -> Iterator[bytes]:
    """A JSON object on each of `rows` lines, many lines at a time. Raises QueryError."""
    if station not in STATIONS:
        raise QueryError(f"There is no station {station!r}; known are {', '.join(STATIONS)}.")
    start, step = time_range.from_, time_range.duration / max(rows, 1)
    for first in range(0, rows, _PIECE_ROWS):
        last = min(first + _PIECE_ROWS, rows)
        times = [(start + step * row).isoformat(timespec="milliseconds") for row in range(first, last)]
        levels = [STATIONS[station] + math.sin(row / 8) for row in range(first, last)]
        lines = [_LINE % (time, station, level) for time, level in zip(times, levels, strict=True)]
        yield "".join(lines).encode()
