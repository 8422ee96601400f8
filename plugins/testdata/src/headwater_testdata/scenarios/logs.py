"""Log lines."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from headwater.frames import Frame, FrameMeta, FrameType, Visualisation
from headwater.sdk import CallContext
from headwater_testdata.noise import derive, random_bits
from headwater_testdata.query import ScenarioQuery

from .scenario import Scenario

_SEVERITIES = ("debug", "info", "info", "info", "warning", "error")
_HOSTS = ("web-1", "web-2", "worker-1")
_TEXTS = (
    "request served",
    "cache miss, loading from the store",
    "connection pool grew",
    "slow request",
    "retrying after a timeout",
    "zażółć gęślą jaźń \u2603",
    "two\nlines",
)


def logs(query: ScenarioQuery, context: CallContext) -> Frame:
    """`rows` log lines spread over the time range, newest first, as Grafana's log-lines frame."""
    start, end = query.time_range.from_ms, query.time_range.to_ms
    rows = query.rows
    times = end - (np.arange(rows, dtype=np.int64) * (end - start)) // max(1, rows)
    seed = query.seed or 0
    hosts = _choose(seed, 0, rows, len(_HOSTS))
    columns = {
        "timestamp": pa.array(times).cast(pa.timestamp("ms", tz="UTC")),
        "body": pa.array([_TEXTS[i] for i in _choose(seed, 1, rows, len(_TEXTS))], pa.string()),
        "severity": pa.array([_SEVERITIES[i] for i in _choose(seed, 2, rows, len(_SEVERITIES))], pa.string()),
        "id": pa.array([f"{seed:x}-{number}" for number in range(rows)], pa.string()),
        "labels": pa.array([json.dumps({"host": _HOSTS[i]}) for i in hosts], pa.string()),
    }
    context.check()
    meta = FrameMeta(
        type=FrameType.LOG_LINES, type_version=(0, 0), preferred_visualisation_type=Visualisation.LOGS
    )
    return Frame.from_table(pa.table(columns), name="logs", meta=meta)


def _choose(seed: int, stream: int, count: int, choices: int) -> list[int]:
    picked: list[int] = (random_bits(derive(seed, stream), 0, count) % np.uint64(choices)).tolist()
    return picked


SCENARIOS = (Scenario("logs", "Log lines over the time range.", logs, ("rows", "seed")),)
