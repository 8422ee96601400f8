"""One log line per call into a plugin: how long it took, how it ended, whose fault it was."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from headwater.context import CallContext
from headwater.errors import HeadwaterError, PluginRequestCanceledError, describe
from headwater.hookspecs import hookimpl
from headwater.models import QueryDataRequest, QueryDataResponse

__all__ = ["LoggingMiddleware"]


class LoggingMiddleware:
    """Logs at debug level when all went well, else at info. Never logs queries, settings or secrets."""

    @hookimpl(wrapper=True)
    def query_data(
        self, request: QueryDataRequest, context: CallContext
    ) -> Generator[None, QueryDataResponse, QueryDataResponse]:
        started = time.perf_counter()
        try:
            answer = yield
        except Exception as error:
            _log("queryData", request, context, started, describe(error))
            raise
        errors = [each.error for each in answer.responses.values() if each.error is not None]
        _log("queryData", request, context, started, errors[0] if errors else None)
        return answer

    @hookimpl(wrapper=True)
    def check_health(self, request: Any, context: CallContext) -> Generator[None, Any, Any]:
        started = time.perf_counter()
        try:
            answer = yield
        except Exception as error:
            _log("checkHealth", request, context, started, describe(error))
            raise
        _log("checkHealth", request, context, started, None)
        return answer


def _log(
    endpoint: str, request: Any, context: CallContext, started: float, error: HeadwaterError | None
) -> None:
    settings = request.plugin_context.data_source_instance_settings
    fields = {
        "endpoint": endpoint,
        "plugin": request.plugin_context.plugin_id,
        "data_source": settings.uid if settings else None,
        "duration_ms": round(1000 * (time.perf_counter() - started), 3),
        "status": _status(error),
    }
    if error is None:
        context.logger.debug("Plugin request completed.", **fields)
    else:
        context.logger.info(
            "Plugin request completed.",
            **fields,
            status_source=error.source.value,
            error_type=type(error).__name__,
        )


def _status(error: HeadwaterError | None) -> str:
    if error is None:
        return "ok"
    return "cancelled" if isinstance(error, PluginRequestCanceledError) else "error"
