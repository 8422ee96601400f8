"""Health: an answer, always, and in time."""

from __future__ import annotations

import socket
import time

from headwater.host import Headwater
from headwater.models import HealthStatus
from headwater.testing.features import DataSourceConfig

from .base import ConformanceBase
from .lifecycle import dead_address


class HealthChecks(ConformanceBase):
    def test_a_live_source_is_ok(self, headwater: Headwater, source: str) -> None:
        self.need("health")
        result = headwater.check_health(source, timeout=self.deadline)
        assert result.status is HealthStatus.OK, result.message
        assert result.message

    def test_a_refused_connection_is_a_result_not_an_exception(
        self, headwater: Headwater, config: DataSourceConfig
    ) -> None:
        self.need("health")
        self.need("network")
        source = self.add(headwater, config, "refused", url=dead_address(config.url))
        result = headwater.check_health(source, timeout=self.deadline)
        assert result.status is HealthStatus.ERROR
        assert result.message

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
        assert result.status is HealthStatus.ERROR
        assert took < self.patience + 2.0
