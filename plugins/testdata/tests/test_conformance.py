"""Test data passes the conformance kit, like every data source."""

from __future__ import annotations

import pyarrow as pa

from headwater.testing import DataSourceConformance, Features, Probes, Support, TypeProbe


class TestTestData(DataSourceConformance):
    plugin_id = "testdata"
    title = "Test data"
    features = Features(network=Support.UNSUPPORTED, parameters=Support.UNSUPPORTED)
    probes = Probes(
        simple={"scenario": "random_walk", "seed": 3},
        wrong={"scenario": "no_such_scenario"},
        rows=lambda count: {"scenario": "streaming_rows", "rows": count},
        empty={"scenario": "streaming_rows", "rows": 0},
        slow={"scenario": "slow", "delayMs": 60_000},
        types=(
            TypeProbe(
                "text and numbers of a CSV",
                {"scenario": "csv", "csvContent": "n,m\n1,a\n,b\n3,c\n"},
                pa.int64(),
                (1, None, 3),
            ),
        ),
        divisible={"scenario": "streaming_rows", "rows": 1000},
        over_time={"scenario": "random_walk", "seed": 3},
        resource="scenarios",
    )
