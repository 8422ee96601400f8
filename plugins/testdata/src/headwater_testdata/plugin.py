"""The plugin object that the entry point names. Loads neither pyarrow nor the scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from headwater.sdk import AnswerTraits, DataSourcePlugin, QueryExample

from . import __version__
from .query import ScenarioQuery
from .settings import ScenarioSettings


class TestDataPlugin(DataSourcePlugin):
    """Deterministic data without a server."""

    __test__: ClassVar[bool] = False  # the name is the plugin's, not a test's

    id = "testdata"
    name = "Test data"
    version = __version__
    description = "Deterministic scenarios without a server: series, every Arrow type, streams, failures."
    settings_type = ScenarioSettings
    query_type = ScenarioQuery
    query_text_key = "scenario"
    table_query: ClassVar[Mapping[str, str]] = {"scenario": "{table}"}
    connection: ClassVar[Mapping[str, str]] = {}
    capabilities = frozenset({"cancel", "logs", "pushdown", "resources", "stream", "traces"})
    examples = (
        QueryExample(
            "Three random walks", {"scenario": "random_walk", "seed": 7, "seriesCount": 3, "format": "wide"}
        ),
        QueryExample("A million rows", {"scenario": "streaming_rows", "rows": 1_000_000}),
        QueryExample(
            "A table from CSV", {"scenario": "csv", "csvContent": "city,people\nBern,134794\nBasel,173863\n"}
        ),
    )
    data_source = "headwater_testdata.data_source:ScenarioSource"

    def answer_traits(self, query: ScenarioQuery, settings: ScenarioSettings) -> AnswerTraits:
        """On nobody. What reached the plugin is worth seeing each time."""
        return AnswerTraits(user=False, headers=(), kept=query.scenario != "request")
