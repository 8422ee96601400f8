"""OpenTelemetry spans, by its semantic conventions for databases: one for each call into a plugin."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from headwater.calls.context import CallContext
from headwater.errors import HeadwaterError, describe
from headwater.models import (
    DataQuery,
    DataSourceInstanceSettings,
    PluginContext,
    QueryChunk,
    QueryDataResponse,
)
from headwater.plugins.hookspecs import hookimpl

__all__ = ["TracingMiddleware", "sanitized"]

T = TypeVar("T")
_SCHEMA = "https://opentelemetry.io/schemas/1.36.0"
_TEXT_KEYS = ("rawSql", "expr", "query", "rawQuery")
"""Where the data sources of Grafana keep the text of a query."""


class _Request(Protocol):
    @property
    def plugin_context(self) -> PluginContext: ...


class TracingMiddleware:
    """A span for each call, the child of the caller's by its `traceparent` header, or else of the span that
    is current. A span of an answer in pieces ends with its last piece.

    With `query_text` spans carry the text of queries, without its literals. Needs OpenTelemetry's API;
    without an SDK that does nothing.
    """

    def __init__(self, tracer_provider: Any = None, *, query_text: bool = False) -> None:
        from opentelemetry import trace

        self._tracer = trace.get_tracer("headwater", tracer_provider=tracer_provider, schema_url=_SCHEMA)
        self._query_text = query_text

    @hookimpl(wrapper=True)
    def query_data(self, request: Any, context: CallContext) -> Generator[None, Any, Any]:
        span = self._start("queryData", request, context)
        with span.ended_by_error():
            answer = yield
        if isinstance(answer, QueryDataResponse):
            span.fail(next((each.error for each in answer.responses.values() if each.error), None))
        span.end()
        return answer

    @hookimpl(wrapper=True)
    def query_chunked_data(self, request: Any, context: CallContext) -> Generator[None, Any, Any]:
        span = self._start("queryChunkedData", request, context)
        with span.ended_by_error():
            answer = yield
        return _watched(answer, span)

    @hookimpl(wrapper=True)
    def check_health(self, request: _Request, context: CallContext) -> Generator[None, Any, Any]:
        span = self._start("checkHealth", request, context)
        with span.ended_by_error():
            answer = yield
        span.end()
        return answer

    @hookimpl(wrapper=True)
    def call_resource(self, request: _Request, context: CallContext) -> Generator[None, Any, Any]:
        span = self._start("callResource", request, context)
        with span.ended_by_error():
            answer = yield
        return _watched(answer, span)

    def _start(self, operation: str, request: _Request, context: CallContext) -> _Span:
        from opentelemetry import propagate
        from opentelemetry.context import get_current
        from opentelemetry.trace import SpanKind

        headers = {name.lower(): value for name, value in context.headers.items()}
        attributes = _of_call(operation, request.plugin_context, context, headers)
        queries = getattr(request, "queries", ())
        if len(queries) > 1:
            attributes["db.operation.batch.size"] = len(queries)
        if self._query_text and (text := _text(queries)):
            attributes["db.query.text"] = text
        place = (
            attributes.get("db.namespace")
            or attributes.get("server.address")
            or request.plugin_context.plugin_id
        )
        return _Span(
            self._tracer.start_span(
                f"{operation} {place}",
                context=propagate.extract(headers, get_current()),
                kind=SpanKind.CLIENT,
                attributes=attributes,
            )
        )


class _Span:
    """What exceptions say may hold anything, so spans have their class only: the log has the rest, masked."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def ended_by_error(self) -> _Active:
        return _Active(self)

    def fail(self, error: BaseException | None) -> None:
        if error is None or isinstance(error, GeneratorExit):
            return
        from opentelemetry.trace import Status, StatusCode

        message_id = describe(error).message_id
        self._span.set_attribute("error.type", message_id)
        self._span.set_status(Status(StatusCode.ERROR, message_id))

    def end(self) -> None:
        self._span.end()


class _Active:
    """The span is current within the block, and ended by an error in it."""

    def __init__(self, span: _Span) -> None:
        self._span = span

    def __enter__(self) -> None:
        from opentelemetry import context, trace

        self._token = context.attach(trace.set_span_in_context(self._span._span))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from opentelemetry import context

        context.detach(self._token)
        if error is not None:
            self._span.fail(error)
            self._span.end()


def _watched(items: Iterable[T], span: _Span) -> Generator[T, None, None]:
    """`items`, and at their end the span's. Closing this generator closes them."""
    failure: HeadwaterError | BaseException | None = None
    try:
        for item in items:
            if isinstance(item, QueryChunk):
                failure = failure or item.error
            yield item
    except BaseException as error:
        failure = error
        raise
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()
        span.fail(failure)
        span.end()


def _of_call(
    operation: str, plugin: PluginContext, context: CallContext, headers: Mapping[str, str]
) -> dict[str, str | int]:
    """The conventions' attributes, and Grafana's of calls into plugins."""
    settings = plugin.data_source_instance_settings
    attributes: dict[str, str | int] = {
        "db.system.name": plugin.plugin_id,
        "db.operation.name": operation,
        "plugin_id": plugin.plugin_id,
        "org_id": plugin.org_id,
        "datasource_uid": settings.uid if settings is not None else "",
        "request_id": context.request_id,
        "panel_id": headers.get("x-panel-id", ""),
        "dashboard_uid": headers.get("x-dashboard-uid", ""),
    }
    if settings is not None:
        attributes |= _of_server(settings)
    return {name: value for name, value in attributes.items() if value != ""}


def _of_server(settings: DataSourceInstanceSettings) -> dict[str, str | int]:
    """Of an address neither user nor path: either may hold what is nobody's business."""
    url = settings.url
    if url.startswith("/"):  # a Unix socket
        return {"db.namespace": settings.database, "server.address": url}
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return {"db.namespace": settings.database}
    return {
        "db.namespace": settings.database,
        "server.address": host,
        **({"server.port": port} if port is not None else {}),
    }


def _text(queries: Iterable[DataQuery]) -> str:
    found = (
        next((query.json[key] for key in _TEXT_KEYS if isinstance(query.json.get(key), str)), "")
        for query in queries
    )
    return "; ".join(sanitized(text) for text in found if text)


_LITERAL = re.compile(
    r"""
      --[^\n]* | /\*.*?(?:\*/|\Z)                             # comments
    # quoted text, up to the end if it has none; \' ends it in some languages only, so what follows is hidden
    | '(?:[^'\\]|''|\\[^'])*(?:'|\\'.*|\Z) | "(?:[^"\\]|""|\\[^"])*(?:"|\\".*|\Z)
    | \$(?P<tag>[A-Za-z_]*)\$.*?(?:\$(?P=tag)\$|\Z)           # PostgreSQL's
    | (?<![\w$@:])\d[\w.]*                                    # numbers, also 0xff and 1e5
    """,
    re.VERBOSE | re.DOTALL,
)


def sanitized(text: str) -> str:
    """`text` with `?` for each literal: quoted text, numbers and comments. What is quoted may be a name in
    some languages; better too few than too much."""
    return _LITERAL.sub("?", text)
