"""Answers that are kept: as streams, in memory and elsewhere, and until an edit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from attrs import evolve

from headwater import CallContext, Frame, Headwater, hookimpl
from headwater.frames import CacheStatus
from headwater.models import DataQuery, QueryChunk, QueryDataRequest, TimeRange
from headwater.queries import (
    AnswerCache,
    CacheRule,
    DataSourceRef,
    Hit,
    KeptAnswer,
    MemoryAnswerStore,
    MetricQuery,
)

from .conftest import FROM, HIT, MISS, PATIENCE, STALE, TO, Clock, Counting, MakeHost, ask


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


def test_pyarrow_buffers_of_a_kept_answer_are_counted_once() -> None:
    from headwater.queries.answer_cache.kept import size_of

    column = pa.array(range(100_000), pa.int64())
    slices = [Frame(pa.table({"n": column.slice(start, 1000)})) for start in range(0, 100_000, 1000)]
    assert 800_000 < size_of(slices) < 1_100_000
