"""Which questions are the same, whose, and which answers are remembered at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from headwater import CallContext, Frame, QueryLimits, hookimpl
from headwater.errors import DownstreamServerError, ValidationError
from headwater.frames import Notice
from headwater.models import (
    AnswerTraits,
    DataQuery,
    DataResponse,
    PluginContext,
    PluginInfo,
    QueryDataRequest,
    QueryDataResponse,
    User,
)
from headwater.queries import AnswerCache
from headwater.queries.request import parse_metric_request

from .conftest import FROM, HIT, MISS, NOBODY_MATTERS, NOON, TO, Counting, MakeHost, ask, ask_each, count_of


def test_without_a_cache_each_question_is_asked(make_host: MakeHost) -> None:
    host = make_host(source=Counting())
    assert [count_of(ask(host)), count_of(ask(host))] == [1, 2]
    assert ask(host).cache is None


def test_without_a_rule_nothing_is_remembered(make_host: MakeHost) -> None:
    host = make_host(source=Counting(), options={"answer_cache": AnswerCache()})
    assert [count_of(ask(host)), count_of(ask(host))] == [1, 2]


def test_a_question_that_was_answered_is_not_asked_again(host_of: MakeHost) -> None:
    host = host_of(Counting())
    first, second = ask(host, sql="SELECT 1"), ask(host, sql="SELECT 1")
    assert (count_of(first), first.cache) == (1, MISS)
    assert (count_of(second), second.cache) == (1, HIT)


def test_what_is_remembered_is_told_without_asking_until_its_data_source_changes(host_of: MakeHost) -> None:
    host = host_of(Counting())
    uid = {"uid": "source"}
    queries = parse_metric_request({"from": FROM, "to": TO, "queries": [{"datasource": uid}]})
    assert host.remembered_answers(queries, {}) is None
    ask(host)
    (hit,) = host.remembered_answers(queries, {}) or []
    assert host.still_remembers(hit.source, hit.key, hit.answer)
    elsewhere = evolve(host.data_source("source"), uid="nowhere")
    assert not host.still_remembers(elsewhere, hit.key, hit.answer)
    host.update_data_source("source", json_data={"changed": True})
    host.query("source", {})
    assert not host.still_remembers(hit.source, hit.key, hit.answer)


def test_without_a_cache_nothing_is_remembered(make_host: MakeHost) -> None:
    assert make_host(source=Counting()).remembered_answers([], {}) is None


def test_the_order_of_keys_makes_no_other_question(host_of: MakeHost) -> None:
    host = host_of(Counting())
    ask(host, sql="SELECT 1", params=[1])
    assert ask(host, params=[1], sql="SELECT 1").cache is HIT


@pytest.mark.parametrize(
    "other",
    [
        {"sql": "SELECT 2"},
        {"params": [1]},
        {"params": ["1"]},
        {"params": [datetime(2026, 1, 1, tzinfo=UTC)]},
        {"refId": "B"},
        {"hide": True},
        {"maxDataPoints": 7},
        {"intervalMs": 7},
        {"queryType": "table"},
        {"body": {"to": str(int(NOON + 60) * 1000)}},
    ],
    ids=str,
)
def test_another_question_is_asked(host_of: MakeHost, other: dict[str, Any]) -> None:
    host = host_of(Counting())
    ask(host, sql="SELECT 1")
    assert ask(host, **{"sql": "SELECT 1", **other}).cache is MISS


def test_a_bound_time_is_no_text_like_it(host_of: MakeHost) -> None:
    host = host_of(Counting())
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    ask(host, params=[moment])
    assert ask(host, params=[moment]).cache is HIT
    assert ask(host, params=[moment.isoformat()]).cache is MISS
    assert ask(host, params=[object()]).cache is None


def test_what_may_not_be_remembered_is_asked_beside_what_may(host_of: MakeHost) -> None:
    plugin = Counting()
    host = host_of(plugin)
    for status in (MISS, HIT):
        answers = ask_each(host, {}, {"A": {}, "B": {"queryCachingTTL": 0}})
        assert {ref_id: answer.cache for ref_id, answer in answers.items()} == {"A": status, "B": None}
    assert sorted(query.ref_id for query in plugin.asked) == ["A", "B", "B"]


def test_a_query_that_its_plugin_skips_has_no_answer_to_remember(host_of: MakeHost) -> None:
    class Skipping(Counting):
        @hookimpl
        def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
            answer = super().query_data(request, context)
            return QueryDataResponse({key: each for key, each in answer.responses.items() if key != "B"})

    plugin = Skipping()
    host = host_of(plugin)
    assert list(ask_each(host, {}, {"A": {}, "B": {}})) == ["A"]
    assert list(ask_each(host, {}, {"A": {}, "B": {}})) == ["A"]
    assert [query.ref_id for query in plugin.asked] == ["A", "B", "B"]


def test_a_plugin_describes_a_question_once_while_few_are_asked(
    host_of: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Describing(Counting):
        @hookimpl
        def describe_answer(self, query: DataQuery, plugin_context: PluginContext) -> AnswerTraits | None:
            described.append(query.json["sql"])
            return NOBODY_MATTERS

    described: list[str] = []
    monkeypatch.setattr("headwater.queries.answer_cache.client._MOST_TRAITS", 2)
    host = host_of(Describing())
    for sql in "abab":
        ask(host, sql=sql)
    assert described == ["a", "b"]
    for sql in "cab":
        ask(host, sql=sql)
    assert described == ["a", "b", "c", "a", "b"]


def test_ranges_within_one_step_are_the_same_question(host_of: MakeHost) -> None:
    host = host_of(Counting())
    ask(host, intervalMs=15_000)
    moved = {"from": str(int(FROM) + 5_000), "to": str(int(TO) + 5_000)}
    assert ask(host, intervalMs=15_000, body=moved).cache is HIT


def test_errors_are_not_kept(host_of: MakeHost) -> None:
    class Failing(Counting):
        def answer(self, query: DataQuery, context: CallContext) -> DataResponse:
            super().answer(query, context)
            return DataResponse.from_error(DownstreamServerError("down"))

    plugin = Failing()
    host = host_of(plugin)
    assert str(ask(host).error) == "down"
    assert str(ask(host).error) == "down"
    assert len(plugin.asked) == 2


@pytest.mark.parametrize(
    "notice", [Notice.warning("Results have been limited to 1 row"), Notice.warning("partial response")]
)
def test_answers_that_lack_something_are_not_kept(host_of: MakeHost, notice: Notice) -> None:
    plugin = Counting()
    plugin.frame = lambda count: Frame.from_pydict({"count": [count]}).with_notice(notice)
    host = host_of(plugin)
    assert [count_of(ask(host)), count_of(ask(host))] == [1, 2]


def test_an_answer_of_other_answers_is_not_kept(host_of: MakeHost) -> None:
    class Expression(Counting):
        @hookimpl
        def describe_plugin(self) -> PluginInfo:
            return PluginInfo("source", capabilities=frozenset({"inputs"}))

    host = host_of(Expression())
    assert [count_of(ask(host)), count_of(ask(host))] == [1, 2]


def test_a_query_that_its_plugin_cannot_describe_is_not_kept(host_of: MakeHost) -> None:
    class Confused(Counting):
        @hookimpl
        def describe_answer(self, query: DataQuery, plugin_context: PluginContext) -> AnswerTraits:
            raise ValidationError("no such key", path="expr")

    host = host_of(Confused())
    assert [count_of(ask(host)), count_of(ask(host))] == [1, 2]


def test_a_caller_gets_no_more_rows_from_memory_than_the_data_source_would_give(host_of: MakeHost) -> None:
    plugin = Counting()
    plugin.frame = lambda count: Frame.from_pydict({"count": [count] * 10})
    host = host_of(plugin)
    ask(host)
    assert ask(host, CallContext(limits=QueryLimits(max_rows=5))).cache is MISS


ANNA, BEN = User(login="anna"), User(login="ben")


def headers(**values: str) -> CallContext:
    return CallContext(headers={name.replace("_", "-"): value for name, value in values.items()})


@pytest.mark.parametrize("traits", [None, AnswerTraits()], ids=["says nothing", "says: everything"])
def test_a_plugin_that_says_nothing_answers_each_caller_anew(
    host_of: MakeHost, traits: AnswerTraits | None
) -> None:
    host = host_of(Counting(traits))
    ask(host, user=ANNA)
    assert ask(host, user=ANNA).cache is HIT
    assert ask(host, user=BEN).cache is MISS
    assert ask(host, user=None).cache is MISS
    assert ask(host, headers(X_Team="red"), ANNA).cache is MISS


def test_only_what_a_plugin_names_tells_callers_apart(host_of: MakeHost) -> None:
    host = host_of(Counting(AnswerTraits(user=False, headers=("X-Team",))))
    ask(host, headers(X_Team="red", X_Other="1"), ANNA)
    assert ask(host, headers(x_team="red"), BEN).cache is HIT
    assert ask(host, headers(X_Team="blue"), ANNA).cache is MISS
    assert ask(host, headers(), ANNA).cache is MISS
