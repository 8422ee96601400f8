"""The query service: data sources side by side, each failure on its own."""

from __future__ import annotations

import contextvars
import gc
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headwater import CallContext, Frame, Headwater, QueryLimits, hookimpl
from headwater.calls import CallerThread
from headwater.errors import (
    DataSourceNotFoundError,
    DeadlineExceededError,
    DownstreamServerError,
    PluginRequestFailedError,
    QueryCanceledError,
    QueryRequestError,
    SecretUnavailableError,
    StoreError,
)
from headwater.models import (
    DataQuery,
    DataResponse,
    PluginContext,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
    User,
)
from headwater.queries import DataSourceRef, MetricQuery, QueryService

PATIENCE = 10.0
MakeHost = Callable[..., Headwater]
CancelWhen = Callable[..., None]


class Echo:
    """Answers each query with its data source's uid, and remembers the requests."""

    def __init__(self) -> None:
        self.requests: list[QueryDataRequest] = []
        self.threads: list[threading.Thread] = []
        self.discarded: list[str] = []

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        self.requests.append(request)
        self.threads.append(threading.current_thread())
        return self.answer(request, context)

    def answer(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        uid = uid_of(request.plugin_context)
        frame = Frame.from_pydict({"uid": [uid]})
        return QueryDataResponse({query.ref_id: DataResponse((frame,)) for query in request.queries})

    def discard_instance(self, context: PluginContext) -> None:
        self.discarded.append(uid_of(context))


class Failing(Echo):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def answer(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        raise self.error


class Hanging(Echo):
    """Does not come back before it is released, whatever happens to the call."""

    def __init__(self, release: threading.Event) -> None:
        super().__init__()
        self.release = release
        self.entered = threading.Event()

    def answer(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        self.entered.set()
        self.release.wait(PATIENCE)
        return super().answer(request, context)


class Cooperative(Echo):
    """Waits until the call is over, as a driver whose query was killed."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()

    def answer(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        self.entered.set()
        context.wait(PATIENCE)
        return super().answer(request, context)


def uid_of(context: PluginContext) -> str:
    settings = context.data_source_instance_settings
    assert settings is not None
    return settings.uid


def ask(uid: str, ref_id: str = "") -> MetricQuery:
    return MetricQuery(DataSourceRef(uid=uid), DataQuery(ref_id or uid))


def values(response: DataResponse) -> list[Any]:
    return [frame.table.column(0).to_pylist() for frame in response.frames]


def test_queries_of_one_data_source_are_one_call(make_host: MakeHost) -> None:
    echo = Echo()
    host = make_host(a=echo)
    response = host.query_data([ask("a", "A"), ask("a", "B")])
    assert list(response.responses) == ["A", "B"]
    assert [len(request.queries) for request in echo.requests] == [2]


def test_data_sources_are_asked_side_by_side(make_host: MakeHost) -> None:
    barrier = threading.Barrier(3)

    class Meeting(Echo):
        def answer(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
            barrier.wait(PATIENCE)
            return super().answer(request, context)

    response = make_host(a=Meeting(), b=Meeting(), c=Meeting()).query_data([ask("a"), ask("b"), ask("c")])
    assert {ref_id: values(each) for ref_id, each in response.responses.items()} == {
        "a": [["a"]],
        "b": [["b"]],
        "c": [["c"]],
    }


def test_responses_come_in_the_order_of_the_queries(make_host: MakeHost) -> None:
    host = make_host(a=Echo(), b=Echo())
    response = host.query_data([ask("b", "2"), ask("a", "1"), ask("missing", "0"), ask("b", "3")])
    assert list(response.responses) == ["2", "1", "0", "3"]


def test_a_skipped_query_has_no_response(make_host: MakeHost) -> None:
    class Skipping(Echo):
        def answer(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
            return QueryDataResponse({"B": DataResponse(), "never asked": DataResponse()})

    assert list(make_host(a=Skipping()).query_data([ask("a", "A"), ask("a", "B")]).responses) == ["B"]


@pytest.mark.parametrize("options", [{}, {"workers": CallerThread()}], ids=["workers", "caller"])
@pytest.mark.parametrize("error", [DownstreamServerError("x"), KeyError("hunter2"), SystemExit(1)])
def test_a_failing_data_source_never_fails_its_neighbours(
    make_host: MakeHost, error: BaseException, options: dict[str, Any]
) -> None:
    host = make_host(good=Echo(), bad=Failing(error), options=options)
    responses = host.query_data([ask("bad", "A"), ask("bad", "B"), ask("good", "C")]).responses
    assert values(responses["C"]) == [["good"]]
    expected = DownstreamServerError if isinstance(error, DownstreamServerError) else PluginRequestFailedError
    for ref_id in "AB":
        assert type(responses[ref_id].error) is expected
        assert "hunter2" not in str(responses[ref_id].error)
        assert responses[ref_id].status == 500


def test_an_unknown_data_source_fails_alone(make_host: MakeHost) -> None:
    responses = make_host(a=Echo()).query_data([ask("a"), ask("missing")]).responses
    assert responses["a"].error is None
    assert isinstance(responses["missing"].error, DataSourceNotFoundError)
    assert responses["missing"].status == 404


def test_a_request_without_any_known_data_source_raises(make_host: MakeHost) -> None:
    with pytest.raises(DataSourceNotFoundError):
        make_host(a=Echo()).query_data([ask("missing"), ask("gone")])


def test_a_store_that_fails_fails_only_what_is_not_cached(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_host(a=Echo(), b=Echo())
    host.query("a", {})

    def fail(uid: str) -> Any:
        raise StoreError("the disk is full")

    monkeypatch.setattr(host.store, "get_by_uid", fail)
    responses = host.query_data([ask("a"), ask("b")]).responses
    assert responses["a"].error is None
    assert isinstance(responses["b"].error, StoreError)


@pytest.mark.parametrize("error", [SecretUnavailableError("key is gone"), OSError("hunter2")])
def test_a_context_that_cannot_be_built_fails_alone(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    host = make_host(a=Echo(), b=Echo())
    build = host.plugin_contexts.get_with_data_source

    def fail_for_b(data_source: Any, user: User | None = None) -> PluginContext:
        if data_source.uid == "b":
            raise error
        return build(data_source, user)

    monkeypatch.setattr(host.plugin_contexts, "get_with_data_source", fail_for_b)
    responses = host.query_data([ask("a"), ask("b")]).responses
    assert responses["a"].error is None
    assert responses["b"].error is not None
    assert "hunter2" not in str(responses["b"].error)
    chunks = list(host.query_chunked_data([ask("b"), ask("a")], CallContext()))
    assert [(chunk.ref_id, chunk.error is None) for chunk in chunks] == [("b", False), ("a", True)]


@pytest.mark.parametrize(
    ("queries", "message_id"),
    [([], "query.noQueries"), ([ask("a", "A"), ask("a", "A")], "query.duplicateRefId")],
)
def test_parsed_queries_obey_the_rules_of_requests(
    make_host: MakeHost, queries: list[MetricQuery], message_id: str
) -> None:
    with pytest.raises(QueryRequestError) as caught:
        make_host(a=Echo()).query_data(queries)
    assert caught.value.message_id == message_id


def test_more_data_sources_than_places_all_get_their_turn(make_host: MakeHost) -> None:
    host = make_host(a=Echo(), b=Echo(), c=Echo(), d=Echo())
    service = QueryService(host._cache, host.plugin_contexts, host._client, host._runner, concurrent_groups=1)
    response = service.query_data([ask(uid) for uid in "abcd"], CallContext())
    assert [values(response.responses[uid]) for uid in "abcd"] == [[["a"]], [["b"]], [["c"]], [["d"]]]


def test_who_waits_for_a_place_when_the_call_ends_is_not_called_any_more(
    make_host: MakeHost, cancel_when: CancelWhen
) -> None:
    waiting, last = Cooperative(), Echo()
    host = make_host(waiting=waiting, last=last)
    service = QueryService(host._cache, host.plugin_contexts, host._client, host._runner, concurrent_groups=1)
    context = CallContext()
    cancel_when(waiting.entered, context)
    responses = service.query_data([ask("waiting"), ask("last")], context).responses
    assert all(isinstance(each.error, QueryCanceledError) for each in responses.values())
    assert last.requests == [] or waiting.requests == []


# --- ends ------------------------------------------------------------------------------------------


def test_a_slow_neighbour_that_heeds_the_deadline_costs_only_its_own_answer(make_host: MakeHost) -> None:
    host = make_host(good=Echo(), slow=Cooperative())
    responses = host.query_data([ask("slow"), ask("good")], CallContext(timeout=0.5)).responses
    assert values(responses["good"]) == [["good"]]
    assert isinstance(responses["slow"].error, DeadlineExceededError)
    assert host.query_service.abandoned == 0


def test_a_hanging_worker_is_abandoned_counted_and_its_instance_replaced(
    make_host: MakeHost, release: threading.Event
) -> None:
    hanging = Hanging(release)
    host = make_host(good=Echo(), hanging=hanging, options={"grace": 0.02})
    responses = host.query_data([ask("hanging"), ask("good")], CallContext(timeout=0.5)).responses
    assert values(responses["good"]) == [["good"]]
    assert isinstance(responses["hanging"].error, DeadlineExceededError)
    assert "did not return within 0.02 s" in str(responses["hanging"].error)
    assert host.query_service.abandoned == 1
    assert hanging.discarded == ["hanging"]


def test_a_cancelled_call_that_hangs_is_cancelled_for_its_caller(
    make_host: MakeHost, release: threading.Event, cancel_when: CancelWhen
) -> None:
    hanging = Hanging(release)
    host = make_host(hanging=hanging, options={"grace": 0.02})
    context = CallContext()
    cancel_when(hanging.entered, context)
    with pytest.raises(QueryCanceledError, match="enough"):
        host.query("hanging", {}, context=context)
    assert host.query_service.abandoned == 1


def test_an_answer_within_the_grace_still_counts(make_host: MakeHost) -> None:
    class Late(Echo):
        def answer(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
            ended = threading.Event()
            context.on_cancel(ended.set)
            ended.wait(PATIENCE)
            return super().answer(request, context)

    host = make_host(late=Late())
    assert values(host.query_data([ask("late")], CallContext(timeout=0.5)).responses["late"]) == [["late"]]


def test_many_hanging_calls_leave_a_host_that_answers(
    make_host: MakeHost, release: threading.Event, cancel_when: CancelWhen
) -> None:
    hanging = Hanging(release)
    host = make_host(good=Echo(), hanging=hanging, options={"grace": 0.01})
    for _ in range(20):
        context = CallContext()
        hanging.entered.clear()
        cancel_when(hanging.entered, context)
        host.query_data([ask("hanging")], context)
    assert host.query_service.abandoned == 20
    assert values(host.query_data([ask("good")]).responses["good"]) == [["good"]]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A test run that a shell put in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_caller_cancels_the_query(make_host: MakeHost) -> None:
    ended = threading.Event()

    class Interrupting(Echo):
        def answer(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
            with context.on_cancel(ended.set):
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # Ctrl-C
                ended.wait(PATIENCE)
            return super().answer(request, context)

    host = make_host(a=Interrupting())
    with pytest.raises(KeyboardInterrupt):
        host.query_service.query_data([ask("a")], CallContext())
    assert ended.wait(PATIENCE)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_a_wait_that_the_kernel_would_go_on_with(make_host: MakeHost) -> None:
    """Polars installs its own handler of SIGINT when it is imported, after which calls are restarted."""
    asked, ended = threading.Event(), threading.Event()

    class Waiting(Echo):
        def answer(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
            with context.on_cancel(ended.set):
                asked.set()
                ended.wait(PATIENCE)
            return super().answer(request, context)

    def interrupt() -> None:
        asked.wait(PATIENCE)
        time.sleep(0.3)  # by then the caller waits
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    host = make_host(a=Waiting())
    threading.Thread(target=interrupt).start()
    signal.siginterrupt(signal.SIGINT, False)  # until a handler is set again
    with pytest.raises(KeyboardInterrupt):
        host.query_service.query_data([ask("a")], CallContext())
    assert ended.wait(PATIENCE)


def test_an_interrupt_that_a_plugin_raises_in_a_worker_is_the_callers(make_host: MakeHost) -> None:
    host = make_host(a=Failing(KeyboardInterrupt()), b=Echo())
    with pytest.raises(KeyboardInterrupt):
        host.query_data([ask("a"), ask("b")])
    assert values(host.query_data([ask("b")]).responses["b"]) == [["b"]]


# --- without a thread that waits ---------------------------------------------------------------------


def as_it_is(answer: QueryDataResponse) -> QueryDataResponse:
    return answer


def test_an_answer_is_made_use_of_in_the_worker_that_brought_it(make_host: MakeHost) -> None:
    echo = Echo()
    started = make_host(a=echo).start_query_data(
        [ask("a")], then=lambda answer: (threading.current_thread(), values(answer.responses["a"]))
    )
    thread, found = started.result(PATIENCE)
    assert found == [["a"]]
    assert [thread] == echo.threads


def test_several_data_sources_of_a_started_request_are_asked_side_by_side(make_host: MakeHost) -> None:
    together = threading.Barrier(3, timeout=PATIENCE)

    class Meeting(Echo):
        def answer(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
            together.wait()
            return super().answer(request, context)

    host = make_host(a=Meeting(), b=Meeting(), c=Meeting())
    answer = host.start_query_data([ask("a"), ask("b"), ask("c")], then=as_it_is).result(PATIENCE)
    assert [values(answer.responses[uid]) for uid in "abc"] == [[["a"]], [["b"]], [["c"]]]


def test_a_plugin_that_hangs_ends_the_started_request_for_its_caller_only(
    make_host: MakeHost, release: threading.Event
) -> None:
    host = make_host(good=Echo(), hanging=Hanging(release), options={"grace": 0.01})
    asked = [ask("good"), ask("hanging")]
    answer = host.start_query_data(asked, CallContext(timeout=0.5), then=as_it_is).result(PATIENCE)
    assert values(answer.responses["good"]) == [["good"]]
    assert isinstance(answer.responses["hanging"].error, DeadlineExceededError)
    assert host.query_service.abandoned == 1


def test_what_a_started_request_fails_with_is_its_futures(make_host: MakeHost) -> None:
    host = make_host(a=Echo())
    with pytest.raises(QueryRequestError, match="No queries found"):
        host.start_query_data({"from": "now-1h", "to": "now", "queries": []}, then=as_it_is).result(PATIENCE)
    with pytest.raises(DataSourceNotFoundError):
        host.start_query_data([ask("b")], then=as_it_is).result(PATIENCE)
    with pytest.raises(ZeroDivisionError):
        host.start_query_data([ask("a")], then=lambda _: 1 / 0).result(PATIENCE)


def test_cancelling_ends_a_started_request(make_host: MakeHost) -> None:
    cooperative, context = Cooperative(), CallContext()
    started = make_host(a=cooperative).start_query_data([ask("a")], context, then=as_it_is)
    assert cooperative.entered.wait(PATIENCE)
    context.cancel()
    assert isinstance(started.result(PATIENCE).responses["a"].error, QueryCanceledError)


def test_a_result_is_free_as_soon_as_nobody_has_it(make_host: MakeHost) -> None:
    """A result of many megabytes must not wait for the garbage collector."""
    host = make_host(a=Echo())
    gc.disable()
    try:
        ways: list[Callable[[], QueryDataResponse]] = [
            lambda: host.start_query_data([ask("a")], then=as_it_is).result(PATIENCE),
            lambda: host.query_data([ask("a")]),
        ]
        for asks in ways:
            seen = weakref.ref(asks().responses["a"].frames[0])
            end = time.monotonic() + PATIENCE
            while seen() is not None and time.monotonic() < end:  # the worker may be on its way back
                time.sleep(0.001)
            assert seen() is None
    finally:
        gc.enable()


# --- what travels along ----------------------------------------------------------------------------


def test_plugins_see_the_tracing_headers_and_no_others(make_host: MakeHost) -> None:
    echo = Echo()
    context = CallContext(headers={"x-panel-id": "7", "FromAlert": "true", "Authorization": "Bearer x"})
    make_host(a=echo).query_data([ask("a")], context)
    assert echo.requests[0].headers == {"x-panel-id": "7", "FromAlert": "true"}


def test_plugins_see_the_user(make_host: MakeHost) -> None:
    echo = Echo()
    make_host(a=echo).query_data([ask("a")], user=User(login="ada"))
    assert echo.requests[0].plugin_context.user == User(login="ada")


def test_context_variables_reach_the_plugin(make_host: MakeHost) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    seen: list[str] = []

    class Reading(Echo):
        def answer(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
            seen.append(variable.get())
            return super().answer(request, context)

    variable.set("trace-1")
    make_host(a=Reading()).query_data([ask("a")])
    assert seen == ["trace-1"]


def test_the_callers_context_outlives_the_call(make_host: MakeHost) -> None:
    ran: list[int] = []
    context = CallContext()
    context.on_cancel(lambda: ran.append(1))
    host = make_host(a=Echo())
    host.query_data([ask("a")], context)
    host.query("a", {}, context=context)
    context.cancel()
    assert ran == [1]


def test_data_sources_are_found_by_number_too(make_host: MakeHost) -> None:
    host = make_host(a=Echo())
    number = host.data_source("a").id
    query = MetricQuery(DataSourceRef(id=number), DataQuery("A"))
    assert values(host.query_data([query]).responses["A"]) == [["a"]]


# --- pieces ----------------------------------------------------------------------------------------


class Pieces(Echo):
    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    @hookimpl
    def query_chunked_data(self, request: QueryDataRequest) -> Iterator[QueryChunk]:
        return self._pieces(request)

    def _pieces(self, request: QueryDataRequest) -> Iterator[QueryChunk]:
        try:
            for query in request.queries:
                for value in range(2):
                    yield QueryChunk(query.ref_id, frame=Frame.from_pydict({"a": [value]}))
        finally:
            self.closed = True


def test_pieces_come_one_data_source_after_the_other(make_host: MakeHost) -> None:
    host = make_host(a=Pieces(), b=Echo(), bad=Failing(KeyError("x")))
    queries = [ask("b"), ask("missing"), ask("a"), ask("bad")]
    told = [(each.ref_id, each.error is None) for each in host.query_chunked_data(queries, CallContext())]
    assert told == [("missing", False), ("b", True), ("a", True), ("a", True), ("bad", False)]


def test_closing_the_pieces_closes_the_plugin(make_host: MakeHost) -> None:
    pieces = Pieces()
    answer = make_host(a=pieces).query_chunked_data([ask("a")], CallContext())
    next(answer)
    answer.close()
    assert pieces.closed


def test_a_request_that_is_wrong_is_refused_before_the_first_piece(make_host: MakeHost) -> None:
    with pytest.raises(QueryRequestError):
        make_host(a=Echo()).query_chunked_data({"queries": []}, CallContext())


def test_limits_of_the_host_reach_the_plugin(make_host: MakeHost) -> None:
    seen: list[QueryLimits] = []

    class Reading(Echo):
        def answer(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
            seen.append(context.limits)
            return super().answer(request, context)

    limits = QueryLimits(max_rows=5, timeout=30)
    host = make_host(a=Reading(), options={"limits": limits})
    host.query("a", {})
    host.query("a", {}, max_rows=2)
    host.query("a", {}, context=CallContext())
    host.query("a", {}, context=CallContext(limits=QueryLimits(max_rows=1)))
    host.query_data([ask("a")], CallContext())
    assert [each.max_rows for each in seen] == [5, 2, 5, 1, 5]
