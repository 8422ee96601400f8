"""Counts and times every call into a plugin."""

from __future__ import annotations

import functools
import time
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

import orjson
from prometheus_client import CollectorRegistry, Counter, Histogram

from headwater.errors import HeadwaterError, PluginRequestCanceledError, describe
from headwater.models import (
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthResult,
    PluginContext,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.plugins import Registry, Target, hookimpl

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)
_MILLISECONDS = tuple(1000 * bound for bound in SECONDS)
_BYTES = tuple(128 * 4**power for power in range(10))
_SOURCE = "grafana"  # who asks: the host, as opposed to alerting; dashboards filter by this word
T = TypeVar("T")


class PluginMetricsMiddleware:
    """Status is `ok`, `error` or `cancelled`; its source `plugin` or `downstream`, as in Grafana."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry: Registry | None = None
        """Knows where plugins run; without it all run in the host."""
        labels = ("plugin_id", "endpoint", "target")
        requests = Counter(
            "grafana_plugin_request",
            "Calls into plugins.",
            ("plugin_id", "endpoint", "status", "target", "status_source"),
            registry=registry,
        )
        milliseconds = Histogram(
            "grafana_plugin_request_duration_milliseconds",
            "Time of calls into plugins.",
            labels,
            buckets=_MILLISECONDS,
            registry=registry,
        )
        seconds = Histogram(
            "grafana_plugin_request_duration_seconds",
            "Time of calls into plugins.",
            ("source", *labels, "status", "status_source"),
            buckets=SECONDS,
            registry=registry,
        )
        request_bytes = Histogram(
            "grafana_plugin_request_size_bytes",
            "Size of what was asked of plugins.",
            ("source", *labels),
            buckets=_BYTES,
            registry=registry,
        )
        # Looking a child up by its labels costs more than counting in it.
        self._outcome = functools.cache(
            lambda plugin_id, endpoint, status, source: (
                requests.labels(plugin_id, endpoint, status, self._target(plugin_id), source),
                milliseconds.labels(plugin_id, endpoint, self._target(plugin_id)),
                seconds.labels(_SOURCE, plugin_id, endpoint, self._target(plugin_id), status, source),
            )
        )
        self._size = functools.cache(
            lambda plugin_id, endpoint: request_bytes.labels(
                _SOURCE, plugin_id, endpoint, self._target(plugin_id)
            )
        )

    @hookimpl(wrapper=True)
    def query_data(self, request: QueryDataRequest) -> Generator[None, QueryDataResponse, QueryDataResponse]:
        self._measure_size("queryData", request.plugin_context, _query_bytes(request))
        with _Timed(self, "queryData", request.plugin_context) as timed:
            answer = yield
            timed.error = _first_error(answer)
        return answer

    @hookimpl(wrapper=True)
    def query_chunked_data(
        self, request: QueryDataRequest
    ) -> Generator[None, Iterator[QueryChunk], Iterator[QueryChunk]]:
        self._measure_size("queryChunkedData", request.plugin_context, _query_bytes(request))
        chunks = yield
        return self._each(chunks, "queryChunkedData", request.plugin_context)

    @hookimpl(wrapper=True)
    def check_health(self, request: Any) -> Generator[None, CheckHealthResult, CheckHealthResult]:
        with _Timed(self, "checkHealth", request.plugin_context):
            answer = yield
        return answer

    @hookimpl(wrapper=True)
    def call_resource(
        self, request: CallResourceRequest
    ) -> Generator[None, Iterator[CallResourceResponse], Iterator[CallResourceResponse]]:
        self._measure_size("callResource", request.plugin_context, len(request.body))
        answers = yield
        return self._each(answers, "callResource", request.plugin_context)

    def record(
        self, endpoint: str, plugin: PluginContext, seconds: float, error: HeadwaterError | None
    ) -> None:
        status, source = _status(error), "plugin" if error is None else error.source.wire
        requests, milliseconds, in_seconds = self._outcome(plugin.plugin_id, endpoint, status, source)
        requests.inc()
        milliseconds.observe(1000 * seconds)
        in_seconds.observe(seconds)

    def _target(self, plugin_id: str) -> Target:
        plugin = None if self.registry is None else self.registry.plugin(plugin_id)
        return Target.IN_MEMORY if plugin is None else plugin.target

    def _measure_size(self, endpoint: str, plugin: PluginContext, size: int) -> None:
        self._size(plugin.plugin_id, endpoint).observe(size)

    def _each(self, items: Iterator[T], endpoint: str, plugin: PluginContext) -> Iterator[T]:
        """`items`, timed until their end, and closed with it."""
        with _Timed(self, endpoint, plugin) as timed:
            try:
                for item in items:
                    if isinstance(item, QueryChunk) and item.error is not None:
                        timed.error = item.error
                    yield item
            finally:
                close = getattr(items, "close", None)
                if close is not None:
                    close()


class _Timed:
    """Records one call when its `with` block ends, with the error that ended it or that `error` names."""

    def __init__(self, middleware: PluginMetricsMiddleware, endpoint: str, plugin: PluginContext) -> None:
        self.error: HeadwaterError | None = None
        self._record = middleware.record
        self._endpoint = endpoint
        self._plugin = plugin

    def __enter__(self) -> _Timed:
        self._started = time.perf_counter()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        seconds = time.perf_counter() - self._started
        if isinstance(error, GeneratorExit):
            self.error = PluginRequestCanceledError("The reader left.")
        elif error is not None:
            self.error = describe(error)
        self._record(self._endpoint, self._plugin, seconds, self.error)


def _first_error(answer: object) -> HeadwaterError | None:
    if not isinstance(answer, QueryDataResponse):
        return None
    return next((each.error for each in answer.responses.values() if each.error is not None), None)


def _status(error: HeadwaterError | None) -> str:
    if error is None:
        return "ok"
    return "cancelled" if isinstance(error, PluginRequestCanceledError) else "error"


def _query_bytes(request: QueryDataRequest) -> int:
    return sum(len(orjson.dumps(query.json, default=str)) for query in request.queries)
