"""What the whole path adds to calling a data source's function directly: one query, one small frame."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Callable

import structlog
from timing import print_table, time_side_by_side

from headwater import CallContext, Headwater
from headwater.calls import CallerThread
from headwater.models import DataQuery, DataSourceInstanceSettings, TimeRange
from headwater.sdk import parse
from headwater_testdata.data_source import ScenarioSource
from headwater_testdata.query import ScenarioQuery
from headwater_testdata.settings import ScenarioSettings

RANGE = TimeRange.from_epoch_ms(0, 10_000)
QUERY = {"scenario": "random_walk", "seed": 1}


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    source = ScenarioSource(
        ScenarioSettings(), DataSourceInstanceSettings(uid="u", name="n", type="testdata")
    )

    def direct() -> object:
        query = parse(ScenarioQuery, QUERY, injected={"data_query": DataQuery(time_range=RANGE, json=QUERY)})
        return source.query(query, CallContext())

    with Headwater() as isolated, Headwater(workers=CallerThread()) as here:
        for headwater in (isolated, here):
            headwater.add_data_source(name="demo", type="testdata")
        contenders: dict[str, Callable[[], object]] = {
            "direct call": direct,
            "query, in the caller's thread": lambda: here.query("demo", QUERY, time_range=RANGE),
            "query": lambda: isolated.query("demo", QUERY, time_range=RANGE),
        }
        seconds = time_side_by_side(contenders, rounds=200, calls=20)
    print_table("One small frame from testdata", seconds, unit="µs")
    median = {name: statistics.median(figures) for name, figures in seconds.items()}
    for name, aim in (("query, in the caller's thread", 60), ("query", 100)):
        added = 1e6 * (median[name] - median["direct call"])
        print(f"  {name}: adds {added:.0f} µs (aim: at most {aim} µs)")


if __name__ == "__main__":
    main()
