"""For how long an answer is remembered: rules of hosts, data sources, queries and callers."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from headwater import CallContext
from headwater.errors import ValidationError
from headwater.frames import CacheStatus
from headwater.queries import CacheRule

from .conftest import FROM, HIT, MISS, PATIENCE, STALE, TO, Clock, Counting, MakeHost, ask, count_of


def test_an_answer_is_remembered_for_its_time_to_live(host_of: MakeHost, clock: Clock) -> None:
    host = host_of(Counting(), CacheRule(ttl=30))
    ask(host)
    clock.now += 29.9
    assert ask(host).cache is HIT
    clock.now += 0.2
    assert ask(host).cache is MISS


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
