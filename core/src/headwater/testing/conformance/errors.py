"""Errors say whose fault they are and keep their cause."""

from __future__ import annotations

from headwater.errors import DownstreamError, ErrorSource, HeadwaterError
from headwater.host import Headwater
from headwater.testing.features import DataSourceConfig

from .base import ConformanceBase
from .lifecycle import dead_address
from .mending import mend


class ErrorChecks(ConformanceBase):
    @mend(
        "source.query", "raise QueryError, or a DownstreamError, from what the driver raises for such a query"
    )
    def test_a_wrong_query_is_not_the_plugins_fault(self, headwater: Headwater, source: str) -> None:
        error = self.error_of(headwater, source, self.probe("wrong"), "probes.wrong is a wrong one")
        assert isinstance(error, HeadwaterError), f"probes.wrong gave {error!r}"
        assert error.source in (ErrorSource.CALLER, ErrorSource.DOWNSTREAM), (
            f"probes.wrong counts as the plugin's fault: {error!r}"
        )
        assert str(error), f"The error of probes.wrong has no message: {error!r}"

    @mend("source.query", "raise DownstreamConnectionError(…) from the driver's exception")
    def test_a_refused_connection_is_downstream(self, headwater: Headwater, config: DataSourceConfig) -> None:
        self.need("network")
        source = self.add(headwater, config, "refused", url=dead_address(config.url))
        error = self.error_of(headwater, source, self.probes.simple, "nobody listens at its URL")
        assert isinstance(error, DownstreamError), f"Where nobody listens a query gave {error!r}"
        assert error.__cause__ is not None, f"The driver's own exception is not the cause of {error!r}"

    @mend("plugin.query_data", "each ref id has an outcome of its own, as the SDK's query_data does it")
    def test_a_wrong_query_does_not_fail_its_neighbour(self, headwater: Headwater, source: str) -> None:
        uid = headwater.data_source(source).uid
        answer = headwater.query_data(
            {
                "from": str(self.time_range.from_ms),
                "to": str(self.time_range.to_ms),
                "queries": [
                    {**self.probe("wrong"), "refId": "A", "datasource": {"uid": uid}},
                    {**self.probes.simple, "refId": "B", "datasource": {"uid": uid}},
                ],
            }
        ).responses
        assert answer["A"].error is not None, "probes.wrong ended without an error"
        assert answer["B"].error is None, f"Beside probes.wrong, probes.simple gave {answer['B'].error!r}"
        assert answer["B"].frames, "Beside probes.wrong, probes.simple gave no frame"
