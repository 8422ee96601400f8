"""The memory that remembered answers take: never more than its bound, and the least used goes first."""

from __future__ import annotations

from collections import OrderedDict

import pyarrow as pa
from hypothesis import given, settings, strategies as st

from headwater import Frame
from headwater.frames import CacheStatus
from headwater.queries import AnswerCache, Hit, KeptAnswer, MemoryAnswerStore
from headwater.queries.answer_cache.kept import size_of
from headwater.queries.answer_cache.memory import entry_size

BOUND = 100_000


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def answer(rows: int, *, until: float = 1e12) -> KeptAnswer:
    return KeptAnswer((Frame(pa.table({"n": pa.array(range(rows), pa.int64())})),), until, until)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 9), st.integers(0, 4000)),
        st.tuples(st.just("get"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("render"), st.integers(0, 9), st.integers(0, 60_000)),
        st.tuples(st.just("discard"), st.integers(0, 2), st.just(0)),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(steps=STEPS)
def test_whatever_is_kept_read_and_forgotten_stays_within_the_bound(
    steps: list[tuple[str, int, int]],
) -> None:
    store = MemoryAnswerStore(BOUND, clock=Clock())
    cache = AnswerCache(store=store)
    used: OrderedDict[int, KeptAnswer] = OrderedDict()
    for step, number, size in steps:
        key, uid = (number,), f"source {number % 3}"
        if step == "put":
            used.pop(number, None)
            used[number] = answer(size)
            store.put(key, uid, used[number])
        elif step == "get" and store.get(key) is not None:
            used.move_to_end(number)
        elif step == "render" and (kept := store.get(key)) is not None:
            used.move_to_end(number)
            hit = Hit(key, "A", kept, CacheStatus.HIT, None, 0, True)  # type: ignore[arg-type]
            cache.render(hit, "json A", b"x" * size)
        elif step == "discard":
            store.discard(f"source {number}")
            used = OrderedDict((each, kept) for each, kept in used.items() if each % 3 != number)
        present = [each for each in used if store._kept.get((each,), (None,))[0] is used[each]]
        assert store.size == sum(used[each].size + entry_size((each,)) for each in present) <= BOUND
        assert present == list(used)[-len(present) :] or len(present) < len(used)
    store.close()
    assert (store.size, len(store)) == (0, 0)


def test_the_least_recently_used_goes_first() -> None:
    store = MemoryAnswerStore(BOUND, clock=Clock())
    for number in range(4):
        store.put((number,), "source", answer(2500))
    assert store.get((0,)) is not None
    store.put((4,), "source", answer(2500))
    assert [number for number in range(5) if store.get((number,)) is not None] == [0, 2, 3, 4]
    assert store.evictions == 1


def test_an_answer_that_would_push_out_most_others_is_not_kept() -> None:
    store = MemoryAnswerStore(BOUND, clock=Clock())
    store.put((0,), "source", answer(10))
    store.put((1,), "source", answer(10_000))
    assert store.get((1,)) is None
    assert store.get((0,)) is not None


def test_a_form_without_room_or_of_an_answer_that_was_replaced_is_not_kept() -> None:
    store = MemoryAnswerStore(BOUND, clock=Clock())
    old, new = answer(10), answer(10)
    store.put((0,), "source", new)
    before = store.size
    store.render((0,), old, "json", b"[]")
    store.render((1,), new, "json", b"[]")
    store.render((0,), new, "json", b"x" * BOUND)
    assert (old.renderings, new.renderings, store.size) == ({}, {}, before)
    store.render((0,), new, "json", b"[]")
    assert (new.renderings, store.size) == ({"json": b"[]"}, before + 2)


def test_answers_without_frames_and_their_questions_count() -> None:
    store = MemoryAnswerStore(BOUND, clock=Clock())
    for number in range(1000):
        store.put((number, "x" * 1000), "source", KeptAnswer((), 1e12, 1e12))
    assert 0 < len(store) < BOUND // 1000


def test_what_is_past_its_time_is_forgotten_when_it_is_looked_for() -> None:
    clock = Clock()
    store = MemoryAnswerStore(BOUND, clock=clock)
    store.put((0,), "source", answer(10, until=clock.now + 5))
    clock.now += 5
    assert store.get((0,)) is None
    assert store.size == 0


def test_labels_and_dictionaries_count() -> None:
    words = pa.array([f"word {number}" for number in range(1000)]).dictionary_encode()
    assert size_of([Frame(pa.table({"w": words}))]) > 12_000
    labelled = Frame.from_pydict({"n": [1]}, labels={"n": {"text": "x" * 10_000}})
    assert size_of([labelled]) > 10_000
