"""Parameters are bound by the source, never pasted into the text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest

from headwater.errors import ErrorSource, HeadwaterError
from headwater.host import Headwater
from headwater.queries.named import NamedQuery, Parameter

from .base import ConformanceBase
from .mending import mend

if TYPE_CHECKING:
    from headwater.frames import Frame

_NAME: Final = re.compile(r"\bname\b")
_VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    "text": ("a text", "ß🦆"),
    "integer": (-7, 2**53),
    "number": (0.5, -1e-9),
}


class ParameterChecks(ConformanceBase):
    @mend("source.query", "hand query.params to the driver, which binds them; put none into the text")
    def test_hostile_values_come_back_as_they_are(self, headwater: Headwater, source: str) -> None:
        self.need("parameters")
        probe = self.probe("parameter")
        _add_named_query(headwater, source, *probe.make("x"))
        for value in probe.hostile:
            query, params = probe.make(value)
            self._check_frame(self.ask_one(headwater, source, query, params=params), value)
            frame = headwater.run("conformance", value=value, time_range=self.time_range)
            self._check_frame(frame, value)

    def _check_frame(self, frame: Frame, value: str) -> None:
        column = frame.table.column(self.probe("parameter").column or 0).to_pylist()
        assert column == [value], f"The parameter {value!r} came back as {column!r}"

    @mend(
        "plugin.parameter_placeholders",
        "say how a text names a parameter of each kind that `params` binds; leave out kinds that it does not",
    )
    def test_each_kind_of_value_is_bound_by_its_placeholder(self, headwater: Headwater, source: str) -> None:
        self.need("parameters")
        probe = self.probe("parameter")
        placeholders = headwater.plugin_info(self.plugin_id).parameter_placeholders
        kinds = [kind for kind in _VALUES if kind in placeholders]
        if probe.placed is None or not kinds:
            pytest.skip("no placeholders, or no probe: parameter.placed")
        for kind in kinds:
            query = probe.placed(_NAME.sub("value", placeholders[kind]), kind)
            for value in _VALUES[kind]:
                frame = self.ask_one(headwater, source, query, params={"value": value})
                (row,) = frame.to_pylist()
                assert any(_is(found, value) for found in row.values()), (
                    f"The {kind} {value!r}, bound by {placeholders[kind]!r}, came back as {row!r}"
                )

    @mend("source.query", "raise QueryError for a parameter that is not given")
    def test_a_missing_parameter_is_the_callers_error(self, headwater: Headwater, source: str) -> None:
        self.need("parameters")
        query, _ = self.probe("parameter").make("x")
        error = self.error_of(headwater, source, query, "its parameter is missing")
        assert isinstance(error, HeadwaterError), f"A missing parameter gave {error!r}"
        assert error.source is not ErrorSource.PLUGIN, f"A missing parameter is the plugin's fault: {error!r}"


def _is(found: object, value: object) -> bool:
    """Whether `found` is `value`, in whatever type of text or number the source has it."""
    try:
        return type(value)(found) == value  # type: ignore[call-arg]
    except (TypeError, ValueError):
        return False


def _add_named_query(headwater: Headwater, source: str, query: Mapping[str, Any], params: Any) -> None:
    """A named query `conformance` that asks what `query` asks, with the parameter `value` as its only one."""
    reference = {"$param": "value"}
    bound = dict.fromkeys(params, reference) if isinstance(params, Mapping) else [reference]
    named = NamedQuery(
        id="conformance",
        data_source=source,
        query={**query, "params": bound},
        parameters=(Parameter(name="value"),),
    )
    headwater.named_queries.save(named)
