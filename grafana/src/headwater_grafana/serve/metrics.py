"""Counts the calls into the plugin, and prints them with what else the process counts."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from typing import Any, TypeVar

from headwater.errors import HeadwaterError, PluginRequestCanceledError, describe
from headwater.models import QueryChunk, QueryDataResponse
from headwater.plugins import hookimpl

T = TypeVar("T")


class RequestMetrics:
    """A middleware; `grafana_plugin_request_total` has the labels that Grafana's own SDK gives it.

    prometheus-client is imported when somebody asks: most processes are never asked.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the two counters
        self._registering = threading.Lock()
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._registered = False

    @hookimpl(wrapper=True)
    def query_data(self) -> Generator[None, Any, Any]:
        started = time.perf_counter()
        try:
            answer = yield
        except BaseException as error:
            self._count("queryData", started, error)
            raise
        self._count("queryData", started, _first_error(answer))
        return answer

    @hookimpl(wrapper=True)
    def query_chunked_data(self) -> Generator[None, Any, Any]:
        return self._watched("queryChunkedData", (yield))

    @hookimpl(wrapper=True)
    def check_health(self) -> Generator[None, Any, Any]:
        started = time.perf_counter()
        try:
            answer = yield
        except BaseException as error:
            self._count("checkHealth", started, error)
            raise
        self._count("checkHealth", started, None)
        return answer

    @hookimpl(wrapper=True)
    def call_resource(self) -> Generator[None, Any, Any]:
        return self._watched("callResource", (yield))

    def text(self) -> bytes:
        """Everything in Prometheus' text format: these, the process's, and what the plugin has registered."""
        from prometheus_client import REGISTRY, generate_latest

        with self._registering:
            if not self._registered:
                REGISTRY.register(self)  # calls `collect`, which takes the other lock
                self._registered = True
        return generate_latest(REGISTRY)

    def collect(self) -> Iterator[Any]:
        """For prometheus-client's registry."""
        from prometheus_client.core import CounterMetricFamily

        requests = CounterMetricFamily(
            "grafana_plugin_request", "Calls into the plugin.", labels=("endpoint", "status", "status_source")
        )
        seconds = CounterMetricFamily(
            "grafana_plugin_request_duration_seconds", "Time of calls into the plugin.", labels=("endpoint",)
        )
        with self._lock:
            for labels, count in self._requests.items():
                requests.add_metric(labels, count)
            for endpoint, total in self._seconds.items():
                seconds.add_metric((endpoint,), total)
        yield requests
        yield seconds

    def _watched(self, endpoint: str, items: Iterable[T]) -> Generator[T, None, None]:
        """`items`, counted at their end. Closing this generator closes them."""
        started = time.perf_counter()
        failure: BaseException | None = None
        try:
            for item in items:
                if isinstance(item, QueryChunk):
                    failure = failure or item.error
                yield item
        except GeneratorExit:
            failure = PluginRequestCanceledError("The reader left.")
            raise
        except BaseException as error:
            failure = error
            raise
        finally:
            self._count(endpoint, started, failure)
            close = getattr(items, "close", None)
            if close is not None:
                close()

    def _count(self, endpoint: str, started: float, failure: BaseException | None) -> None:
        error = None if failure is None else describe(failure)
        source = "plugin" if error is None else error.source.wire
        with self._lock:
            self._requests[endpoint, _status(error), source] += 1
            self._seconds[endpoint] += time.perf_counter() - started  # type: ignore[assignment]


def _first_error(answer: object) -> HeadwaterError | None:
    if not isinstance(answer, QueryDataResponse):
        return None
    return next((each.error for each in answer.responses.values() if each.error is not None), None)


def _status(error: HeadwaterError | None) -> str:
    if error is None:
        return "ok"
    return "cancelled" if isinstance(error, PluginRequestCanceledError) else "error"
