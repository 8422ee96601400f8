"""The data source. It answers from memory; your own code goes to the places marked REPLACE."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
from headwater.errors import QueryError
from headwater.frames import FrameStream
from headwater.models import TimeRange
from headwater.sdk import CallContext, CheckHealthResult, DataSource, ResourceRequest, resource

from .query import LevelQuery
from .settings import Settings

STATIONS = {"north": 4.0, "south": 2.5}
SCHEMA = pa.schema(
    [
        pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("station", pa.string()),
        pa.field("level", pa.float64()),
    ]
)
_BATCH_ROWS = 8192


class {{ cookiecutter.__class }}Source(DataSource[Settings, LevelQuery]):
    """Several threads use one object. Building it opens nothing: connect on first use."""

    def query(self, query: LevelQuery, context: CallContext) -> FrameStream:
        """A stream, so that an answer of any size fits. A `Frame` or a `pa.Table` will do for small ones."""
        _check_station(query.station)
        return FrameStream(SCHEMA, self._batches(query, context), name=query.station)

    def check_health(self, context: CallContext) -> CheckHealthResult:
        """REPLACE: ask your source something cheap. That it is down is a result, not an exception."""
        key = "set" if self.settings.api_key else "not set"
        return CheckHealthResult.ok("Answers from memory.", stations=len(STATIONS), apiKey=key)

    @resource("tables")
    def tables(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """What schema browsers list: `headwater schema`, the Explore page."""
        return [{"name": station} for station in STATIONS]

    @resource("columns")
    def columns(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """The columns of `tables`' item `table`."""
        _check_station(request.query.get("table", ""))
        return [{"name": each.name, "type": str(each.type)} for each in SCHEMA]

    def close(self) -> None:
        """REPLACE: close the connections. Called once, when no query uses the object any more."""

    def _batches(self, query: LevelQuery, context: CallContext) -> Iterator[pa.RecordBatch]:
        feed = _Feed(query.delay_ms / 1000)
        # The callback runs in another thread, when the caller cancels and at the deadline.
        with context.on_cancel(feed.stop):
            for readings in feed.read(query.station, query.time_range, query.rows):
                rows = [
                    {"time": time, "station": query.station, "level": round(level, self.settings.decimals)}
                    for time, level in readings
                ]
                yield pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


class _Feed:
    """REPLACE with a connection to your source: a driver's cursor, a socket, a file."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._stopped = threading.Event()

    def stop(self) -> None:
        """REPLACE: tell the source to give up, such as with KILL QUERY or by closing the socket."""
        self._stopped.set()

    def read(self, station: str, time_range: TimeRange, rows: int) -> Iterator[list[tuple[datetime, float]]]:
        """`rows` readings of `station`, a batch at a time; none any more once stopped."""
        for first in range(0, rows, _BATCH_ROWS):
            if self._stopped.wait(self._pause):
                return
            yield [
                (time_range.from_ + time_range.duration * row / rows, STATIONS[station] + math.sin(row / 8))
                for row in range(first, min(first + _BATCH_ROWS, rows))
            ]


def _check_station(station: str) -> None:
    """Raises QueryError, which says that the caller is wrong, and not this plugin or the source."""
    if station not in STATIONS:
        raise QueryError(f"There is no station {station!r}; known are {', '.join(STATIONS)}.")
