"""The metrics of one host, in a registry of its own: two hosts in one process share none.

prometheus_client is used, rather than text written by hand, for the process and garbage-collector metrics
that dashboards expect, and for OpenMetrics when the scraper asks for it. It has no dependencies.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder

from headwater.secrets import SecretState
from headwater_server import __version__

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)
_MILLISECONDS = tuple(1000 * bound for bound in _SECONDS)
_BYTES = tuple(128 * 4**power for power in range(10))


class HostMetrics:
    """Pass its `plugin_middleware` to `Headwater(middlewares=…)`, and itself to `create_app`."""

    def __init__(self) -> None:
        from .plugin_requests import PluginMetricsMiddleware

        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.http_duration = Histogram(
            "grafana_http_request_duration_seconds",
            "Time to answer an HTTP request, to the last byte.",
            ("handler", "method", "status_code"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.http_in_flight = Gauge(
            "grafana_http_request_in_flight", "HTTP requests being answered.", registry=registry
        )
        plugin_labels = ("plugin_id", "endpoint", "target")
        self.plugin_requests = Counter(
            "grafana_plugin_request",
            "Calls into plugins.",
            ("plugin_id", "endpoint", "status", "target", "status_source"),
            registry=registry,
        )
        self.plugin_milliseconds = Histogram(
            "grafana_plugin_request_duration_milliseconds",
            "Time of calls into plugins.",
            plugin_labels,
            buckets=_MILLISECONDS,
            registry=registry,
        )
        self.plugin_seconds = Histogram(
            "grafana_plugin_request_duration_seconds",
            "Time of calls into plugins.",
            ("source", *plugin_labels, "status", "status_source"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.plugin_request_bytes = Histogram(
            "grafana_plugin_request_size_bytes",
            "Size of what was asked of plugins.",
            ("source", *plugin_labels),
            buckets=_BYTES,
            registry=registry,
        )
        self.failed_logins = Counter(
            "headwater_failed_logins", "Requests with credentials that are not good.", registry=registry
        )
        self.secrets_decrypt_failures = Counter(
            "headwater_secrets_decrypt_failures",
            "Times that a stored secret was needed and could not be opened.",
            ("state",),
            registry=registry,
        )
        for state in SecretState:
            if state is not SecretState.OK:
                self.secrets_decrypt_failures.labels(state.value)
        self.result_bytes = Gauge(
            "headwater_result_memory_bytes",
            "Memory set aside for results that are being made or sent.",
            registry=registry,
        )
        build = Gauge("headwater_build_info", "1, with the version.", ("version",), registry=registry)
        build.labels(__version__).set(1)
        self.plugin_middleware = PluginMetricsMiddleware(self)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The text for a scraper that sent this Accept header, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type
