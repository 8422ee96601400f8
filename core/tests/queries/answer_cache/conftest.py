"""Hosts that remember answers, plugins that count what they are asked, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from headwater import CallContext, Frame, Headwater, hookimpl
from headwater.frames import CacheStatus
from headwater.models import (
    AnswerTraits,
    DataQuery,
    DataResponse,
    PluginContext,
    QueryDataRequest,
    QueryDataResponse,
    User,
)
from headwater.queries import AnswerCache, CacheRule

MakeHost = Callable[..., Headwater]
HIT, STALE, MISS = CacheStatus.HIT, CacheStatus.STALE, CacheStatus.MISS
NOON = 1_767_268_800.0
NOBODY_MATTERS = AnswerTraits(user=False, headers=())
FROM, TO = str(int(NOON - 3600) * 1000), str(int(NOON) * 1000)
PATIENCE = 10.0


class Counting:
    """Answers with the number of queries it has been asked so far."""

    def __init__(self, traits: AnswerTraits | None = NOBODY_MATTERS) -> None:
        self.traits = traits
        self.asked: list[DataQuery] = []
        self.frame: Callable[[int], Frame] = lambda count: Frame.from_pydict({"count": [count]})

    @hookimpl
    def describe_answer(self, query: DataQuery, plugin_context: PluginContext) -> AnswerTraits | None:
        return self.traits

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        return QueryDataResponse({query.ref_id: self.answer(query, context) for query in request.queries})

    def answer(self, query: DataQuery, context: CallContext) -> DataResponse:
        self.asked.append(query)
        return DataResponse((self.frame(len(self.asked)),))


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def host_of(make_host: MakeHost, clock: Clock) -> Callable[..., Headwater]:
    def make(plugin: object, rule: CacheRule | None = None, **options: Any) -> Headwater:
        cache = AnswerCache(rule or CacheRule(ttl=30), clock=clock, **options)
        return make_host(source=plugin, options={"answer_cache": cache})

    return make


def ask(
    host: Headwater,
    context: CallContext | None = None,
    user: User | None = None,
    *,
    body: Mapping[str, Any] | None = None,
    **query: Any,
) -> DataResponse:
    whole = {"refId": "A", "datasource": {"uid": "source"}, **query}
    answer = host.query_data({"from": FROM, "to": TO, **(body or {}), "queries": [whole]}, context, user=user)
    return answer.responses[whole["refId"]]


def count_of(response: DataResponse) -> int:
    assert response.error is None
    count: int = response.frames[0].table["count"][0].as_py()
    return count


def ask_each(
    host: Headwater, body: Mapping[str, Any], queries: Mapping[str, Mapping[str, Any]]
) -> dict[str, DataResponse]:
    """All in one request; by their ref ids."""
    asked = [{"refId": ref_id, "datasource": {"uid": "source"}, **query} for ref_id, query in queries.items()]
    return dict(host.query_data({"from": FROM, "to": TO, **body, "queries": asked}).responses)
