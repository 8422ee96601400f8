"""What an answer depends on, and whether its points may be asked for one by one."""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve

from headwater.errors import QueryError
from headwater.models import AnswerSteps, AnswerTraits, DataQuery, TimeRange

from .promql import is_of_its_moment
from .query import PrometheusQuery
from .settings import PrometheusSettings
from .steps import MAX_POINTS, plan, step_of, uses_range


def answer_traits(query: PrometheusQuery, settings: PrometheusSettings) -> AnswerTraits:
    """Nothing but headers that are forwarded tells callers apart. Raises QueryError."""
    alerts = ("FromAlert",) if query.exemplar else ()
    return AnswerTraits(
        user=False,
        headers=(*settings.forwarded_headers, *alerts),
        steps=_steps(query, settings),
    )


def _steps(query: PrometheusQuery, settings: PrometheusSettings) -> AnswerSteps | None:
    """For range queries in the layout that dashboards use; None where a point depends on the whole range."""
    if not query.is_one_range or query.chosen_layout != "multi" or settings.query_stats_enabled:
        return None
    if uses_range(query.expr) or not is_of_its_moment(query.expr):
        return None
    planned = plan(query, settings.time_interval)
    pinned = _pinned(query.data_query, planned.expr, planned.step)
    if _step_of(query, pinned, planned.step, settings) != planned.step:
        return None
    return AnswerSteps(
        planned.step, pinned, query.utc_offset_sec * 1000, first_frame_keys=("calculatedMinStep", "stats")
    )


def _pinned(query: DataQuery, expr: str, step: int) -> DataQuery:
    """The query whose step is the same in any shorter range."""
    json = {**query.json, "expr": expr, "interval": f"{step}ms", "intervalFactor": 1}
    return evolve(query, json=json, max_data_points=MAX_POINTS)


def _step_of(query: PrometheusQuery, pinned: DataQuery, step: int, settings: PrometheusSettings) -> int:
    """The step that `pinned` gets in the longest range that it can be asked for."""
    margin = timedelta(milliseconds=step)
    asked = TimeRange(query.time_range.from_ - margin, query.time_range.to + margin)
    widened = evolve(pinned, time_range=asked)
    interval = str(pinned.json["interval"])
    changed = evolve(query, interval=interval, interval_factor=1, data_query=widened)
    try:
        return step_of(changed, settings.time_interval)
    except QueryError:
        return 0
