"""Steps, alignment and variables by Grafana's rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from headwater.errors import QueryError
from headwater.models import DataQuery, TimeRange
from headwater.sdk import parse
from headwater_prometheus.query import PrometheusQuery
from headwater_prometheus.steps import MAX_POINTS, go_duration, interpolate, plan, step_of

HOUR = 3_600_000


def query(length: int = HOUR, *, points: int = 1000, start: int = 0, **keys: Any) -> PrometheusQuery:
    asked = DataQuery(
        max_data_points=points,
        interval_ms=keys.get("intervalMs", 1000),
        time_range=TimeRange.from_epoch_ms(start, start + length),
        json={"expr": "up", **keys},
    )
    return parse(PrometheusQuery, asked.json, ignore_unknown=True, injected={"data_query": asked})


@pytest.mark.parametrize(
    ("made", "scrape", "step"),
    [
        (query(), "15s", 15_000),  # the scrape interval is the smallest step
        (query(intervalMs=1000), "15s", 5_000),  # unless the request suggests one: 3.6 s rounds to 5 s
        (query(intervalMs=30_000), "15s", 30_000),
        (query(interval="1m"), "15s", 60_000),
        (query(interval=">10s"), "15s", 10_000),
        (query(interval="30"), "15s", 30_000),
        (query(24 * HOUR), "15s", 60_000),  # 86.4 s rounds to a minute
        (query(24 * HOUR, points=100), "15s", 900_000),
        (query(intervalFactor=2), "15s", 30_000),
        (query(intervalFactor=0), "15s", 15_000),
        (query(interval="$__interval", intervalMs=20_000), "15s", 20_000),
        (query(interval="$__rate_interval"), "15s", 60_000),  # 4 scrapes
        (query(interval="${__rate_interval}", intervalFactor=5), "1m", 240_000),  # no factor
        (query(0), "15s", 15_000),
        (query(), "", 15_000),
    ],
)
def test_the_step(made: PrometheusQuery, scrape: str, step: int) -> None:
    assert step_of(made, scrape) == step


@given(st.integers(1, 10**13), st.integers(1, 100_000), st.sampled_from(["1ms", "15s", "1h"]))
def test_there_are_never_more_steps_than_the_server_accepts(length: int, points: int, interval: str) -> None:
    planned = plan(query(length, points=points, interval=interval), "15s")
    assert (planned.end - planned.start) // planned.step <= MAX_POINTS


@given(st.integers(-(10**12), 10**13), st.integers(-50_400, 50_400))
def test_bounds_are_aligned_to_the_step_in_local_time(start: int, offset: int) -> None:
    planned = plan(query(start=start, utcOffsetSec=offset, interval="1d"), "15s")
    for bound in (planned.start, planned.end):
        assert (bound + offset * 1000) % planned.step == 0
    assert start - planned.step < planned.start <= start
    assert planned.at == start + HOUR


@pytest.mark.parametrize(
    ("expr", "keys", "expected"),
    [
        ("x[$__interval]", {}, "x[15s]"),
        ("x[${__interval}] + $__interval_ms", {"interval": "1m"}, "x[1m] + 60000"),
        ("x[$__range] $__range_s $__range_ms", {}, "x[3600s] 3600 3600000"),
        ("x[$__rate_interval] $__rate_interval_ms", {}, "x[1m0s] 60000"),
        ("x[$__rate_interval]", {"intervalMs": 120_000}, "x[2m15s]"),
        ("x[$__rate_interval]", {"interval": "1m"}, "x[4m0s]"),
        ("x[$__rate_interval]", {"interval": "$__rate_interval"}, "x[1m0s]"),
        ("x[$__rate_interval]", {"interval": "$__interval", "intervalMs": 30_000}, "x[2m0s]"),
        ("$__intervals $other ${__range}", {}, "$__intervals $other 3600s"),
    ],
)
def test_variables(expr: str, keys: dict[str, Any], expected: str) -> None:
    made = query(expr=expr, **keys) if "expr" not in keys else query(**keys)
    assert interpolate(made, step_of(made, "15s"), "15s") == expected


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(15_000, "15s"), (60_000, "1m0s"), (3_661_000, "1h1m1s"), (500, "500ms"), (1_500, "1500ms"), (0, "0s")],
)
def test_durations_are_written_as_go_does_where_promql_can_read_it(milliseconds: int, text: str) -> None:
    assert go_duration(milliseconds) == text


@pytest.mark.parametrize("interval", ["soon", "-5s", "0s", "1µs"])
def test_an_interval_that_is_none_is_the_callers_mistake(interval: str) -> None:
    with pytest.raises(QueryError, match="interval"):
        step_of(query(interval=interval), "15s")


def test_the_executed_query_names_expression_and_step() -> None:
    planned = plan(query(expr="rate(x[$__rate_interval])"), "15s")
    assert planned.executed_query == "Expr: rate(x[1m0s])\nStep: 15s"
