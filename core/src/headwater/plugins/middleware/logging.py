"""One log line per call into a plugin: how long it took, how it ended, whose fault it was."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from typing import Any, Protocol, TypeVar

from headwater.calls.context import CallContext
from headwater.errors import HeadwaterError, PluginRequestCanceledError, describe
from headwater.models import PluginContext, QueryChunk, QueryDataResponse
from headwater.plugins.hookspecs import hookimpl

__all__ = ["LoggingMiddleware"]

T = TypeVar("T")


class _Request(Protocol):
    @property
    def plugin_context(self) -> PluginContext: ...


class LoggingMiddleware:
    """Logs at debug level when all went well, else at info. Never logs queries, settings or secrets.

    Endpoints have Grafana's names. The duration of an answer in pieces includes the time its reader took.
    """

    @hookimpl(wrapper=True)
    def query_data(self, request: _Request, context: CallContext) -> Generator[None, Any, Any]:
        with _Line("queryData", request, context) as line:
            answer = yield
            if isinstance(answer, QueryDataResponse):
                line.error = next((each.error for each in answer.responses.values() if each.error), None)
        return answer

    @hookimpl(wrapper=True)
    def query_chunked_data(self, request: _Request, context: CallContext) -> Generator[None, Any, Any]:
        with _Line("queryChunkedData", request, context) as line:
            answer = yield
            line.postpone()
        return _watched(answer, line)

    @hookimpl(wrapper=True)
    def check_health(self, request: _Request, context: CallContext) -> Generator[None, Any, Any]:
        with _Line("checkHealth", request, context):
            answer = yield
        return answer

    @hookimpl(wrapper=True)
    def call_resource(self, request: _Request, context: CallContext) -> Generator[None, Any, Any]:
        with _Line("callResource", request, context) as line:
            answer = yield
            line.postpone()
        return _watched(answer, line)


class _Line:
    """The line about one call, written when the block is left."""

    def __init__(self, endpoint: str, request: _Request, context: CallContext) -> None:
        self._endpoint = endpoint
        self._request = request
        self._context = context
        self._started = time.perf_counter()
        self._postponed = False
        self.error: BaseException | None = None

    def postpone(self) -> None:
        """Write at the end of the next block instead."""
        self._postponed = True

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and not isinstance(error, GeneratorExit):
            self.error = error
        if self._postponed and error is None:
            self._postponed = False
        else:
            self._write(None if self.error is None else describe(self.error))

    def _write(self, error: HeadwaterError | None) -> None:
        if error is None and not self._context.hears_debug:
            return
        settings = self._request.plugin_context.data_source_instance_settings
        fields = {
            "endpoint": self._endpoint,
            "plugin": self._request.plugin_context.plugin_id,
            "data_source": settings.uid if settings else None,
            "duration_ms": round(1000 * (time.perf_counter() - self._started), 3),
            "status": _status(error),
        }
        if error is None:
            self._context.logger.debug("Plugin request completed.", **fields)
        else:
            self._context.logger.info(
                "Plugin request completed.",
                **fields,
                status_source=error.source.value,
                error_type=type(error).__name__,
            )


def _watched(items: Iterable[T], line: _Line) -> Generator[T, None, None]:
    """`items`, and at their end the line. Closing this generator closes them."""
    with line:
        try:
            for item in items:
                if isinstance(item, QueryChunk):
                    line.error = line.error or item.error
                yield item
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()


def _status(error: HeadwaterError | None) -> str:
    if error is None:
        return "ok"
    return "cancelled" if isinstance(error, PluginRequestCanceledError) else "error"
