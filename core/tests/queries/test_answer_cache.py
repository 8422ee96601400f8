"""Answers remembered: whose, for how long, and how often the data source is asked."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest
from attrs import evolve

from headwater import CallContext, Frame, Headwater, QueryLimits, hookimpl
from headwater.errors import DeadlineExceededError, DownstreamServerError, QueryCanceledError, ValidationError
from headwater.frames import CacheStatus, Notice
from headwater.models import (
    AnswerSteps,
    AnswerTraits,
    DataQuery,
    DataResponse,
    PluginContext,
    PluginInfo,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
    TimeRange,
    User,
)
from headwater.queries import (
    AnswerCache,
    CacheRule,
    DataSourceRef,
    Hit,
    KeptAnswer,
    MemoryAnswerStore,
    MetricQuery,
)
from headwater.queries.answer_cache.flights import Flights
from headwater.queries.answer_cache.questions import Question
from headwater.queries.request import parse_metric_request

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


class Grouped(Counting):
    """Answers with the minutes that `times` gives for a range, all in milliseconds, as `frames` shows them;
    a query that is `plain` is not made of points of time."""

    def __init__(
        self,
        times: Callable[[int, int], Sequence[int]] = lambda first, last: range(first, last + 1, 60_000),
        frames: Callable[[Sequence[int]], tuple[Frame, ...]] = lambda times: (minutes(times),),
        **steps: Any,
    ) -> None:
        super().__init__()
        self._times = times
        self._frames = frames
        self._steps = steps

    @hookimpl
    def describe_answer(self, query: DataQuery, plugin_context: PluginContext) -> AnswerTraits:
        if query.json.get("plain"):
            return NOBODY_MATTERS
        return evolve(NOBODY_MATTERS, steps=AnswerSteps(60_000, query, **self._steps))

    def answer(self, query: DataQuery, context: CallContext) -> DataResponse:
        self.asked.append(query)
        times = self._times(query.time_range.from_ms, query.time_range.to_ms)
        return DataResponse(self._frames(times[: context.limits.max_rows]))

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The first and the last minute of each query, after `FROM`."""
        return [
            (minute_of(query.time_range.from_ms), minute_of(query.time_range.to_ms)) for query in self.asked
        ]


def minutes(times: Sequence[int | None], **columns: Sequence[Any]) -> Frame:
    return Frame.from_pydict({"t": pa.array(times, pa.timestamp("ms")), **columns})


def minute_of(time: int) -> int:
    return (time - int(FROM)) // 60_000


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


# --- what is remembered ----------------------------------------------------------------------------


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


def ask_each(
    host: Headwater, body: Mapping[str, Any], queries: Mapping[str, Mapping[str, Any]]
) -> dict[str, DataResponse]:
    """All in one request; by their ref ids."""
    asked = [{"refId": ref_id, "datasource": {"uid": "source"}, **query} for ref_id, query in queries.items()]
    return dict(host.query_data({"from": FROM, "to": TO, **body, "queries": asked}).responses)


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


def test_an_answer_is_remembered_for_its_time_to_live(host_of: MakeHost, clock: Clock) -> None:
    host = host_of(Counting(), CacheRule(ttl=30))
    ask(host)
    clock.now += 29.9
    assert ask(host).cache is HIT
    clock.now += 0.2
    assert ask(host).cache is MISS


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


def test_a_stream_comes_from_memory_too(host_of: MakeHost) -> None:
    host = host_of(Counting())
    ask(host)
    body = {"from": FROM, "to": TO, "queries": [{"refId": "A", "datasource": {"uid": "source"}}]}
    (chunk,) = host.query_chunked_data(body, CallContext())
    assert chunk.frame is not None
    assert chunk.frame.table.to_pydict() == {"count": [1]}


class Streaming(Counting):
    """Answers in two chunks, too."""

    @hookimpl
    def query_chunked_data(self, request: QueryDataRequest, context: CallContext) -> Iterator[QueryChunk]:
        for query in request.queries:
            (frame,) = self.answer(query, context).frames
            yield QueryChunk(query.ref_id, frame=frame)
            yield QueryChunk(query.ref_id, frame=frame)


def stream(host: Headwater, *ref_ids: str) -> list[QueryChunk]:
    queries = [{"refId": each, "datasource": {"uid": "source"}} for each in ref_ids]
    body = {"from": FROM, "to": TO, "queries": queries}
    return list(host.query_chunked_data(body, CallContext()))


def test_the_first_chunk_says_how_much_was_remembered(host_of: MakeHost) -> None:
    host = host_of(Streaming())
    ask(host)
    chunks = stream(host, "A", "B")
    assert [(chunk.ref_id, chunk.cache) for chunk in chunks] == [("A", HIT), ("B", MISS), ("B", None)]
    assert host.answer_cache is not None
    assert host.answer_cache.counts == {HIT: 1, STALE: 0, CacheStatus.PARTIAL: 0, MISS: 2}


def test_a_stale_answer_that_streams_is_fetched_anew(host_of: MakeHost, clock: Clock) -> None:
    host = host_of(Streaming(), CacheRule(ttl=10, stale_while_revalidate=60))
    ask(host)
    clock.now += 20
    (stale,) = stream(host, "A")
    assert stale.cache is STALE
    deadline = CallContext(timeout=PATIENCE)
    while (again := stream(host, "A")[0]).cache is not HIT:
        deadline.wait(0.01)
    assert again.frame is not None
    assert again.frame.table.to_pydict() == {"count": [2]}


QUERY = MetricQuery(
    DataSourceRef(uid="source"), DataQuery("A", time_range=TimeRange.from_epoch_ms(int(FROM), int(TO)))
)


def test_what_is_in_memory_is_had_without_waiting(host_of: MakeHost) -> None:
    host = host_of(Counting())
    host.query_data([QUERY])
    (hit,) = host.remembered_answers([QUERY], {}) or ()
    assert hit.status is HIT
    host.registry.remove("source")
    assert host.remembered_answers([QUERY], {}) is None


class Elsewhere:
    """A store that is not in this process, and keeps no forms of answers."""

    is_local = False

    def __init__(self, clock: Clock) -> None:
        self._kept = MemoryAnswerStore(clock=clock)
        self.seal_with, self.put = self._kept.seal_with, self._kept.put
        self.discard, self.close = self._kept.discard, self._kept.close

    def get(self, key: Any) -> KeptAnswer | None:
        return self._kept.get(key)


def test_what_is_kept_elsewhere_is_not_had_without_waiting(host_of: MakeHost, clock: Clock) -> None:
    host = host_of(Counting(), store=Elsewhere(clock))
    host.query_data([QUERY])
    assert host.remembered_answers([QUERY], {}) is None
    assert host.query_data([QUERY]).responses["A"].cache is HIT


def test_a_store_that_does_not_say_when_an_answer_was_made_is_taken_at_its_word(
    host_of: MakeHost, clock: Clock
) -> None:
    class Forgetful(Elsewhere):
        def get(self, key: Any) -> KeptAnswer | None:
            found = super().get(key)
            return None if found is None else evolve(found, made=None)

    host = host_of(Counting(), store=Forgetful(clock))
    ask(host, maxDataPoints=10_000, queryCachingTTL=600_000)
    clock.now += 60
    assert ask(host, maxDataPoints=10_000).cache is HIT  # though its own rule says 30 seconds
    assert ask(host, CallContext(max_age=90), maxDataPoints=10_000).cache is MISS


def test_a_form_of_an_answer_is_kept_only_where_answers_are_in_memory(clock: Clock) -> None:
    for store, forms in ((MemoryAnswerStore(clock=clock), {"json": b"[]"}), (Elsewhere(clock), {})):
        cache = AnswerCache(store=store)
        answer = KeptAnswer((), clock.now + 1, clock.now + 1)
        store.put(("key",), "source", answer)
        cache.render(Hit(("key",), "A", answer, HIT, None, 0, True), "json", b"[]")  # type: ignore[arg-type]
        assert answer.renderings == forms


# --- rules -----------------------------------------------------------------------------------------


def test_a_data_source_has_a_rule_of_its_own(host_of: MakeHost, clock: Clock) -> None:
    host = host_of(Counting())
    host.update_data_source("source", json_data={"cache": "off"})
    assert [ask(host).cache, ask(host).cache] == [None, None]
    host.update_data_source("source", json_data={"cache": {"ttl": "2m"}})
    ask(host)
    clock.now += 119
    assert ask(host).cache is HIT


def test_a_query_has_a_time_to_live_of_its_own(host_of: MakeHost, clock: Clock) -> None:
    host = host_of(Counting(), CacheRule())
    assert ask(host, queryCachingTTL=5_000).cache is MISS
    assert ask(host, queryCachingTTL=5_000).cache is HIT
    clock.now += 5.1
    assert ask(host, queryCachingTTL=5_000).cache is MISS
    assert ask(host, queryCachingTTL=0).cache is None


def test_an_embedder_says_it_with_an_option(host_of: MakeHost) -> None:
    host = host_of(Counting(), CacheRule())
    tables = [host.query("source", {}, cache_ttl=60, from_=int(FROM), to=int(TO)) for _ in range(2)]
    assert [table.table["count"][0].as_py() for table in tables] == [1, 1]


def test_a_caller_can_insist_on_a_new_answer(host_of: MakeHost) -> None:
    host = host_of(Counting())
    ask(host)
    insisted = ask(host, CallContext(skip_cache=True))
    assert (count_of(insisted), insisted.cache) == (2, None)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"time": "30s"}, "jsonData.cache.time"),
        ({"ttl": "soon"}, "jsonData.cache.ttl"),
        ({"ttl": "3d"}, "jsonData.cache.ttl"),
        ({"ttl": ["30s"]}, "jsonData.cache.ttl"),
        ({"ttl": True}, "jsonData.cache.ttl"),
        ({"staleWhileRevalidate": -1}, "jsonData.cache.staleWhileRevalidate"),
        ("often", "jsonData.cache.ttl"),
    ],
    ids=str,
)
def test_a_wrong_rule_is_refused_when_it_is_written(host_of: MakeHost, value: Any, path: str) -> None:
    host = host_of(Counting())
    with pytest.raises(ValidationError) as caught:
        host.update_data_source("source", json_data={"cache": value})
    assert caught.value.path == path


def test_a_wrong_rule_that_was_written_past_the_host_remembers_nothing(host_of: MakeHost) -> None:
    host = host_of(Counting())
    stored = host.store.get_by_uid("source")
    edited = evolve(stored, json_data={"cache": "often"}, version=stored.version + 1)
    host.store.update(edited, expected_revision=stored.revision)
    assert [ask(host).cache, ask(host).cache] == [None, None]


def test_a_stale_answer_is_given_while_a_new_one_is_fetched(host_of: MakeHost, clock: Clock) -> None:
    plugin = Counting()
    host = host_of(plugin, CacheRule(ttl=10, stale_while_revalidate=60))
    ask(host)
    clock.now += 20
    stale = ask(host)
    assert (count_of(stale), stale.cache) == (1, STALE)
    deadline = CallContext(timeout=PATIENCE)
    while (again := ask(host)).cache is not HIT:
        deadline.wait(0.01)
    assert count_of(again) == 2
    clock.now += 71
    assert ask(host).cache is MISS


def test_a_query_may_say_for_how_long_a_stale_answer_serves(host_of: MakeHost, clock: Clock) -> None:
    host = host_of(Counting(), CacheRule())
    rule: dict[str, Any] = {"queryCachingTTL": 10_000, "queryCachingStaleTTL": 60_000}
    ask(host, **rule)
    clock.now += 20
    assert ask(host, **rule).cache is STALE
    assert ask(host).cache is None


def test_an_embedder_may_say_so_too(host_of: MakeHost, clock: Clock) -> None:
    plugin = Counting()
    host = host_of(plugin, CacheRule())
    times: dict[str, Any] = {"from_": int(FROM), "to": int(TO)}
    host.query("source", {}, cache_ttl=10, cache_stale_ttl=60, **times)
    clock.now += 20
    frame = host.query("source", {}, cache_ttl=10, cache_stale_ttl=60, **times)
    assert frame.table["count"][0].as_py() == 1


def test_a_caller_may_want_a_newer_answer_than_the_rule_gives(host_of: MakeHost, clock: Clock) -> None:
    host = host_of(Counting(), CacheRule(ttl=30, stale_while_revalidate=600))
    ask(host)
    clock.now += 20
    assert ask(host, CallContext(max_age=21)).cache is HIT
    assert count_of(ask(host, CallContext(max_age=19))) == 2
    clock.now += 29
    kept = ask(host)  # by the rule, whoever asked for it
    assert (count_of(kept), kept.cache) == (2, HIT)


def test_a_caller_gets_no_older_answer_than_the_rule_gives(host_of: MakeHost, clock: Clock) -> None:
    host = host_of(Counting(), CacheRule(ttl=30))
    ask(host)
    clock.now += 31
    assert ask(host, CallContext(max_age=3600, max_stale=3600)).cache is MISS


def test_a_caller_may_take_an_older_answer_while_a_newer_one_is_fetched(
    host_of: MakeHost, clock: Clock
) -> None:
    host = host_of(Counting(), CacheRule(ttl=30))
    ask(host)
    clock.now += 20
    stale = ask(host, CallContext(max_age=10, max_stale=15))
    assert (count_of(stale), stale.cache) == (1, STALE)
    deadline = CallContext(timeout=PATIENCE)
    while (again := ask(host, CallContext(max_age=10, max_stale=15))).cache is not HIT:
        deadline.wait(0.01)
    assert count_of(again) == 2


# --- edits -----------------------------------------------------------------------------------------


def test_an_edit_empties_what_is_kept_of_a_data_source(host_of: MakeHost) -> None:
    host = host_of(Counting())
    ask(host)
    assert host.answer_cache is not None
    store = host.answer_cache.store
    assert isinstance(store, MemoryAnswerStore)
    assert len(store) == 1
    host.update_data_source("source", url="http://elsewhere")
    assert (len(store), store.size) == (0, 0)
    assert ask(host).cache is MISS


def test_an_edit_by_another_host_of_the_store_counts_as_soon_as_it_is_seen(host_of: MakeHost) -> None:
    host = host_of(Counting())
    ask(host)
    stored = host.store.get_by_uid("source")
    edited = evolve(stored, url="http://elsewhere", version=stored.version + 1)
    host.store.update(edited, expected_revision=stored.revision)
    assert ask(host).cache is MISS


def test_a_long_query_is_remembered_without_its_text(host_of: MakeHost, clock: Clock) -> None:
    store = MemoryAnswerStore(clock=clock)
    host = host_of(Counting(), store=store)
    text = "x" * 1_000_000
    assert ask(host, text=text).cache is MISS
    assert ask(host, text=text).cache is HIT
    assert ask(host, text=f"{text}y").cache is MISS
    assert ask(host, queryType=text).cache is MISS
    assert max(len(repr(key)) for key in store._kept) < 2_000


def test_nobody_gets_an_older_answer_than_its_own_rule_allows(host_of: MakeHost, clock: Clock) -> None:
    host = host_of(Counting())

    def ask_finely(**query: Any) -> CacheStatus | None:
        return ask(host, maxDataPoints=10_000, **query).cache

    assert ask_finely(queryCachingTTL=600_000) is MISS
    clock.now += 29
    assert ask_finely() is HIT
    clock.now += 1
    assert ask_finely(queryCachingTTL=600_000) is HIT
    assert ask_finely() is MISS


def test_a_time_to_live_beyond_any_float_is_the_longest(host_of: MakeHost) -> None:
    host = host_of(Counting(), CacheRule())
    for number, kept in ((10**400, HIT), (-(10**400), None)):
        ask(host, queryCachingTTL=number)
        assert ask(host, queryCachingTTL=number).cache is kept
    with pytest.raises(ValidationError, match="one day"):
        CacheRule.from_settings(10**400)


# --- parts of a range ------------------------------------------------------------------------------


def minutes_of(answer: DataResponse) -> list[int]:
    (frame,) = answer.frames
    times: list[int] = frame.table.column(0).cast(pa.int64()).to_pylist()
    return list(map(minute_of, times))


def range_of(first: float, last: float) -> dict[str, str]:
    return {key: str(int(FROM) + int(60_000 * minute)) for key, minute in (("from", first), ("to", last))}


def ask_minutes(
    host: Headwater, first: float, last: float, context: CallContext | None = None
) -> DataResponse:
    return ask(host, context, body=range_of(first, last))


def test_a_part_with_rows_of_another_part_is_asked_for_as_a_whole(host_of: MakeHost, clock: Clock) -> None:
    def one_too_many(first: int, last: int) -> Sequence[int]:
        is_part = last - first < 600_000
        return range(first - 60_000 * is_part, last + 1, 60_000)

    host = host_of(Grouped(one_too_many, rows=True))
    clock.now += 3600
    ask_minutes(host, 0, 20)
    assert minutes_of(ask_minutes(host, 5, 25)) == list(range(5, 26))


def test_a_window_without_points_has_none_of_the_one_before(host_of: MakeHost, clock: Clock) -> None:
    host = host_of(Grouped(lambda first, last: [int(FROM)] if first <= int(FROM) else [], rows=False))
    clock.now += 3600
    assert minutes_of(ask_minutes(host, 0.5, 21)) == [0]
    assert minutes_of(ask_minutes(host, 1, 21.5)) == []


def test_a_window_that_begins_earlier_asks_for_what_is_before(host_of: MakeHost, clock: Clock) -> None:
    plugin = Grouped()
    host = host_of(plugin)
    clock.now += 3600
    ask_minutes(host, 10, 30)
    earlier = ask_minutes(host, 0, 20)
    assert (minutes_of(earlier), earlier.cache) == (list(range(21)), CacheStatus.PARTIAL)
    assert plugin.ranges == [(10, 30), (0, 9)]


def test_parts_that_together_are_too_many_rows_are_asked_for_as_a_whole(
    host_of: MakeHost, clock: Clock
) -> None:
    plugin = Grouped()
    host = host_of(plugin)
    clock.now += 3600
    ask_minutes(host, 0, 20)
    cut = ask_minutes(host, 5, 25, CallContext(limits=QueryLimits(max_rows=10)))
    assert (minutes_of(cut), cut.cache) == (list(range(5, 15)), MISS)
    assert plugin.ranges == [(0, 20), (21, 25), (5, 25)]


@pytest.mark.parametrize(
    ("frames", "steps"),
    [
        (lambda times: (minutes(times), minutes(times)), {"rows": True}),
        (lambda times: (Frame.from_pydict({"t": list(times)}),), {}),
        (lambda times: (minutes([*times[1:], None]),), {}),
        (lambda times: (minutes(times, word=list(map(str, times))),), {"wide": True}),
    ],
    ids=["two frames of rows", "numbers", "no time", "no series"],
)
def test_what_is_not_made_of_points_of_time_as_it_was_said_is_asked_for_as_a_whole(
    host_of: MakeHost, clock: Clock, frames: Any, steps: dict[str, Any]
) -> None:
    plugin = Grouped(frames=frames, **steps)
    host = host_of(plugin)
    clock.now += 3600
    for first, last in ((0, 20), (5, 25)):
        answer = ask_minutes(host, first, last)
        times = range_of(first, last)
        expected = frames(range(int(times["from"]), int(times["to"]) + 1, 60_000))
        assert answer.cache is MISS
        assert [frame.table for frame in answer.frames] == [frame.table for frame in expected]
        assert plugin.ranges[-1] == (first, last)


def test_a_part_is_told_from_a_query_that_has_a_name_like_it(host_of: MakeHost, clock: Clock) -> None:
    plugin = Grouped()
    host = host_of(plugin)
    clock.now += 3600
    ask_minutes(host, 0, 20)
    answers = ask_each(host, range_of(5, 25), {"A": {}, "A#0": {"plain": True}})
    assert [minutes_of(answers[ref_id]) for ref_id in ("A", "A#0")] == [list(range(5, 26))] * 2
    assert [query.ref_id for query in plugin.asked[1:]] == ["A#0", "A#0#"]


# --- whose -----------------------------------------------------------------------------------------

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


# --- single flight ---------------------------------------------------------------------------------


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


def test_pyarrow_buffers_of_a_kept_answer_are_counted_once() -> None:
    from headwater.queries.answer_cache.kept import size_of

    column = pa.array(range(100_000), pa.int64())
    slices = [Frame(pa.table({"n": column.slice(start, 1000)})) for start in range(0, 100_000, 1000)]
    assert 800_000 < size_of(slices) < 1_100_000
