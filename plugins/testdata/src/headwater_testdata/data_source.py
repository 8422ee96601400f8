"""The data source: looks up the scenario and runs it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from attrs import evolve

from headwater.errors import QueryError
from headwater.frames import Frame, FrameStream
from headwater.sdk import (
    CallContext,
    CheckHealthResult,
    DataSource,
    Filter,
    Partitions,
    QueryResult,
    ResourceRequest,
    resource,
)

from .partitions import divide
from .query import ScenarioQuery
from .scenarios import SCENARIOS, Scenario
from .settings import ScenarioSettings


class ScenarioSource(DataSource[ScenarioSettings, ScenarioQuery]):
    """Keeps no state: two queries with the same keys, seed and time range have the same answer."""

    def query(self, query: ScenarioQuery, context: CallContext) -> QueryResult:
        if query.seed is None and self.settings.seed:
            query = evolve(query, seed=self.settings.seed)
        return _find(query.scenario).run(query, context)

    def partitions(
        self,
        query: ScenarioQuery,
        target: int,
        columns: tuple[str, ...] | None,
        filters: tuple[Filter, ...],
        context: CallContext,
    ) -> Partitions | None:
        if query.scenario != "streaming_rows" or query.fail_after_rows is not None:
            return None
        return divide(query, target, filters)

    def check_health(self, context: CallContext) -> CheckHealthResult:
        context.wait(self.settings.health_delay_ms / 1000)
        if self.settings.health_error:
            return CheckHealthResult.failed(self.settings.health_error)
        key = "set" if self.settings.api_key else "not set"
        return CheckHealthResult.ok("Test data is ready.", scenarios=len(SCENARIOS), apiKey=key)

    @resource("scenarios")
    def list_scenarios(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        return [_describe(scenario) for scenario in SCENARIOS.values()]

    @resource("scenarios/{id}")
    def show_scenario(self, request: ResourceRequest, context: CallContext) -> dict[str, Any]:
        return _describe(_find(request.params["id"]))

    @resource("tables")
    def tables(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """The scenarios, as a schema browser asks for them."""
        return [{"name": each.id, "comment": each.description} for each in SCENARIOS.values()]

    @resource("columns")
    def columns(self, request: ResourceRequest, context: CallContext) -> list[dict[str, Any]]:
        """The columns that scenario `table` answers with; raises what the scenario raises."""
        result = self.query(
            ScenarioQuery(scenario=request.query.get("table", ""), rows=1, delay_ms=1), context
        )
        if isinstance(result, Sequence):
            result = result[0]
        assert isinstance(result, Frame | FrameStream)
        return [
            {"name": field.name, "type": str(field.type), "nullable": field.nullable}
            for field in result.schema
        ]


def _find(scenario_id: str) -> Scenario:
    """Raises QueryError, with the nearest name, when there is no such scenario."""
    if (scenario := SCENARIOS.get(scenario_id)) is not None:
        return scenario
    near = difflib.get_close_matches(scenario_id, SCENARIOS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known scenarios: {', '.join(SCENARIOS)}"
    raise QueryError(f"There is no scenario {scenario_id!r}; {hint}")


def _describe(scenario: Scenario) -> dict[str, Any]:
    return {"id": scenario.id, "description": scenario.description, "keys": list(scenario.keys)}
