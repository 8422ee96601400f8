"""Prometheus passes the conformance kit, like every data source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headwater.testing import (
    DataSourceConfig,
    DataSourceConformance,
    Features,
    ParameterProbe,
    Probes,
    Support,
)
from servers.prometheus import V3, PrometheusServer, start_prometheus

BUSY = " + ".join(["vector(time())"] * 10)


@pytest.fixture(scope="module")
def empty_server() -> Iterator[PrometheusServer]:
    with start_prometheus(V3) as server:
        yield server


class TestPrometheus(DataSourceConformance):
    plugin_id = "prometheus"
    title = "Prometheus"
    driver_modules = ("pyarrow", "numpy", "msgspec", "urllib3")
    features = Features(
        # Label columns are known only at the end of an answer; `multi` streams, series by series.
        streaming=Support.NOT_IMPLEMENTED,
    )
    probes = Probes(
        simple={"expr": "vector(1)"},
        wrong={"expr": "sum("},
        rows=lambda count: {"expr": f"vector(1)[{count}s:1s]", "instant": True},
        empty={"expr": "nothing_has_this_name"},
        slow={"expr": f"sum_over_time(({BUSY})[100d:1s])", "instant": True},
        parameter=ParameterProbe(
            lambda value: (
                {"expr": 'label_join(vector(1), "v", ${value}, "x", "y")', "instant": True},
                {"value": value},
            ),
            column="v",
            placed=lambda name, kind: {
                "expr": f'label_join(vector(1), "v", {name}, "x", "y")'
                if kind == "text"
                else f"vector({name})",
                "instant": True,
            },
        ),
        divisible={"expr": "vector(time())", "layout": "long"},
        over_time={"expr": "time() % 1000"},
        resource="api/v1/labels",
    )

    @pytest.fixture
    def config(self, empty_server: PrometheusServer) -> DataSourceConfig:
        return DataSourceConfig(url=empty_server.url)
