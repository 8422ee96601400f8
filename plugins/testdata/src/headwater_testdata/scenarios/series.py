"""Time series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headwater.frames import Field, FieldConfig, Frame, FrameMeta, FrameType
from headwater.sdk import CallContext
from headwater_testdata.noise import derive, uniform
from headwater_testdata.query import ScenarioQuery

from .scenario import Scenario

_VERSION = (0, 1)
Walks: TypeAlias = Sequence[npt.NDArray[np.float64]]


def random_walk(query: ScenarioQuery, context: CallContext) -> Sequence[Frame]:
    """Walks from 0, one step of at most ±0.5 per point, over the query's time range."""
    times = _times(query)
    walks = [_walk(query.seed or 0, number, len(times)) for number in range(query.series_count)]
    context.check()
    config = FieldConfig(unit=query.unit) if query.unit else None
    if query.format == "wide":
        return [_wide(times, walks, config)]
    if query.format == "long":
        return [_long(times, walks, config)]
    return _multi(times, walks, config)


def _times(query: ScenarioQuery) -> pa.Array:
    """Points from the range's start, `interval_ms` apart, or further if there were more than asked for."""
    start, end = query.time_range.from_ms, query.time_range.to_ms
    fewest = -(-(end - start) // max(1, query.max_data_points))
    step = max(1, query.interval_ms, fewest)
    return pa.array(np.arange(start, end, step, dtype=np.int64)).view(pa.timestamp("ms", tz="UTC"))


def _walk(seed: int, series: int, points: int) -> npt.NDArray[np.float64]:
    return np.cumsum(uniform(derive(seed, series), 0, points) - 0.5)


def _multi(times: pa.Array, walks: Walks, config: FieldConfig | None) -> list[Frame]:
    meta = FrameMeta(type=FrameType.TIME_SERIES_MULTI, type_version=_VERSION)
    return [
        Frame.from_fields(
            [_time_field(times), _value_field(walk, number, config)], name=_name(number), meta=meta
        )
        for number, walk in enumerate(walks)
    ]


def _wide(times: pa.Array, walks: Walks, config: FieldConfig | None) -> Frame:
    meta = FrameMeta(type=FrameType.TIME_SERIES_WIDE, type_version=_VERSION)
    values = [_value_field(walk, number, config) for number, walk in enumerate(walks)]
    return Frame.from_fields([_time_field(times), *values], name="random_walk", meta=meta)


def _long(times: pa.Array, walks: Walks, config: FieldConfig | None) -> Frame:
    """Sorted by time, then by series, as the long format requires."""
    names = [_name(number) for number in range(len(walks))] * len(times)
    return Frame.from_fields(
        [
            Field("time", times.take(pa.array(np.repeat(np.arange(len(times)), len(walks))))),
            Field("series", pa.array(names, pa.string())),
            Field("value", np.stack(walks, axis=1).reshape(-1), config=config),
        ],
        name="random_walk",
        meta=FrameMeta(type=FrameType.TIME_SERIES_LONG, type_version=_VERSION),
    )


def _time_field(times: pa.Array) -> Field:
    return Field("time", times, nullable=False)


def _value_field(walk: npt.NDArray[np.float64], number: int, config: FieldConfig | None) -> Field:
    return Field("value", walk, labels={"series": _name(number)}, config=config)


def _name(number: int) -> str:
    return f"walk-{number}"


SCENARIOS = (
    Scenario(
        "random_walk",
        "Random walks over the time range; the seed decides them.",
        random_walk,
        ("seed", "seriesCount", "format", "unit"),
    ),
)
