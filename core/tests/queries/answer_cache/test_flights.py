"""Callers with one question at the same time ask once, and none of them spoils it for the others."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest

from headwater import CallContext, Headwater, QueryLimits
from headwater.errors import DeadlineExceededError, QueryCanceledError
from headwater.models import DataQuery, DataResponse
from headwater.queries import AnswerCache, CacheRule, KeptAnswer, MemoryAnswerStore
from headwater.queries.answer_cache.flights import Flights
from headwater.queries.answer_cache.questions import Question

from .conftest import FROM, HIT, MISS, PATIENCE, TO, Clock, Counting, MakeHost, ask, count_of


class Waiting(Counting):
    """Answers once `opened` is set; `ended` is set if the call is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.opened, self.ended = threading.Event(), threading.Event(), threading.Event()

    def answer(self, query: DataQuery, context: CallContext) -> DataResponse:
        self.asked.append(query)
        self.began.set()
        with context.on_cancel(self.ended.set), context.on_cancel(self.opened.set):
            assert self.opened.wait(PATIENCE)
        context.check()
        return DataResponse((self.frame(len(self.asked)),))


def test_simultaneous_callers_with_one_question_ask_once(host_of: MakeHost) -> None:
    plugin = Waiting()
    host = host_of(plugin)
    with ThreadPoolExecutor(64) as pool:
        answers = [pool.submit(ask, host) for _ in range(64)]
        assert plugin.began.wait(PATIENCE)
        plugin.opened.set()
        assert [count_of(answer.result()) for answer in answers] == [1] * 64
    assert len(plugin.asked) == 1


def test_a_call_that_could_not_begin_holds_up_nobody_after_it() -> None:
    flights, context, begun = Flights(), CallContext(), []
    question = cast("Question", SimpleNamespace(key=("one",)))

    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.raises(RuntimeError):
        flights.board([question], context, None, no_thread)
    flights.board([question], context, None, lambda _, asked: begun.extend(asked))
    assert begun == [question]


def test_an_answer_that_comes_while_a_caller_looks_for_it_is_enough(host_of: MakeHost, clock: Clock) -> None:
    looked, came = threading.Event(), threading.Event()
    calls = itertools.count()

    class SlowToTell(MemoryAnswerStore):
        def get(self, key: Any) -> KeptAnswer | None:
            found = super().get(key)
            if next(calls) == 0:
                looked.set()
                came.wait(PATIENCE)
            return found

    host = host_of(Counting(), store=SlowToTell(clock=clock))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(ask, host)
        assert looked.wait(PATIENCE)
        assert count_of(ask(host)) == 1
        came.set()
        assert count_of(late.result()) == 1


def test_a_caller_that_cancels_cancels_nothing_for_the_others(host_of: MakeHost) -> None:
    plugin = Waiting()
    host = host_of(plugin)
    first, other = CallContext(), CallContext()
    with ThreadPoolExecutor(2) as pool:
        asking = pool.submit(ask, host, first)
        assert plugin.began.wait(PATIENCE)
        joining = pool.submit(ask, host, other)
        wait_until_somebody_joins(host)
        first.cancel()
        assert isinstance(asking.result(PATIENCE).error, QueryCanceledError)
        assert not plugin.ended.is_set()
        plugin.opened.set()
        assert count_of(joining.result(PATIENCE)) == 1


def test_the_last_caller_that_cancels_ends_the_query(host_of: MakeHost) -> None:
    plugin = Waiting()
    host = host_of(plugin)
    contexts = [CallContext(), CallContext()]
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(ask, host, context) for context in contexts]
        assert plugin.began.wait(PATIENCE)
        wait_until_somebody_joins(host)
        for context in contexts:
            context.cancel()
        assert all(isinstance(answer.result(PATIENCE).error, QueryCanceledError) for answer in answers)
    assert plugin.ended.wait(PATIENCE)
    assert ask_again_after(host, plugin) == 2


def test_a_caller_with_little_time_takes_none_from_the_others(host_of: MakeHost) -> None:
    plugin = Waiting()
    host = host_of(plugin)
    with ThreadPoolExecutor(2) as pool:
        hasty = pool.submit(ask, host, CallContext(timeout=1))
        assert plugin.began.wait(PATIENCE)
        patient = pool.submit(ask, host, CallContext(timeout=60))
        assert isinstance(hasty.result(PATIENCE).error, DeadlineExceededError)
        plugin.opened.set()
        assert count_of(patient.result(PATIENCE)) == 1
    assert len(plugin.asked) == 1


def test_a_caller_with_more_time_than_the_one_who_asked_asks_anew(
    make_host: MakeHost, release: threading.Event
) -> None:
    class Hanging(Counting):
        def answer(self, query: DataQuery, context: CallContext) -> DataResponse:
            super().answer(query, context)
            if len(self.asked) == 1:
                began.set()
                release.wait(PATIENCE)
            return DataResponse((self.frame(len(self.asked)),))

    began, untimed = threading.Event(), QueryLimits(timeout=None)
    cache = AnswerCache(CacheRule(ttl=30))
    host = make_host(source=Hanging(), options={"answer_cache": cache, "grace": 0.02})
    with ThreadPoolExecutor(2) as pool:
        hasty = pool.submit(ask, host, CallContext(timeout=1, limits=untimed))
        assert began.wait(PATIENCE)
        patient = pool.submit(ask, host, CallContext(timeout=60, limits=untimed))
        assert isinstance(hasty.result(PATIENCE).error, DeadlineExceededError)
        assert count_of(patient.result(PATIENCE)) == 2


def test_a_host_that_closes_ends_what_its_callers_wait_for(host_of: MakeHost) -> None:
    plugin = Waiting()
    host = host_of(plugin)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, host)
        assert plugin.began.wait(PATIENCE)
        host.close()
        assert answer.result(PATIENCE).error is not None
    assert plugin.ended.wait(PATIENCE)  # its caller may be told first


def test_questions_of_one_request_are_asked_in_one_call(host_of: MakeHost) -> None:
    plugin = Counting()
    host = host_of(plugin)
    queries = [{"refId": ref, "datasource": {"uid": "source"}, "sql": ref} for ref in "ABC"]
    ask(host, refId="B", sql="B")
    answer = host.query_data({"from": FROM, "to": TO, "queries": queries})
    statuses = {ref_id: response.cache for ref_id, response in answer.responses.items()}
    assert statuses == {"A": MISS, "B": HIT, "C": MISS}


def wait_until_somebody_joins(host: Headwater) -> None:
    """Two callers wait for the one flight."""
    flights = host.query_service._client._flights  # type: ignore[attr-defined]
    deadline = CallContext(timeout=PATIENCE)
    while [flight.waiting for flight in flights._flying.values()] != [2]:
        deadline.wait(0.01)


def ask_again_after(host: Headwater, plugin: Waiting) -> int:
    plugin.opened.set()
    return count_of(ask(host))
