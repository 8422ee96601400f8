"""The metrics of one host, in a registry of its own: two hosts in one process share none.

prometheus_client is used, rather than text written by hand, for the process and garbage-collector metrics
that dashboards expect, and for OpenMetrics when the scraper asks for it. It has no dependencies.
"""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder

from headwater import Headwater
from headwater.frames import CacheStatus
from headwater.plugins import Target
from headwater.queries import AnswerCache, MemoryAnswerStore
from headwater.secrets import SecretState
from headwater_server import __version__

from .plugin_requests import SECONDS, PluginMetricsMiddleware
from .workers import METRICS_FOLDER, JoinedCounts, WorkerProcesses


class HostMetrics:
    """Pass its `plugin_middleware` to `Headwater(middlewares=…)`, and itself to `create_app`."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        PlatformCollector(registry=registry)
        self._folder = os.environ.get(METRICS_FOLDER)
        if self._folder is None:
            ProcessCollector(registry=registry)
        self._durations: dict[tuple[str, str, str], Histogram] = {}
        self._http_duration = Histogram(
            "grafana_http_request_duration_seconds",
            "Time to answer an HTTP request, to the last byte.",
            ("handler", "method", "status_code"),
            buckets=SECONDS,
            registry=registry,
        )
        self.http_in_flight = Gauge(
            "grafana_http_request_in_flight",
            "HTTP requests being answered.",
            multiprocess_mode="livesum",
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
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.answers = Counter(
            "headwater_answer_cache_answers",
            "Answers of data sources with a cache rule, by how much of them was remembered.",
            ("status",),
            registry=registry,
        )
        self.answer_bytes = Gauge(
            "headwater_answer_cache_bytes",
            "Memory that remembered answers take in this process.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.restarts = Counter(
            "headwater_plugin_process_restarts",
            "Processes of plugins that took the place of one that had died.",
            ("plugin_id",),
            registry=registry,
        )
        build = Gauge(
            "headwater_build_info",
            "1, with the version.",
            ("version",),
            multiprocess_mode="livemax",
            registry=registry,
        )
        build.labels(__version__).set(1)
        self.plugin_middleware = PluginMetricsMiddleware(registry)

    def count_request(self, handler: str, method: str, status: str, seconds: float) -> None:
        """One more HTTP request that was answered."""
        key = (handler, method, status)
        duration = self._durations.get(key)
        if duration is None:  # what `labels` finds costs it more than a look here
            duration = self._durations[key] = self._http_duration.labels(*key)
        duration.observe(seconds)

    def watch_plugins(self, headwater: Headwater) -> None:
        """Say where calls of its plugins go, and count restarts of those in processes of their own."""
        self.plugin_middleware.registry = headwater.registry
        for record in headwater.plugins:
            if record.usable and record.target is Target.LOCAL:
                record.on_restart(self.restarts.labels(record.plugin_id).inc)

    def watch_answers(self, cache: AnswerCache) -> None:
        """Count the answers that `cache` has a part in."""
        counters = {status: self.answers.labels(status.value) for status in CacheStatus}

        def observe(status: CacheStatus) -> None:
            counters[status].inc()
            if status is not CacheStatus.HIT and isinstance(cache.store, MemoryAnswerStore):
                self.answer_bytes.set(cache.store.size)

        cache.on_answer(observe)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The text for a scraper that sent this Accept header, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._joined()), content_type

    def _joined(self) -> CollectorRegistry:
        """The metrics of this process; of a worker, those of all workers together."""
        if self._folder is None:
            return self.registry
        joined = CollectorRegistry()
        JoinedCounts(joined, path=self._folder)  # type: ignore[no-untyped-call]
        PlatformCollector(registry=joined)
        joined.register(WorkerProcesses(Path(self._folder)))
        return joined
