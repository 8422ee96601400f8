from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from headwater import CallContext, Frame, InMemoryRegistry, hookimpl
from headwater.errors import (
    DownstreamConnectionError,
    DownstreamServerError,
    DownstreamTimeoutError,
    ErrorSource,
    HeadwaterError,
    LimitExceededError,
    MethodNotImplementedError,
    PluginHealthCheckError,
    PluginNotRegisteredError,
    PluginRequestFailedError,
    QueryCanceledError,
    ValidationError,
)
from headwater.models import (
    AnswerTraits,
    CallResourceRequest,
    CallResourceResponse,
    CheckHealthRequest,
    CheckHealthResult,
    Consistency,
    DataQuery,
    DataResponse,
    Partition,
    Partitions,
    PluginContext,
    PluginInfo,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.plugins import CorePlugin, PluginClient

CONTEXT = PluginContext("p")
FRAME = Frame.from_pydict({"a": [1]})


class Scripted:
    """Answers every hook with what the test gives it; exceptions are raised."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.seen: list[Any] = []
        self.closed = False

    def _give(self, request: Any) -> Any:
        self.seen.append(request)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    @hookimpl
    def query_data(self, request: QueryDataRequest) -> Any:
        return self._give(request)

    @hookimpl
    def check_health(self, request: CheckHealthRequest) -> Any:
        return self._give(request)

    @hookimpl
    def partitions(self, request: QueryDataRequest) -> Any:
        return self._give(request)

    @hookimpl
    def query_sources(self, request: QueryDataRequest) -> Any:
        return self._items(request)

    @hookimpl
    def call_resource(self, request: CallResourceRequest) -> Any:
        return self._items(request)

    def _items(self, request: Any) -> Iterator[Any]:
        try:
            self.seen.append(request)
            for item in self.answer if isinstance(self.answer, list) else [self.answer]:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.closed = True


class Described(Scripted):
    @hookimpl
    def describe_answer(self, query: DataQuery) -> Any:
        return self._give(query)


class Chunked(Scripted):
    @hookimpl
    def query_chunked_data(self, request: QueryDataRequest) -> Any:
        return self.answer if self.answer is None else self._items(request)


def client_of(implementation: object) -> PluginClient:
    registry = InMemoryRegistry()
    registry.add(CorePlugin.of("p", implementation))
    return PluginClient(registry)


def query(answer: Any, context: CallContext | None = None) -> QueryDataResponse:
    request = QueryDataRequest(CONTEXT, (DataQuery("A"),))
    return client_of(Scripted(answer)).query_data(request, context or CallContext())


def traits(implementation: object) -> AnswerTraits:
    return client_of(implementation).describe_answer(DataQuery("A"), CONTEXT)


def test_a_plugin_says_what_an_answer_depends_on() -> None:
    said = AnswerTraits(user=False, headers=("X-Team",))
    assert traits(Described(said)) == said


def test_an_answer_depends_on_everything_if_its_plugin_does_not_say() -> None:
    everything = AnswerTraits(user=True, headers=None)
    assert traits(Scripted(None)) == traits(Described(None)) == everything


def test_an_answer_that_its_plugin_cannot_describe_is_not_to_be_kept() -> None:
    assert not traits(Described(ValidationError("no such key"))).kept


class OfTheHost:
    """A plugin that the host makes itself, with no more than it needs."""

    plugin_id = "p"
    info = PluginInfo("p")
    is_decommissioned = False


def test_a_plugin_of_the_hosts_own_need_not_describe_answers_nor_read_sources() -> None:
    registry = InMemoryRegistry()
    registry.add(OfTheHost())  # type: ignore[arg-type]
    client = PluginClient(registry)
    assert client.describe_answer(DataQuery("A"), CONTEXT) == AnswerTraits()
    request = QueryDataRequest(CONTEXT, (DataQuery("A"),))
    reader: Any = None
    with pytest.raises(MethodNotImplementedError, match="'p' does not implement query_sources"):
        next(client.query_sources(request, reader, CallContext()))


def test_an_instance_of_a_plugin_that_is_gone_is_discarded_already() -> None:
    PluginClient(InMemoryRegistry()).discard_instance(CONTEXT)


def chunks(answer: Any, context: CallContext | None = None) -> list[QueryChunk]:
    request = QueryDataRequest(CONTEXT, (DataQuery("A"),))
    return list(client_of(Chunked(answer)).query_chunked_data(request, context or CallContext()))


def resource(*answers: Any, headers: dict[str, tuple[str, ...]] | None = None) -> list[CallResourceResponse]:
    request = CallResourceRequest(CONTEXT, "tables", headers=headers or {})
    return list(client_of(Scripted(list(answers))).call_resource(request, CallContext()))


def health(answer: Any) -> CheckHealthResult:
    return client_of(Scripted(answer)).check_health(CheckHealthRequest(CONTEXT), CallContext())


# --- which plugin ---------------------------------------------------------------------------------


def test_a_missing_request_is_refused() -> None:
    client = client_of(Scripted(None))
    nothing: Any = None
    with pytest.raises(ValidationError, match="request"):
        client.query_data(nothing, CallContext())
    with pytest.raises(ValidationError, match="request"):
        client.check_health(nothing, CallContext())


def test_a_missing_plugin_is_refused() -> None:
    with pytest.raises(PluginNotRegisteredError, match="'other' is not registered; install"):
        client_of(Scripted(None)).query_data(QueryDataRequest(PluginContext("other"), ()), CallContext())


def test_a_decommissioned_plugin_is_refused() -> None:
    registry = InMemoryRegistry()
    plugin = CorePlugin.of("p", Scripted(QueryDataResponse()))
    registry.add(plugin)
    plugin.decommission()
    with pytest.raises(PluginNotRegisteredError, match="stopped"):
        PluginClient(registry).query_data(QueryDataRequest(CONTEXT, ()), CallContext())


# --- what an answer gets --------------------------------------------------------------------------


def test_frames_get_the_ref_id_when_they_have_none() -> None:
    named = FRAME.with_(ref_id="own")
    answer = query(QueryDataResponse({"A": DataResponse((FRAME, named))}))
    assert [frame.ref_id for frame in answer.responses["A"].frames] == ["A", "own"]


def test_frames_that_have_their_ref_id_are_passed_on_as_they_are() -> None:
    named = FRAME.with_(ref_id="A")
    response = DataResponse((named,))
    assert query(QueryDataResponse({"A": response})).responses["A"] is response


def test_a_list_of_frames_will_do() -> None:
    frames: Any = [FRAME.with_(ref_id="A")]
    assert len(query(QueryDataResponse({"A": DataResponse(frames)})).responses["A"].frames) == 1


def test_an_error_gets_the_status_and_source_it_knows_of_itself() -> None:
    error = DownstreamServerError("no such table", status=404)
    (response,) = query(QueryDataResponse({"A": DataResponse(error=error)})).responses.values()
    assert (response.status, response.error_source) == (404, ErrorSource.DOWNSTREAM)


def test_status_and_source_that_a_plugin_gives_stay() -> None:
    given = DataResponse(error=DownstreamServerError("x"), status=429, error_source=ErrorSource.CALLER)
    (response,) = query(QueryDataResponse({"A": given})).responses.values()
    assert (response.status, response.error_source) == (429, ErrorSource.CALLER)


def test_a_foreign_error_in_a_response_is_described() -> None:
    foreign: Any = KeyError("hunter2")
    (response,) = query(QueryDataResponse({"A": DataResponse(error=foreign)})).responses.values()
    assert isinstance(response.error, PluginRequestFailedError)
    assert "hunter2" not in str(response.error)
    assert response.status == 500


def test_a_response_of_a_wrong_type_fails_alone() -> None:
    wrong: Any = {"A": DataResponse((FRAME,)), "B": FRAME, "C": DataResponse((pa.table({}),))}
    responses = query(QueryDataResponse(wrong)).responses
    assert responses["A"].error is None
    assert str(responses["B"].error) == "Plugin 'p' answered query_data with Frame."
    assert str(responses["C"].error) == "Plugin 'p' answered query_data with Table."


@pytest.mark.parametrize("wrong", [None, {}, FRAME])
def test_an_answer_of_a_wrong_type_is_the_plugins_fault(wrong: Any) -> None:
    with pytest.raises(PluginRequestFailedError, match="'p' answered query_data with"):
        query(wrong)
    with pytest.raises(PluginRequestFailedError, match="'p' answered check_health with"):
        health(wrong)
    with pytest.raises(PluginRequestFailedError, match="'p' answered call_resource with"):
        resource(wrong)
    with pytest.raises(PluginRequestFailedError, match="'p' answered query_chunked_data with"):
        chunks([wrong] if wrong is not None else None)


# --- what goes wrong ------------------------------------------------------------------------------

OURS = [DownstreamServerError("x"), LimitExceededError("y"), QueryCanceledError("z"), ValidationError("v")]


@pytest.mark.parametrize("error", OURS, ids=lambda error: type(error).__name__)
def test_our_errors_pass_unchanged_and_are_not_their_own_cause(error: HeadwaterError) -> None:
    for call in (query, chunks, health, resource):
        with pytest.raises(type(error)) as caught:
            call(error)
        assert caught.value is error
        assert error.__cause__ is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionResetError("dsn=hunter2"), DownstreamConnectionError),
        (TimeoutError("dsn=hunter2"), DownstreamTimeoutError),
        (KeyError("hunter2"), PluginRequestFailedError),
        (SystemExit("hunter2"), PluginRequestFailedError),
        (NotImplementedError("hunter2"), MethodNotImplementedError),
    ],
)
def test_foreign_errors_are_told_apart_keep_the_cause_and_leak_nothing(
    error: BaseException, kind: type[HeadwaterError]
) -> None:
    for call in (query, chunks, resource):
        with pytest.raises(kind) as caught:
            call(error)
        assert caught.value.__cause__ is error
        assert "hunter2" not in str(caught.value)


def test_a_cause_of_a_foreign_error_stays_behind_it() -> None:
    try:
        raise KeyError("port") from OSError("file")
    except KeyError as error:
        chained = error
    with pytest.raises(PluginRequestFailedError) as caught:
        query(chained)
    assert caught.value.__cause__ is chained
    assert isinstance(chained.__cause__, OSError)


def test_a_keyboard_interrupt_is_not_a_plugins_fault() -> None:
    with pytest.raises(KeyboardInterrupt):
        query(KeyboardInterrupt())


def test_whatever_is_raised_a_cancelled_call_is_cancelled() -> None:
    context = CallContext()
    context.cancel("gone")
    killed = OSError("socket closed")
    for call in (query, chunks):
        with pytest.raises(QueryCanceledError, match="gone") as caught:
            call(killed, context)
        assert caught.value.__cause__ is killed


def test_a_health_check_that_breaks_is_a_health_check_error() -> None:
    with pytest.raises(PluginHealthCheckError, match="'p' failed") as caught:
        health(KeyError("hunter2"))
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.source is ErrorSource.DOWNSTREAM


def test_a_source_that_is_down_is_a_result() -> None:
    assert health(CheckHealthResult.failed("down")).message == "down"


# --- pieces ---------------------------------------------------------------------------------------


def test_chunks_pass_with_ref_ids_and_described_errors() -> None:
    foreign: Any = KeyError("hunter2")
    first, last = chunks([QueryChunk("A", frame=FRAME), QueryChunk("A", error=foreign)])
    assert first.frame is not None
    assert first.frame.ref_id == "A"
    assert isinstance(last.error, PluginRequestFailedError)


def test_an_error_between_chunks_comes_after_what_was_sent() -> None:
    request = QueryDataRequest(CONTEXT, (DataQuery("A"),))
    plugin = Chunked([QueryChunk("A", frame=FRAME), ConnectionResetError()])
    answer = client_of(plugin).query_chunked_data(request, CallContext())
    assert next(answer).ref_id == "A"
    with pytest.raises(DownstreamConnectionError):
        next(answer)
    assert plugin.closed


def test_closing_the_answer_closes_the_plugins_generator() -> None:
    plugin = Chunked([QueryChunk("A", frame=FRAME), QueryChunk("A", frame=FRAME)])
    answer = client_of(plugin).query_chunked_data(QueryDataRequest(CONTEXT, ()), CallContext())
    next(answer)
    assert not plugin.closed
    answer.close()
    assert plugin.closed


def test_a_plugin_without_chunks_is_served_from_its_queries() -> None:
    response = QueryDataResponse(
        {"A": DataResponse((FRAME, FRAME)), "B": DataResponse(error=LimitExceededError("too much"))}
    )
    answer = client_of(Scripted(response)).query_chunked_data(QueryDataRequest(CONTEXT, ()), CallContext())
    told = [(chunk.ref_id, chunk.frame_id, chunk.error is None) for chunk in answer]
    assert told == [("A", "0", True), ("A", "1", True), ("B", "0", False)]


# --- resources ------------------------------------------------------------------------------------


def test_the_first_response_has_status_and_headers() -> None:
    first, second = resource(
        CallResourceResponse(201, {"Content-Type": ("text/plain",)}, b"a"), CallResourceResponse(body=b"b")
    )
    assert (first.status, first.headers, first.body) == (201, {"Content-Type": ("text/plain",)}, b"a")
    assert second.body == b"b"


def test_no_answer_is_the_plugins_fault() -> None:
    with pytest.raises(PluginRequestFailedError, match="no answer"):
        resource()


HOP_BY_HOP = [
    "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
    "Te", "Trailer", "Transfer-Encoding", "Upgrade",
]  # fmt: skip


@pytest.mark.parametrize("name", [*HOP_BY_HOP, "Cookie", "User-Agent", "X-Listed", "x-LISTED-too"])
def test_the_plugin_does_not_see(name: str) -> None:
    plugin = Scripted([CallResourceResponse()])
    headers = {
        "connection": ("x-listed, X-Listed-Too", "close"),
        name: ("v",),
        name.swapcase(): ("v",),
        "Accept": ("*/*",),
    }
    request = CallResourceRequest(CONTEXT, "x", headers=headers)
    list(client_of(plugin).call_resource(request, CallContext()))
    assert plugin.seen[0].headers == {"Accept": ("*/*",)}


@pytest.mark.parametrize("name", [*HOP_BY_HOP, "Set-Cookie"])
def test_the_caller_does_not_see(name: str) -> None:
    (answer,) = resource(CallResourceResponse(200, {name.lower(): ("v",), "ETag": ("1",)}))
    assert answer.headers == {"ETag": ("1",)}


TOKENS = st.text("abcXYZ-09", min_size=1, max_size=12)


@given(
    st.dictionaries(TOKENS, st.lists(TOKENS, max_size=3).map(tuple), max_size=6), st.sets(TOKENS, max_size=3)
)
def test_headers_are_kept_unless_listed(headers: dict[str, tuple[str, ...]], listed: set[str]) -> None:
    (answer,) = resource(CallResourceResponse(200, {**headers, "Connection": (", ".join(listed),)}))
    refused = {name.lower() for name in [*HOP_BY_HOP, "Set-Cookie", *listed]}
    assert answer.headers == {name: value for name, value in headers.items() if name.lower() not in refused}


def divided(plugin: object, query: DataQuery) -> Partitions:
    request = QueryDataRequest(CONTEXT, (query,))
    return client_of(plugin).partitions(request, 4, None, (), CallContext())


def test_a_result_is_divided_as_its_plugin_says() -> None:
    parts = Partitions(
        (Partition(DataQuery("A", json={"from": 1})), Partition(DataQuery("A", json={"from": 2})))
    )
    assert divided(Scripted(parts), DataQuery("A")) == parts


class Health:
    @hookimpl
    def check_health(self, request: CheckHealthRequest) -> CheckHealthResult:
        return CheckHealthResult.ok("well")


def test_a_plugin_that_divides_nothing_gives_one_part_which_is_the_query() -> None:
    query = DataQuery("A", json={"text": "x"})
    whole = Partitions((Partition(query),), Consistency.STATEMENT)
    assert divided(Scripted(None), query) == whole
    assert divided(Health(), query) == whole


@pytest.mark.parametrize("answer", ["parts", Partitions(())])
def test_what_is_no_division_is_the_plugins_fault(answer: Any) -> None:
    with pytest.raises(PluginRequestFailedError, match="'p' answered partitions with"):
        divided(Scripted(answer), DataQuery("A"))
