"""Prometheus of both generations and VictoriaMetrics, filled with the same known samples."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from headwater import Headwater
from servers import remote_write
from servers.prometheus import V2, V3, PrometheusServer, start_prometheus
from servers.prometheus_samples import STEP, Live, Source, SourceMaker, openmetrics, recent_series
from servers.victoriametrics import VictoriaMetricsServer, start_victoriametrics

# How long an example takes says more about the machine's other work than about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture
def make_source() -> Iterator[SourceMaker]:
    """Makes a source for a URL; keyword arguments are fields of the data source."""
    hosts: list[Headwater] = []

    def make(url: str, **fields: Any) -> Source:
        host = Headwater()
        hosts.append(host)
        host.add_data_source(name="source", type="prometheus", url=url, **fields)
        return Source(host)

    yield make
    for host in hosts:
        host.close()


@pytest.fixture(scope="session", params=[V2, V3])
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    with start_prometheus(request.param, openmetrics=openmetrics()) as server:
        now = int(time.time()) // STEP * STEP * 1000
        remote_write.write(server.url, recent_series(now, utf8_names=server.version == V3))
        yield Live(server, now)


@pytest.fixture(scope="session")
def prometheus(live: Live) -> PrometheusServer:
    return live.server


@pytest.fixture
def source(prometheus: PrometheusServer, make_source: SourceMaker) -> Source:
    return make_source(prometheus.url)


@pytest.fixture(scope="session")
def victoriametrics() -> Iterator[VictoriaMetricsServer]:
    with start_victoriametrics(openmetrics()) as server:
        yield server
