"""Expressions: queries that are given the outcomes of the other queries of their request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headwater import CallContext, Frame, Headwater, hookimpl
from headwater.errors import DownstreamServerError, PluginNotRegisteredError
from headwater.models import DataResponse, QueryDataRequest, QueryDataResponse

MakeHost = Callable[..., Headwater]


class Source:
    """Answers with one number, or fails where the query says so."""

    @hookimpl
    def query_data(self, request: QueryDataRequest) -> QueryDataResponse:
        return QueryDataResponse({query.ref_id: self._answer(query.json) for query in request.queries})

    def _answer(self, query: Any) -> DataResponse:
        if "fail" in query:
            return DataResponse.from_error(DownstreamServerError(query["fail"]))
        return DataResponse((Frame.from_pydict({"value": [query["value"]]}),))


class Sum:
    """Adds up whatever it is given, and remembers it."""

    def __init__(self) -> None:
        self.requests: list[QueryDataRequest] = []

    @hookimpl
    def query_data(self, request: QueryDataRequest) -> QueryDataResponse:
        self.requests.append(request)
        total = sum(
            frame.table.column("value")[0].as_py()
            for response in request.inputs.values()
            for frame in response.frames
        )
        frame = Frame.from_pydict({"value": [total]})
        return QueryDataResponse({query.ref_id: DataResponse((frame,)) for query in request.queries})


def with_expressions(host: Headwater, implementation: object) -> Headwater:
    host.add_plugin("__expr__", implementation)
    return host


def body(*queries: dict[str, Any]) -> dict[str, Any]:
    return {"from": "now-1h", "to": "now", "queries": list(queries)}


def source(ref_id: str, uid: str = "one", **keys: Any) -> dict[str, Any]:
    return {"refId": ref_id, "datasource": {"uid": uid}, **keys}


def expression(ref_id: str, datasource: Any = None) -> dict[str, Any]:
    return {"refId": ref_id, "datasource": datasource or {"uid": "__expr__", "type": "__expr__"}}


def value_of(answer: QueryDataResponse, ref_id: str) -> Any:
    response = answer.responses[ref_id]
    assert response.error is None, response.error
    return response.frames[0].table.column("value")[0].as_py()


@pytest.mark.parametrize(
    "datasource",
    [
        {"uid": "__expr__", "type": "__expr__"},
        {"type": "__expr__"},
        {"uid": "-100"},
        "__expr__",
    ],
)
def test_an_expression_gets_the_outcomes_of_all_sources(make_host: MakeHost, datasource: Any) -> None:
    host = with_expressions(make_host(one=Source(), two=Source()), Sum())
    answer = host.query_data(
        body(expression("C", datasource), source("A", value=1), source("B", "two", value=41))
    )
    assert list(answer.responses) == ["C", "A", "B"]
    assert value_of(answer, "C") == 42


def test_old_clients_name_expressions_by_number(make_host: MakeHost) -> None:
    host = with_expressions(make_host(one=Source()), Sum())
    answer = host.query_data(body(source("A", value=1), {"refId": "B", "datasourceId": -100}))
    assert value_of(answer, "B") == 1


def test_hidden_queries_only_serve_the_expressions(make_host: MakeHost) -> None:
    host = with_expressions(make_host(one=Source()), Sum())
    answer = host.query_data(body(source("A", value=1, hide=True), expression("B")))
    assert list(answer.responses) == ["B"]
    assert value_of(answer, "B") == 1


def test_without_expressions_hidden_queries_are_answered_as_before(make_host: MakeHost) -> None:
    host = make_host(one=Source())
    assert list(host.query_data(body(source("A", value=1, hide=True))).responses) == ["A"]


def test_a_failed_source_is_an_input_too(make_host: MakeHost) -> None:
    sums = Sum()
    host = with_expressions(make_host(one=Source()), sums)
    answer = host.query_data(body(source("A", fail="down"), source("B", "gone"), expression("C")))
    inputs = sums.requests[0].inputs
    assert str(inputs["A"].error) == "down"
    assert "B" in inputs
    assert value_of(answer, "C") == 0


def test_an_expression_needs_no_source(make_host: MakeHost) -> None:
    assert value_of(with_expressions(make_host(), Sum()).query_data(body(expression("A"))), "A") == 0


def test_streamed_requests_bring_expressions_too(make_host: MakeHost) -> None:
    host = with_expressions(make_host(one=Source()), Sum())
    chunks = host.query_chunked_data(body(source("A", value=3), expression("B")), CallContext())
    frames = {chunk.ref_id: chunk.frame for chunk in chunks}
    assert {key: frame.to_pylist() for key, frame in frames.items() if frame} == {
        "A": [{"value": 3}],
        "B": [{"value": 3}],
    }


def test_without_the_plugin_the_expression_fails_and_its_neighbours_answer(make_host: MakeHost) -> None:
    answer = make_host(one=Source()).query_data(body(source("A", value=1), expression("B")))
    assert value_of(answer, "A") == 1
    assert isinstance(answer.responses["B"].error, PluginNotRegisteredError)


def test_headers_of_requests_with_expressions_are_not_compared(make_host: MakeHost) -> None:
    host = with_expressions(make_host(one=Source()), Sum())
    context = CallContext(headers={"X-Datasource-Uid": "one", "X-Plugin-Id": "one"})
    answer = host.query_data(body(source("A", value=1), expression("B")), context)
    assert value_of(answer, "B") == 1


def test_a_host_in_the_callers_thread_computes_expressions_too(make_host: MakeHost) -> None:
    from headwater.calls import CallerThread

    host = with_expressions(make_host(one=Source(), options={"workers": CallerThread()}), Sum())
    assert value_of(host.query_data(body(source("A", value=5), expression("B"))), "B") == 5


def test_the_source_of_expressions_can_be_asked_alone(make_host: MakeHost) -> None:
    frame = with_expressions(make_host(), Sum()).query("__expr__", {})
    assert frame.to_pylist() == [{"value": 0}]
