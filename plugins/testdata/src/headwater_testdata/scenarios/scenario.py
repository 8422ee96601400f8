"""What a scenario is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen

from headwater.sdk import CallContext, QueryResult
from headwater_testdata.query import ScenarioQuery

Run: TypeAlias = Callable[[ScenarioQuery, CallContext], QueryResult]


@frozen
class Scenario:
    """A named answer. `keys` are the query keys that it reads, as in JSON."""

    id: str
    description: str
    run: Run
    keys: tuple[str, ...] = ()
