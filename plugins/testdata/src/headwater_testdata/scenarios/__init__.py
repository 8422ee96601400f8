"""The scenarios by id."""

from __future__ import annotations

from . import failures, logs, requests, rows, series, trace, types
from .scenario import Scenario

__all__ = ["SCENARIOS", "Scenario"]

SCENARIOS: dict[str, Scenario] = {
    scenario.id: scenario
    for module in (series, types, rows, logs, trace, requests, failures)
    for scenario in module.SCENARIOS
}
