"""Health: an answer, always, and in time."""

from __future__ import annotations

import socket
import time

from headwater.host import Headwater
from headwater.models import HealthStatus
from headwater.testing.features import DataSourceConfig

from .base import ConformanceBase
from .lifecycle import dead_address
from .mending import mend


class HealthChecks(ConformanceBase):
    @mend("source.check_health", "return CheckHealthResult.ok with a message if the server answers")
    def test_a_live_source_is_ok(self, headwater: Headwater, source: str) -> None:
        self.need("health")
        result = headwater.check_health(source, timeout=self.deadline)
        assert result.status is HealthStatus.OK, f"The live source of `config` is not well: {result.message}"
        assert result.message, "The result has no message"

    @mend(
        "source.check_health",
        "return CheckHealthResult.failed for every way in which the server cannot be reached",
    )
    def test_a_refused_connection_is_a_result_not_an_exception(
        self, headwater: Headwater, config: DataSourceConfig
    ) -> None:
        self.need("health")
        self.need("network")
        source = self.add(headwater, config, "refused", url=dead_address(config.url))
        result = headwater.check_health(source, timeout=self.deadline)
        assert result.status is HealthStatus.ERROR, f"Where nobody listens the health is {result.status.name}"
        assert result.message, "The result has no message"

    @mend(
        "source.check_health",
        "give the driver context.remaining() as its timeout, or close its socket in context.on_cancel",
    )
    def test_a_server_that_never_answers_is_reported_in_time(
        self, headwater: Headwater, config: DataSourceConfig
    ) -> None:
        self.need("health")
        self.need("network")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            scheme, separator, _ = config.url.partition("://")
            url = f"{scheme}://127.0.0.1:{port}" if separator else f"127.0.0.1:{port}"
            source = self.add(headwater, config, "silent", url=url)
            started = time.monotonic()
            result = headwater.check_health(source, timeout=self.patience)
            took = time.monotonic() - started
        assert result.status is HealthStatus.ERROR, f"Of a silent server the health is {result.status.name}"
        assert took < self.patience + 2.0, f"The check took {took:.1f} s of the {self.patience:g} s it had"
