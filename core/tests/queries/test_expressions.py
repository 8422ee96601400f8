"""Expressions: queries that are given the outcomes of the other queries of their request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve

from headwater import CallContext, Frame, Headwater, hookimpl
from headwater.calls import CallerThread, Progress
from headwater.errors import DownstreamServerError, MethodNotImplementedError, PluginNotRegisteredError
from headwater.models import (
    DataQuery,
    DataResponse,
    Filter,
    Partition,
    Partitions,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.plugins import SourceReader
from headwater.queries.sources import HostSources

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


class Counting:
    """Has read as many rows as its number says."""

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        context.report_progress(rows=request.queries[0].json["value"])
        return Source().query_data(request)


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


@pytest.mark.parametrize("options", [{}, {"workers": CallerThread()}], ids=["workers", "caller"])
def test_progress_of_several_sources_adds_up(make_host: MakeHost, options: dict[str, Any]) -> None:
    host = with_expressions(make_host(one=Counting(), two=Counting(), options=options), Sum())
    seen: list[Progress] = []
    asked = body(source("A", value=3), source("B", "two", value=4), expression("C"))
    host.query_data(asked, CallContext(on_progress=seen.append))
    assert max(each.rows for each in seen) == 7


def test_progress_of_streamed_sources_adds_up(make_host: MakeHost) -> None:
    host = make_host(one=Counting(), two=Counting())
    seen: list[Progress] = []
    asked = body(source("A", value=3), source("B", "two", value=4))
    list(host.query_chunked_data(asked, CallContext(on_progress=seen.append)))
    assert [each.rows for each in seen] == [3, 7]


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


@pytest.mark.parametrize("interrupted", ["source", "expression"])
def test_an_interrupt_on_the_way_to_an_expression_is_the_callers(
    make_host: MakeHost, interrupted: str
) -> None:
    class Interrupted(Source):
        @hookimpl
        def query_data(self, request: QueryDataRequest) -> QueryDataResponse:
            raise KeyboardInterrupt

    implementations = {"source": Source(), "expression": Sum(), interrupted: Interrupted()}
    host = with_expressions(make_host(one=implementations["source"]), implementations["expression"])
    with pytest.raises(KeyboardInterrupt):
        host.query_data(body(source("A", value=1), expression("B")))


def test_headers_of_requests_with_expressions_are_not_compared(make_host: MakeHost) -> None:
    host = with_expressions(make_host(one=Source()), Sum())
    context = CallContext(headers={"X-Datasource-Uid": "one", "X-Plugin-Id": "one"})
    answer = host.query_data(body(source("A", value=1), expression("B")), context)
    assert value_of(answer, "B") == 1


def test_a_host_in_the_callers_thread_computes_expressions_too(make_host: MakeHost) -> None:
    host = with_expressions(make_host(one=Source(), options={"workers": CallerThread()}), Sum())
    assert value_of(host.query_data(body(source("A", value=5), expression("B"))), "B") == 5


def test_the_source_of_expressions_can_be_asked_alone(make_host: MakeHost) -> None:
    frame = with_expressions(make_host(), Sum()).query("__expr__", {})
    assert frame.to_pylist() == [{"value": 0}]


class Joiner:
    """Answers a statement with what the two sources have that it names."""

    @hookimpl
    def query_sources(
        self, request: QueryDataRequest, sources: SourceReader, context: CallContext
    ) -> Iterator[QueryChunk]:
        (query,) = request.queries
        for name in query.json["expression"].split():
            assert sources.plugin_info(name).id == name
            with sources.stream(name, evolve(query, json={"value": 7}), context) as stream:
                yield QueryChunk(query.ref_id, frame=stream.read_all())


def test_sql_is_run_by_the_plugin_of_expressions_over_the_hosts_sources(make_host: MakeHost) -> None:
    host = with_expressions(make_host(one=Source(), two=Source()), Joiner())
    assert host.sql("one two").table.column("value").to_pylist() == [7, 7]
    with host.sql_stream("one") as stream:
        assert stream.read_all().num_rows == 1


def test_sql_needs_a_plugin_that_reads_sources(make_host: MakeHost) -> None:
    with pytest.raises(MethodNotImplementedError, match="does not implement query_sources"):
        with_expressions(make_host(), Sum()).sql("one")
    with pytest.raises(PluginNotRegisteredError):
        make_host(one=Source()).sql("one")


def test_a_source_says_how_it_narrows_a_query(make_host: MakeHost) -> None:
    class Narrow(Source):
        @hookimpl
        def partitions(self, request: QueryDataRequest, filters: tuple[Filter, ...]) -> Partitions:
            return Partitions((Partition(request.queries[0]),), handled_filters=filters)

    host = make_host(one=Narrow())
    wanted = Filter("value", ">", 1)
    sources = HostSources(host.query_service, host.data_source, host.plugin_info)
    assert sources.narrow("one", DataQuery(), None, (wanted,), CallContext()).handled_filters == (wanted,)
    whole = HostSources(host.query_service, host.data_source, host.plugin_info, divides=False)
    assert whole.narrow("one", DataQuery(), None, (wanted,), CallContext()).handled_filters == ()
