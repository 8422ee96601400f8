"""OpenTelemetry spans of an application's queries, by the conventions for databases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from hypothesis import given, strategies as st
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from headwater import CallContext, Headwater, HeadwaterError, Secret, hookimpl
from headwater.errors import DownstreamServerError
from headwater.models import (
    CallResourceRequest,
    CallResourceResponse,
    DataSourceInstanceSettings,
    PluginContext,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.plugins import CorePlugin, TracingMiddleware
from headwater.plugins.middleware.tracing import sanitized
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer

Wrapped: TypeAlias = Callable[[object], CorePlugin]


@pytest.fixture(scope="module")
def mariadb() -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        yield server


class Spans:
    """What a provider has ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def span(self) -> ReadableSpan:
        """The only one that has ended."""
        (span,) = self._exporter.get_finished_spans()
        self._exporter.clear()
        return span

    @property
    def ended(self) -> int:
        return len(self._exporter.get_finished_spans())


class Traced(Spans):
    """A host with the data sources `shop`, on MariaDB, and `demo`, and the spans of what it does."""

    def __init__(self, mariadb: DatabaseServer, *, query_text: bool = False) -> None:
        super().__init__()
        self.tracer = self.provider.get_tracer("application")
        self.headwater = Headwater(middlewares=[TracingMiddleware(self.provider, query_text=query_text)])
        self.headwater.add_data_source("demo", type="testdata")
        self.headwater.add_data_source(
            "shop",
            type="mysql",
            uid="shop",
            url=mariadb.address,
            user=mariadb.user,
            database=mariadb.database,
            secure_json_data={"password": Secret(mariadb.password)},
        )


@pytest.fixture
def traced(mariadb: DatabaseServer) -> Iterator[Traced]:
    traced = Traced(mariadb)
    yield traced
    traced.headwater.close()


def test_a_query_is_a_client_span_with_the_attributes_of_the_conventions(
    traced: Traced, mariadb: DatabaseServer
) -> None:
    traced.headwater.query("shop", "SELECT 1 AS one WHERE 'secret' <> ''")
    span = traced.span()
    attributes = dict(span.attributes or {})
    host, _, port = mariadb.address.rpartition(":")
    assert span.name == f"queryData {mariadb.database}"
    assert span.kind is SpanKind.CLIENT
    assert attributes.pop("request_id")
    assert attributes == {
        "db.system.name": "mysql",
        "db.namespace": mariadb.database,
        "db.operation.name": "queryData",
        "server.address": host,
        "server.port": int(port),
        "plugin_id": "mysql",
        "org_id": 1,
        "datasource_uid": "shop",
    }
    assert span.instrumentation_scope is not None
    assert re.fullmatch(
        r"https://opentelemetry.io/schemas/1\.\d+\.\d+", span.instrumentation_scope.schema_url or ""
    )


def test_the_current_span_is_its_parent(traced: Traced) -> None:
    with traced.tracer.start_as_current_span("report") as report:
        traced.headwater.query("demo", {"scenario": "random_walk"})
        span = traced.span()
    assert span.parent is not None
    assert span.parent.span_id == report.get_span_context().span_id


def test_a_failure_has_its_class_and_nothing_of_its_text(traced: Traced) -> None:
    with pytest.raises(HeadwaterError) as caught:
        traced.headwater.query("shop", "SELECT secret_column FROM nowhere")
    span = traced.span()
    assert not span.status.is_ok
    assert (span.attributes or {})["error.type"] == caught.value.message_id
    assert "secret_column" not in span.to_json()
    assert "nowhere" not in span.to_json()


def test_the_span_of_a_stream_ends_with_it(traced: Traced) -> None:
    with traced.headwater.stream("demo", {"scenario": "streaming_rows", "rows": 200_000}) as stream:
        next(iter(stream))
        assert traced.ended == 0
    span = traced.span()
    assert span.name == "queryChunkedData testdata"
    assert span.status.is_ok


def test_health_checks_are_spans_and_say_what_failed(traced: Traced) -> None:
    traced.headwater.check_health("shop")
    assert traced.span().name.startswith("checkHealth ")


class Plugin:
    """Gives `answer` to every call; an error is raised."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    @hookimpl
    def query_data(self) -> Any:
        return self._give()

    @hookimpl
    def call_resource(self) -> Any:
        return self._give()

    def _give(self) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture
def wrapped(spans: Spans) -> Callable[[object], CorePlugin]:
    middlewares = [TracingMiddleware(spans.provider)]
    return lambda answer: CorePlugin.of("p", Plugin(answer), middlewares=middlewares)


def of_data_source(url: str) -> PluginContext:
    return PluginContext(
        "p", data_source_instance_settings=DataSourceInstanceSettings("u", "n", "p", url=url)
    )


@pytest.mark.parametrize(
    ("url", "name", "address"),
    [
        ("db.example:3306", "queryData db.example", {"server.address": "db.example", "server.port": 3306}),
        ("http://root:x@db.example/path", "queryData db.example", {"server.address": "db.example"}),
        ("/run/mysqld.sock", "queryData /run/mysqld.sock", {"server.address": "/run/mysqld.sock"}),
        ("http://[broken", "queryData p", {}),
    ],
)
def test_a_span_has_the_address_of_the_server_and_no_more_of_its_url(
    spans: Spans, wrapped: Wrapped, url: str, name: str, address: dict[str, object]
) -> None:
    wrapped(QueryDataResponse()).query_data(QueryDataRequest(of_data_source(url), ()), CallContext())
    span = spans.span()
    assert span.name == name
    found = {key: value for key, value in (span.attributes or {}).items() if key.startswith("server.")}
    assert found == address


def test_a_call_without_a_data_source_is_a_span_of_its_plugin(spans: Spans, wrapped: Wrapped) -> None:
    request = CallResourceRequest(PluginContext("p"), "x")
    assert list(wrapped([CallResourceResponse()]).call_resource(request, CallContext()))
    span = spans.span()
    assert span.name == "callResource p"
    assert "datasource_uid" not in (span.attributes or {})


def test_a_span_ends_with_the_error_that_is_raised(spans: Spans, wrapped: Wrapped) -> None:
    with pytest.raises(DownstreamServerError):
        wrapped(DownstreamServerError("secret")).query_data(
            QueryDataRequest(PluginContext("p"), ()), CallContext()
        )
    span = spans.span()
    assert (span.attributes or {})["error.type"] == DownstreamServerError("").message_id
    assert "secret" not in span.to_json()


def test_a_span_ends_with_a_wrong_answer(spans: Spans, wrapped: Wrapped) -> None:
    answer: Any = wrapped("wrong").query_data(QueryDataRequest(PluginContext("p"), ()), CallContext())
    assert answer == "wrong"
    assert spans.span().name == "queryData p"


def test_the_text_of_queries_is_there_where_it_is_asked_for_without_its_literals(
    mariadb: DatabaseServer,
) -> None:
    traced = Traced(mariadb, query_text=True)
    with traced.headwater:
        traced.headwater.query("shop", "SELECT 1 + 41 AS `n` -- note\nWHERE 'it''s' <> \"x\" AND 1e3 > 0xff")
    assert (traced.span().attributes or {})["db.query.text"] == (
        "SELECT ? + ? AS `n` ?\nWHERE ? <> ? AND ? > ?"
    )


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("SELECT a1 FROM t2 WHERE id = 77", "SELECT a1 FROM t2 WHERE id = ?"),
        ('rate(http_requests{job="api"}[5m]) > 0.5', "rate(http_requests{job=?}[?]) > ?"),
        ("SELECT 'a\\nb', 'c\\\\', 'never closed", "SELECT ?, ?, ?"),
        ("SELECT 'ends in PostgreSQL\\', secret, 'x'", "SELECT ?"),
        ("SELECT 'goes on in MySQL\\' secret'", "SELECT ?"),
        ("SELECT $$it's$$, $tag$x$tag$ /* why */", "SELECT ?, ? ?"),
        ("SELECT * FROM t WHERE $__timeFilter(at)", "SELECT * FROM t WHERE $__timeFilter(at)"),
    ],
)
def test_literals_are_left_out(text: str, without: str) -> None:
    assert sanitized(text) == without


@given(st.text(), st.text(st.characters(categories=["L"]), min_size=12))
def test_no_quoted_text_is_left(around: str, value: str) -> None:
    before = around.replace("'", "").replace('"', "").replace("$", "")
    assert f"'{value}'" not in sanitized(f"{before} '{value}'")
