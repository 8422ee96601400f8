"""The plugin object that the entry point names. Loads neither pyarrow nor urllib3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from headwater.sdk import AnswerTraits, DataSourcePlugin, QueryExample, QueryMacro

from . import __version__
from .query import PrometheusQuery
from .read_api import LABEL_VALUES, QUERIES, REPORTS
from .settings import PrometheusSettings


class PrometheusPlugin(DataSourcePlugin):
    """PromQL over HTTP: Prometheus, Mimir, Thanos, VictoriaMetrics and their like."""

    id = "prometheus"
    name = "Prometheus"
    version = __version__
    description = "PromQL to Arrow: series, native histograms, exemplars, warnings."
    settings_type = PrometheusSettings
    query_type = PrometheusQuery
    query_text_key = "expr"
    query_language = "promql"
    parameter_placeholders: ClassVar[Mapping[str, str]] = {
        f"{kind}{items}": "${name}" for kind in ("text", "integer", "number") for items in ("", "[]")
    }
    table_query: ClassVar[Mapping[str, str]] = {"expr": "{table}"}
    connection: ClassVar[Mapping[str, str]] = {
        "url": "http://HOST:9090, with the path before /api/v1 where there is one",
        "basicAuthUser": "the user of basic authentication; basicAuthPassword is a secret",
    }
    capabilities = frozenset({"cancel", "parameters", "resources", "stream"})
    examples = (
        QueryExample("Targets over time", {"expr": "up"}),
        QueryExample(
            "Rate by job",
            {"expr": "sum by (job) (rate(http_requests_total[$__rate_interval]))", "layout": "wide"},
            "One column per job.",
        ),
        QueryExample("Targets now", {"expr": "up", "instant": True}),
    )
    macros = (
        QueryMacro("$__rate_interval", "a window for rate() that holds at least four scrapes, such as 1m"),
        QueryMacro("$__interval", "the step between two points, such as 15s"),
        QueryMacro("$__range", "the length of the time range, such as 3600s"),
        QueryMacro("$__rate_interval_ms", "the same in milliseconds, also of $__interval and $__range"),
    )
    routes = (*QUERIES, LABEL_VALUES, *REPORTS)
    data_source = "headwater_prometheus.datasource:PrometheusDataSource"

    def answer_traits(self, query: PrometheusQuery, settings: PrometheusSettings) -> AnswerTraits:
        from .traits import answer_traits

        return answer_traits(query, settings)
