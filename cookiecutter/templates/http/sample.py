"""What the API would answer, without the API. REPLACE: delete it once yours answers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import datetime

from headwater.errors import QueryError
from headwater.models import TimeRange

STATIONS = {"north": 4.0, "south": 2.5}
_PIECE_ROWS = 1000


def readings(station: str, rows: int, time_range: TimeRange) -> Iterator[bytes]:
    """A JSON object on each of `rows` lines, many lines at a time. Raises QueryError."""
    if station not in STATIONS:
        raise QueryError(f"There is no station {station!r}; known are {', '.join(STATIONS)}.")
    for first in range(0, rows, _PIECE_ROWS):
        lines = [
            json.dumps({"time": time.isoformat(timespec="milliseconds"), "station": station, "level": level})
            for time, level in _levels(station, time_range, rows, first)
        ]
        yield "\n".join([*lines, ""]).encode()


def _levels(station: str, time_range: TimeRange, rows: int, first: int) -> Iterator[tuple[datetime, float]]:
    for row in range(first, min(first + _PIECE_ROWS, rows)):
        time = time_range.from_ + time_range.duration * row / rows
        yield time, STATIONS[station] + math.sin(row / 8)
