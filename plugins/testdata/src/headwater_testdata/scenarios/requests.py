"""What reached the plugin."""

from __future__ import annotations

import pyarrow as pa

from headwater.frames import Frame
from headwater.sdk import CallContext
from headwater_testdata.query import ScenarioQuery

from .scenario import Scenario


def request(query: ScenarioQuery, context: CallContext) -> Frame:
    """One row with the request around the query; `seconds_left` is null without a deadline."""
    time = pa.timestamp("ms", tz="UTC")
    columns = {
        "ref_id": pa.array([query.ref_id]),
        "from": pa.array([query.time_range.from_ms]).cast(time),
        "to": pa.array([query.time_range.to_ms]).cast(time),
        "interval_ms": pa.array([query.interval_ms], pa.int64()),
        "max_data_points": pa.array([query.max_data_points], pa.int64()),
        "request_id": pa.array([context.request_id]),
        "seconds_left": pa.array([context.remaining()], pa.float64()),
    }
    return Frame.from_table(pa.table(columns), name="request")


SCENARIOS = (Scenario("request", "The request as the plugin sees it.", request),)
