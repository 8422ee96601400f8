"""Traces."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from headwater.frames import Frame, FrameMeta, Visualisation
from headwater.sdk import CallContext
from headwater_testdata.noise import derive, random_bits
from headwater_testdata.query import ScenarioQuery

from .scenario import Scenario

_SERVICES = ("web", "basket", "database")
_OPERATIONS = ("GET /basket", "read_basket", "SELECT basket", "render")


def trace(query: ScenarioQuery, context: CallContext) -> Frame:
    """One trace of `spanCount` spans within the time range: spans call others, and every seventh fails.

    Columns are those of Grafana's trace frames; `startTime` and `duration` are in milliseconds.
    """
    spans = query.span_count
    seed = query.seed or 0
    chance = (random_bits(derive(seed, 0), 0, spans) % np.uint64(1000)).astype(float) / 1000
    starts, durations, parents = [float(query.time_range.from_ms)], [1000.0], [-1]
    for number in range(1, spans):
        parent = (number - 1) // 2
        room = durations[parent]
        starts.append(starts[parent] + room * (0.05 if number % 2 else 0.5) + room * 0.05 * chance[number])
        durations.append(room * (0.3 + 0.1 * chance[number]))
        parents.append(parent)
    context.check()
    failed = [number % 7 == 6 for number in range(spans)]
    services = [_SERVICES[min(number, number % 3)] for number in range(spans)]
    identity = f"{derive(seed, 1) & (2**64 - 1):032x}"
    columns = {
        "traceID": pa.array([identity] * spans, pa.string()),
        "spanID": pa.array([f"{number + 1:016x}" for number in range(spans)], pa.string()),
        "parentSpanID": pa.array([f"{up + 1:016x}" if up >= 0 else "" for up in parents], pa.string()),
        "operationName": pa.array([_OPERATIONS[number % 4] for number in range(spans)], pa.string()),
        "serviceName": pa.array(services, pa.string()),
        "startTime": pa.array(starts, pa.float64()),
        "duration": pa.array(durations, pa.float64()),
        "kind": pa.array(["server" if up < 0 else "client" for up in parents], pa.string()),
        "statusCode": pa.array([2 if each else 0 for each in failed], pa.int64()),
        "statusMessage": pa.array(["timed out" if each else "" for each in failed], pa.string()),
        "tags": pa.array([_tags(attempt=number % 3 + 1) for number in range(spans)], pa.string()),
        "serviceTags": pa.array([_tags(host=f"{name}-1") for name in services], pa.string()),
    }
    meta = FrameMeta(preferred_visualisation_type=Visualisation.TRACE)
    return Frame.from_table(pa.table(columns), name="trace", meta=meta)


def _tags(**values: object) -> str:
    return json.dumps([{"key": key, "value": value} for key, value in values.items()])


SCENARIOS = (Scenario("trace", "One trace, whose spans call others.", trace, ("spanCount", "seed")),)
