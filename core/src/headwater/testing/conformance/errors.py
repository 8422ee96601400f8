"""Errors say whose fault they are and keep their cause."""

from __future__ import annotations

from headwater.errors import DownstreamError, ErrorSource, HeadwaterError
from headwater.host import Headwater
from headwater.testing.features import DataSourceConfig

from .base import ConformanceBase
from .lifecycle import dead_address


class ErrorChecks(ConformanceBase):
    def test_a_wrong_query_is_not_the_plugins_fault(self, headwater: Headwater, source: str) -> None:
        error = self.error_of(headwater, source, self.probes.wrong)
        assert isinstance(error, HeadwaterError)
        assert error.source in (ErrorSource.CALLER, ErrorSource.DOWNSTREAM), repr(error)
        assert str(error)

    def test_a_refused_connection_is_downstream(self, headwater: Headwater, config: DataSourceConfig) -> None:
        self.need("network")
        source = self.add(headwater, config, "refused", url=dead_address(config.url))
        error = self.error_of(headwater, source, self.probes.simple)
        assert isinstance(error, DownstreamError), repr(error)
        assert error.__cause__ is not None, "the driver's own exception is lost"

    def test_a_wrong_query_does_not_fail_its_neighbour(self, headwater: Headwater, source: str) -> None:
        uid = headwater.data_source(source).uid
        answer = headwater.query_data(
            {
                "from": str(self.time_range.from_ms),
                "to": str(self.time_range.to_ms),
                "queries": [
                    {**self.probes.wrong, "refId": "A", "datasource": {"uid": uid}},
                    {**self.probes.simple, "refId": "B", "datasource": {"uid": uid}},
                ],
            }
        ).responses
        assert answer["A"].error is not None
        assert answer["B"].error is None
        assert answer["B"].frames
