from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headwater import CallContext, Frame, Secret, hookimpl
from headwater.errors import DownstreamServerError, QueryCanceledError
from headwater.models import (
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthRequest,
    CheckHealthResult,
    DataQuery,
    DataResponse,
    DataSourceInstanceSettings,
    PluginContext,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.plugins import CorePlugin, LoggingMiddleware

CONTEXT = PluginContext(
    "p",
    data_source_instance_settings=DataSourceInstanceSettings(
        uid="u",
        name="n",
        type="p",
        json_data={"token": "hunter2"},
        decrypted_secure_json_data={"password": Secret("hunter2")},
    ),
)
QUERY = QueryDataRequest(CONTEXT, (DataQuery("A", json={"rawSql": "SELECT 'hunter2'"}),))


class Plugin:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def _maybe_fail(self) -> None:
        if self.error is not None:
            raise self.error

    @hookimpl
    def query_data(self) -> QueryDataResponse:
        self._maybe_fail()
        return QueryDataResponse({"A": DataResponse((Frame.from_pydict({"a": [1]}),))})

    @hookimpl
    def query_chunked_data(self) -> Iterator[QueryChunk]:
        yield QueryChunk("A", frame=Frame.from_pydict({"a": [1]}))
        self._maybe_fail()

    @hookimpl
    def check_health(self) -> CheckHealthResult:
        self._maybe_fail()
        return CheckHealthResult.ok("fine")

    @hookimpl
    def call_resource(self) -> Iterator[CallResourceResponse]:
        self._maybe_fail()
        yield CallResourceResponse()


def call_everything(plugin: Plugin) -> None:
    wrapped = CorePlugin.of("p", plugin, middlewares=[LoggingMiddleware()])
    context = CallContext(request_id="r")
    calls: list[Callable[[], Any]] = [
        lambda: wrapped.query_data(QUERY, context),
        lambda: list(wrapped.query_chunked_data(QUERY, context)),
        lambda: wrapped.check_health(CheckHealthRequest(CONTEXT), context),
        lambda: list(wrapped.call_resource(CallResourceRequest(CONTEXT, "x"), context)),
    ]
    for call in calls:
        if plugin.error is None:
            call()
        else:
            with pytest.raises(type(plugin.error)):
                call()


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    assert all(record.message.startswith("Plugin request completed.") for record in caplog.records)
    return [vars(record)["headwater"] for record in caplog.records]


ENDPOINTS = ["queryData", "queryChunkedData", "checkHealth", "callResource"]


def test_each_call_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "headwater"):
        call_everything(Plugin())
    assert [line["endpoint"] for line in lines(caplog)] == ENDPOINTS
    for line in lines(caplog):
        assert (line["plugin"], line["data_source"], line["request_id"]) == ("p", "u", "r")
        assert line["status"] == "ok"
        assert line["duration_ms"] >= 0


@pytest.mark.parametrize(
    ("error", "status", "source"),
    [
        (DownstreamServerError("x"), "error", "downstream"),
        (KeyError("hunter2"), "error", "plugin"),
        (QueryCanceledError("gone"), "cancelled", "caller"),
    ],
)
def test_a_failure_says_how_it_ended_and_whose_fault_it_was(
    caplog: pytest.LogCaptureFixture, error: Exception, status: str, source: str
) -> None:
    with caplog.at_level(logging.INFO, "headwater"):
        call_everything(Plugin(error))
    assert [(line["endpoint"], line["status"], line["status_source"]) for line in lines(caplog)] == [
        (endpoint, status, source) for endpoint in ENDPOINTS
    ]


def test_an_error_within_an_answer_counts(caplog: pytest.LogCaptureFixture) -> None:
    class Partial(Plugin):
        @hookimpl
        def query_data(self) -> QueryDataResponse:
            return QueryDataResponse(
                {"A": DataResponse(), "B": DataResponse(error=DownstreamServerError("x"))}
            )

        @hookimpl
        def query_chunked_data(self) -> Iterator[QueryChunk]:
            yield QueryChunk("A", error=DownstreamServerError("x"))

    with caplog.at_level(logging.INFO, "headwater"):
        call_everything(Partial())
    assert [line["error_type"] for line in lines(caplog)] == ["DownstreamServerError"] * 2


def test_neither_queries_nor_settings_nor_secrets_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "headwater"):
        call_everything(Plugin())
        call_everything(Plugin(KeyError("hunter2")))
    assert "hunter2" not in caplog.text


def test_reading_only_a_part_of_an_answer_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    wrapped = CorePlugin.of("p", Plugin(KeyError("later")), middlewares=[LoggingMiddleware()])
    with caplog.at_level(logging.DEBUG, "headwater"):
        chunks: Any = wrapped.query_chunked_data(QUERY, CallContext())
        next(chunks)
        chunks.close()
    assert [line["status"] for line in lines(caplog)] == ["ok"]


def test_an_answer_in_pieces_may_be_a_list(caplog: pytest.LogCaptureFixture) -> None:
    class Listed(Plugin):
        @hookimpl
        def call_resource(self) -> Any:
            return [CallResourceResponse()]

    with caplog.at_level(logging.DEBUG, "headwater"):
        call_everything(Listed())
    assert [line["endpoint"] for line in lines(caplog)] == ENDPOINTS


def test_a_wrong_answer_passes_through(caplog: pytest.LogCaptureFixture) -> None:
    class Wrong(Plugin):
        @hookimpl
        def query_data(self) -> Any:
            return "wrong"

    wrapped = CorePlugin.of("p", Wrong(), middlewares=[LoggingMiddleware()])
    answer: Any = wrapped.query_data(QUERY, CallContext())
    assert answer == "wrong"
