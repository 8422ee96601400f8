"""Parameters are bound by the source, never pasted into the text."""

from __future__ import annotations

from headwater.errors import ErrorSource, HeadwaterError
from headwater.host import Headwater

from .base import ConformanceBase


class ParameterChecks(ConformanceBase):
    def test_hostile_values_come_back_as_they_are(self, headwater: Headwater, source: str) -> None:
        self.need("parameters")
        probe = self.probe("parameter")
        for value in probe.hostile:
            query, params = probe.make(value)
            column = self.ask_one(headwater, source, query, params=params).table.column(0)
            assert column.to_pylist() == [value]

    def test_a_missing_parameter_is_the_callers_error(self, headwater: Headwater, source: str) -> None:
        self.need("parameters")
        query, _ = self.probe("parameter").make("x")
        error = self.error_of(headwater, source, query)
        assert isinstance(error, HeadwaterError)
        assert error.source is not ErrorSource.PLUGIN
