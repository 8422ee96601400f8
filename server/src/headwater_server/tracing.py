"""OpenTelemetry spans, where its API is installed (extra `opentelemetry`): one for each call into a plugin.

Exporters are configured as OpenTelemetry says, by its SDK and `OTEL_…` variables
(`opentelemetry-instrument headwater serve`); without an SDK its API does nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from headwater.calls import CallContext
from headwater.errors import describe
from headwater.models import PluginContext, QueryDataResponse
from headwater.plugins import hookimpl

__all__ = ["TracingMiddleware", "middlewares_if_installed"]


def middlewares_if_installed() -> tuple[object, ...]:
    """The tracing middleware; nothing without OpenTelemetry."""
    return (TracingMiddleware(),) if find_spec("opentelemetry") is not None else ()


class TracingMiddleware:
    """A span per call, the child of the caller's by its `traceparent` header (W3C Trace Context)."""

    def __init__(self, tracer_provider: Any = None) -> None:
        from opentelemetry import trace

        self._tracer = trace.get_tracer("headwater", tracer_provider=tracer_provider)

    @hookimpl(wrapper=True)
    def query_data(self, request: Any, context: CallContext) -> Generator[None, Any, Any]:
        with self._span("queryData", request.plugin_context, context) as span:
            answer = yield
            if isinstance(answer, QueryDataResponse):
                _note_errors(span, answer)
        return answer

    @hookimpl(wrapper=True)
    def check_health(self, request: Any, context: CallContext) -> Generator[None, Any, Any]:
        with self._span("checkHealth", request.plugin_context, context):
            answer = yield
        return answer

    @hookimpl(wrapper=True)
    def call_resource(self, request: Any, context: CallContext) -> Generator[None, Any, Any]:
        with self._span("callResource", request.plugin_context, context):
            answer = yield
        return answer

    @contextmanager
    def _span(self, endpoint: str, plugin: PluginContext, context: CallContext) -> Iterator[Any]:
        from opentelemetry import propagate
        from opentelemetry.trace import SpanKind

        settings = plugin.data_source_instance_settings
        headers = {name.lower(): value for name, value in context.headers.items()}
        attributes: dict[str, str | int] = {
            "plugin_id": plugin.plugin_id,
            "org_id": plugin.org_id,
            "datasource_uid": settings.uid if settings is not None else "",
            "request_id": context.request_id,
            "panel_id": headers.get("x-panel-id", ""),
            "dashboard_uid": headers.get("x-dashboard-uid", ""),
        }
        # What an exception says may hold anything; the log has it, masked.
        with self._tracer.start_as_current_span(
            f"PluginClient.{endpoint}",
            context=propagate.extract(headers),
            kind=SpanKind.CLIENT,
            attributes={name: value for name, value in attributes.items() if value != ""},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except Exception as error:
                _fail(span, describe(error).message_id)
                raise


def _note_errors(span: Any, answer: QueryDataResponse) -> None:
    for response in answer.responses.values():
        if response.error is not None:
            _fail(span, response.error.message_id)
            return


def _fail(span: Any, message_id: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, message_id))
