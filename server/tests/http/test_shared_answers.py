"""Answers that several hosts share, in a real Valkey or Redis."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from headwater import Headwater
from headwater.errors import HeadwaterError, ValidationError
from headwater.frames import CacheStatus
from headwater.models import DataResponse
from headwater.queries import AnswerCache, CacheRule, RedisAnswerStore
from headwater.secrets import InMemoryKeySource, KeySource, LocalKey, RemoteKey, RemoteKeySource
from headwater_server.store import SqlStore
from servers.redis import PASSWORD, RedisServer, start_redis

HIT, MISS = CacheStatus.HIT, CacheStatus.MISS


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with start_redis() as running:
        yield running


@pytest.fixture
def bare(server: RedisServer) -> Iterator[Any]:
    """What somebody sees who holds the server."""
    client = redis.Redis(port=server.port, password=PASSWORD)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def keys() -> KeySource:
    source = InMemoryKeySource()
    source.create("shared")
    return source


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with closing(SqlStore.open(f"sqlite:///{tmp_path}/headwater.db")) as opened:
        yield opened


def host(server: RedisServer, store: SqlStore, keys: KeySource) -> Headwater:
    cache = AnswerCache(CacheRule(ttl=60), store=RedisAnswerStore(server.url))
    return Headwater(store, key_sources=[keys], answer_cache=cache, allow_plugins={"testdata"})


def ask(headwater: Headwater, **query: Any) -> DataResponse:
    asked = {
        "refId": "A",
        "datasource": {"uid": "demo"},
        "scenario": "random_walk",
        "seriesCount": 3,
        **query,
    }
    body = {"from": "1700000000000", "to": "1700003600000", "queries": [asked]}
    return headwater.query_data(body).responses["A"]


@pytest.fixture
def pair(
    server: RedisServer, bare: Any, store: SqlStore, keys: KeySource
) -> Iterator[tuple[Headwater, Headwater]]:
    """Two hosts of one store, as two processes on one database are."""
    with host(server, store, keys) as one, host(server, store, keys) as other:
        one.add_data_source("Demo", type="testdata", uid="demo")
        yield one, other


def test_what_one_host_was_told_the_other_knows(pair: tuple[Headwater, Headwater]) -> None:
    one, other = pair
    first, second = ask(one, refId="A", labels="city=Basel"), ask(other, refId="A", labels="city=Basel")
    assert (first.cache, second.cache) == (MISS, HIT)
    for ours, theirs in zip(first.frames, second.frames, strict=True):
        assert ours.equals(theirs)
        assert (ours.name, ours.meta) == (theirs.name, theirs.meta)


def test_the_server_holds_neither_rows_nor_questions(pair: tuple[Headwater, Headwater], bare: Any) -> None:
    secret = "Zürich-Hardbrücke"
    ask(pair[0], scenario="csv", csvContent=f"station\n{secret}\n")
    (name,) = bare.keys()
    held = name + bare.get(name)
    for word in (secret.encode(), b"station", b"csv", b"demo", b"ARROW"):
        assert word not in held


@pytest.mark.parametrize("place", [0, 5, 40, 100, -1])
def test_bytes_that_were_changed_are_no_answer(
    pair: tuple[Headwater, Headwater], bare: Any, place: int
) -> None:
    one, other = pair
    ask(one)
    (name,) = bare.keys()
    held = bytearray(bare.get(name))
    held[place] ^= 1
    bare.set(name, bytes(held))
    assert ask(other).cache is MISS


def test_an_answer_in_anothers_place_is_no_answer(pair: tuple[Headwater, Headwater], bare: Any) -> None:
    one, other = pair
    ask(one, seed=1)
    (name,) = bare.keys()
    held = bare.get(name)
    ask(one, seed=2)
    for each in bare.scan_iter():
        bare.set(each, held)
    assert [ask(other, seed=1).cache, ask(other, seed=2).cache] == [HIT, MISS]


def test_a_host_with_other_keys_reads_nothing(
    pair: tuple[Headwater, Headwater], server: RedisServer, tmp_path: Path
) -> None:
    ask(pair[0])
    stranger_keys = InMemoryKeySource()
    stranger_keys.create("other")
    with (
        closing(SqlStore.open(f"sqlite:///{tmp_path}/other.db")) as store,
        host(server, store, stranger_keys) as stranger,
    ):
        stranger.add_data_source("Demo", type="testdata", uid="demo")
        assert ask(stranger).cache is MISS


def test_an_edit_empties_the_part_of_its_data_source_for_all(
    pair: tuple[Headwater, Headwater], bare: Any
) -> None:
    one, other = pair
    one.add_data_source("Second", type="testdata", uid="second")
    ask(one)
    ask(one, datasource={"uid": "second"})
    assert len(bare.keys()) == 2
    one.update_data_source("demo", url="http://new.example")
    assert len(bare.keys()) == 1
    other._cache.clear()  # what its watch over the store's revision does within a second
    assert ask(other).cache is MISS
    assert ask(other, datasource={"uid": "second"}).cache is HIT


def test_nothing_is_kept_while_the_keys_service_does_not_answer(
    server: RedisServer, bare: Any, store: SqlStore
) -> None:
    key, answers_now = LocalKey("kms", bytes(32)), True

    def wrap(plaintext: bytes, aad: bytes) -> bytes:
        if not answers_now:
            raise ConnectionError
        return key.wrap(plaintext, aad)

    with host(server, store, RemoteKeySource([RemoteKey("kms", wrap, key.unwrap)])) as headwater:
        headwater.add_data_source("Demo", type="testdata", uid="demo")
        answers_now = False
        answers = [ask(headwater) for _ in range(2)]
    assert [(answer.error, answer.cache) for answer in answers] == [(None, MISS)] * 2
    assert bare.keys() == []


def test_an_answer_of_more_than_16_mib_is_not_kept(pair: tuple[Headwater, Headwater], bare: Any) -> None:
    large = {"scenario": "csv", "csvContent": "word\n" + f"{'x' * 1023}\n" * 2**14}
    answers = [ask(pair[0], **large) for _ in range(2)]
    assert [(answer.error, answer.cache) for answer in answers] == [(None, MISS)] * 2
    assert bare.keys() == []


def test_queries_go_on_without_the_server(store: SqlStore, keys: KeySource) -> None:
    with start_redis() as mortal, host(mortal, store, keys) as headwater:
        headwater.add_data_source("Demo", type="testdata", uid="demo")
        ask(headwater)
        mortal.process.process.kill()
        mortal.process.process.wait()
        assert [ask(headwater).cache for _ in range(3)] == [MISS] * 3


def test_answers_end_at_the_server_when_they_are_stale(pair: tuple[Headwater, Headwater], bare: Any) -> None:
    ask(pair[0])
    (name,) = bare.keys()
    assert 0 < bare.ttl(name) <= 60


def test_without_its_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(HeadwaterError, match=r"pip install 'headwater\[redis\]'"):
        RedisAnswerStore("redis://localhost")


@pytest.mark.parametrize("url", ["http://example.org", "redis://:p4ssw0rd@[bad"])
def test_a_wrong_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RedisAnswerStore(url)
    assert "p4ssw0rd" not in str(caught.value)
