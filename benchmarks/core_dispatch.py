"""What the whole path adds to calling a data source's function directly: one query, one small frame."""

from __future__ import annotations

import logging
import statistics

import structlog
from timing import print_table, time_side_by_side

from headwater import CallContext, Headwater
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

    with Headwater() as headwater:
        headwater.add_data_source(name="demo", type="testdata")

        def whole_path() -> object:
            return headwater.query("demo", QUERY, time_range=RANGE)

        seconds = time_side_by_side({"direct call": direct, "whole path": whole_path}, rounds=200, calls=20)
    print_table("One small frame from testdata", seconds, unit="µs")
    added = statistics.median(seconds["whole path"]) - statistics.median(seconds["direct call"])
    print(f"  added by the path: {1e6 * added:.0f} µs (aim: at most 100 µs)")


if __name__ == "__main__":
    main()
