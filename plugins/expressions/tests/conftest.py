"""Short ways to write values, and to compute expressions over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from headwater import CallContext
from headwater.frames import Field, Frame, FrameMeta, FrameType
from headwater.models import (
    DataQuery,
    DataResponse,
    PluginContext,
    QueryDataRequest,
    TimeRange,
)
from headwater_expressions.evaluation import evaluate

Labels = Mapping[str, str]


def series(points: Mapping[int, float | None], labels: Labels | None = None, *, name: str = "value") -> Frame:
    """A series of values by seconds."""
    times = pa.array([second * 1000 for second in points], pa.timestamp("ms", "UTC"))
    return Frame.from_fields(
        [
            Field("time", times, nullable=False),
            Field(name, pa.array(list(points.values()), pa.float64()), labels or {}),
        ],
        meta=FrameMeta(type=FrameType.TIME_SERIES_MULTI, type_version=(0, 1)),
    )


def number(value: float | None, labels: Labels | None = None) -> Frame:
    return Frame.from_fields(
        [Field("value", pa.array([value], pa.float64()), labels or {})],
        meta=FrameMeta(type=FrameType.NUMERIC_MULTI, type_version=(0, 1)),
    )


class Request:
    """A request: outcomes of data sources by ref id, and expressions over them."""

    def __init__(self, **inputs: Frame | Sequence[Frame] | Exception) -> None:
        self.inputs = {ref_id: _response(given) for ref_id, given in inputs.items()}
        self.time_range = TimeRange(datetime.fromtimestamp(0, UTC), datetime.fromtimestamp(16, UTC))

    def answer(
        self, context: CallContext | None = None, /, **expressions: dict[str, Any]
    ) -> dict[str, DataResponse]:
        queries = tuple(
            DataQuery(ref_id, json=json, time_range=self.time_range) for ref_id, json in expressions.items()
        )
        request = QueryDataRequest(PluginContext("__expr__"), queries, inputs=self.inputs)
        return evaluate(request, context or CallContext())

    def frames(self, **json: Any) -> tuple[Frame, ...]:
        response = self.answer(Q=json)["Q"]
        if response.error is not None:
            raise response.error
        return response.frames

    def math(self, expression: str) -> list[Any]:
        return values(self.frames(type="math", expression=expression))

    def sql(self, expression: str) -> Frame:
        (frame,) = self.frames(type="sql", expression=expression)
        return frame


def values(frames: Sequence[Frame]) -> list[Any]:
    """Of each frame a number, or the values of a series by seconds; with its labels behind, if it has any."""
    return [_value(frame) for frame in frames if frame.num_columns]


def _value(frame: Frame) -> Any:
    field = frame.fields[-1]
    cells = field.values.to_pylist()
    value: Any = cells[0] if cells else None
    if frame.num_columns > 1:
        seconds = frame.table.column(0).cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_pylist()
        value = dict(zip([each // 1000 for each in seconds], cells, strict=True))
    return (value, dict(field.labels)) if field.labels else value


def _response(given: Frame | Sequence[Frame] | Exception) -> DataResponse:
    if isinstance(given, Exception):
        return DataResponse.from_error(given)
    return DataResponse((given,) if isinstance(given, Frame) else tuple(given))


@pytest.fixture
def nan() -> Any:
    return pytest.approx(float("nan"), nan_ok=True)
