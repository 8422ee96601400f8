"""Parameters are bound by the source, never pasted into the text."""

from __future__ import annotations

from headwater.errors import ErrorSource, HeadwaterError
from headwater.host import Headwater

from .base import ConformanceBase
from .mending import mend


class ParameterChecks(ConformanceBase):
    @mend("source.query", "hand query.params to the driver, which binds them; put none into the text")
    def test_hostile_values_come_back_as_they_are(self, headwater: Headwater, source: str) -> None:
        self.need("parameters")
        probe = self.probe("parameter")
        for value in probe.hostile:
            query, params = probe.make(value)
            column = self.ask_one(headwater, source, query, params=params).table.column(0)
            assert column.to_pylist() == [value], (
                f"The parameter {value!r} came back as {column.to_pylist()!r}"
            )

    @mend("source.query", "raise QueryError for a parameter that is not given")
    def test_a_missing_parameter_is_the_callers_error(self, headwater: Headwater, source: str) -> None:
        self.need("parameters")
        query, _ = self.probe("parameter").make("x")
        error = self.error_of(headwater, source, query, "its parameter is missing")
        assert isinstance(error, HeadwaterError), f"A missing parameter gave {error!r}"
        assert error.source is not ErrorSource.PLUGIN, f"A missing parameter is the plugin's fault: {error!r}"
