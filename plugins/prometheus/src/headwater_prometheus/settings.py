"""What a Prometheus data source can be configured with, under Grafana's key names."""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import frozen

from headwater.sdk import field
from headwater.sdk.http import HttpOptions


@frozen(kw_only=True)
class PrometheusSettings(HttpOptions):
    """The URL, basic auth and the keys of `HttpOptions` come on top.

    `time_interval` is the scrape interval; `query_timeout` is sent to the server as `timeout`.
    """

    other_keys: ClassVar[tuple[str, ...]] = (
        "alertmanagerUid",
        "allowAsRecordingRulesTarget",
        "cacheLevel",
        "codeModeMetricNamesSuggestionLimit",
        "defaultEditor",
        "directUrl",
        "disableMetricsLookup",
        "disableRecordingRules",
        "enableSecureSocksProxy",
        "exemplarTraceIdDestinations",
        "http*",
        "incremental*",
        "manageAlerts",
        "prometheus-type-migration",
        "prometheusType",
        "prometheusVersion",
        "seriesEndpoint",
        "sigV4*",
        "tlsConfigurationMethod",
    )
    """Keys that Grafana's own clients store beside ours."""

    http_method: Literal["POST", "GET"] = field("POST", doc="How queries are sent.")
    time_interval: str = field("15s", lenient=True, doc="Scrape interval, such as 15s.")
    query_timeout: str = field("", lenient=True, doc="Evaluation timeout the server applies, such as 30s.")
    custom_query_parameters: str = field("", doc="Added to every request, such as max_source_resolution=5m.")
    max_samples_processed_warning_threshold: int = field(0, minimum=0, lenient=True)
    max_samples_processed_error_threshold: int = field(0, minimum=0, lenient=True)
    query_stats_enabled: bool = field(False, doc="Ask for statistics of each query.")
    series_limit: int = field(40_000, minimum=0, lenient=True, doc="Most suggestions returned; 0: all.")
