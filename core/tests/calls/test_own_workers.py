"""Calls into plugins run in the embedder's own executor, even a small one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from headwater import CallContext, Frame, Headwater, InMemoryRegistry, hookimpl
from headwater.calls import CallerThread
from headwater.errors import DeadlineExceededError, QueryCanceledError
from headwater.models import DataResponse, QueryDataRequest, QueryDataResponse

PATIENCE = 10.0


class Waiting:
    """Answers with its thread's name; `wait` in the query makes it last until the call is over."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.killed = threading.Event()

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        if request.queries[0].json.get("wait"):
            context.on_cancel(self.killed.set)
            self.entered.set()
            context.wait(PATIENCE)
        frame = Frame.from_pydict({"thread": [threading.current_thread().name]})
        return QueryDataResponse({"A": DataResponse((frame,))})


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1, thread_name_prefix="mine") as executor:
        yield executor


@pytest.fixture
def plugin() -> Waiting:
    return Waiting()


@pytest.fixture
def host(executor: ThreadPoolExecutor, plugin: Waiting) -> Iterator[Headwater]:
    with Headwater(registry=InMemoryRegistry(), workers=executor) as host:
        host.add_plugin("waiting", plugin)
        host.add_data_source("x", type="waiting")
        yield host


def test_a_call_runs_in_the_given_executor(host: Headwater) -> None:
    assert host.query("x", {}).to_pylist() == [{"thread": "mine_0"}]


def test_a_cancellation_needs_no_free_thread_of_it(host: Headwater, plugin: Waiting) -> None:
    context = CallContext()

    def cancel() -> None:
        plugin.entered.wait(PATIENCE)
        context.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(QueryCanceledError):
        host.query("x", {"wait": True}, context=context)
    canceller.join()
    assert plugin.killed.is_set()


def test_closing_ends_a_call_that_holds_the_only_thread(host: Headwater, plugin: Waiting) -> None:
    ended: list[BaseException] = []

    def ask() -> None:
        try:
            host.query("x", {"wait": True})
        except QueryCanceledError as error:
            ended.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert plugin.entered.wait(PATIENCE)
    host.close()
    asking.join(PATIENCE)
    assert [str(error) for error in ended] == ["The host is closing."]


def test_a_call_that_finds_no_free_thread_ends_at_its_deadline_and_never_begins(
    host: Headwater, plugin: Waiting, executor: ThreadPoolExecutor
) -> None:
    free = threading.Event()
    executor.submit(free.wait, PATIENCE)
    with pytest.raises(DeadlineExceededError, match="before its deadline"):
        host.query("x", {"wait": True}, timeout=0.05)
    free.set()
    assert executor.submit(lambda: True).result(PATIENCE)
    assert not plugin.entered.is_set()
    assert host.query_service.abandoned == 0


def test_the_executor_stays_the_embedders_to_shut_down(host: Headwater, executor: ThreadPoolExecutor) -> None:
    host.close()
    assert executor.submit(int).result(PATIENCE) == 0


def test_calls_may_run_in_the_callers_own_thread(plugin: Waiting) -> None:
    here = [{"thread": threading.current_thread().name}]
    with Headwater(registry=InMemoryRegistry(), workers=CallerThread()) as host:
        host.add_plugin("waiting", plugin)
        host.add_data_source("x", type="waiting")
        assert host.query("x", {}).to_pylist() == here
        started = host.start_query_frames("x", {})
        assert started.done()
        assert [frame.to_pylist() for frame in started.result()] == [here]
        with pytest.raises(DeadlineExceededError):
            host.query("x", {"wait": True}, timeout=0.05)
        assert host.query("x", {}).to_pylist() == here
