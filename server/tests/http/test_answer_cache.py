"""Answers remembered, as clients see it: headers, what skips memory, what a token may not see."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from headwater import Headwater
from headwater.queries import AnswerCache, CacheRule, MemoryAnswerStore
from headwater_server.http import create_app
from headwater_server.http.responses import OTHER_FORMS
from servers.http_host import RunningHost, admin_authenticator, eventually, run_host
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer

RANGE = {"from": "1700000000000", "to": "1700003600000"}


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    authenticator, admin = admin_authenticator()
    with Headwater(allow_plugins={"testdata"}, answer_cache=AnswerCache(CacheRule(ttl=60))) as headwater:
        headwater.add_data_source(type="testdata", name="Demo", uid="demo")
        headwater.add_data_source(type="testdata", name="Off", uid="off", json_data={"cache": "off"})
        with run_host(create_app(headwater, authenticator=authenticator), admin) as running:
            yield running


def body(*ref_ids: str, uid: str = "demo", **query: Any) -> dict[str, Any]:
    query = {"scenario": "random_walk", "datasource": {"uid": uid}, **query}
    return {**RANGE, "queries": [{"refId": ref_id, **query} for ref_id in ref_ids or ("A",)]}


def ask(host: RunningHost, request: dict[str, Any], **headers: str) -> httpx2.Response:
    with host.client() as client:
        return client.post("/api/ds/query", json=request, headers=headers)


def test_the_answer_says_how_much_of_it_was_remembered(host: RunningHost) -> None:
    first, second = ask(host, body(seed=1)), ask(host, body(seed=1))
    assert [first.headers["x-cache"], second.headers["x-cache"]] == ["miss", "hit"]
    assert first.json() == second.json()


def test_each_query_of_a_request_counts(host: RunningHost) -> None:
    ask(host, body("A", seed=2))
    both = ask(host, body("A", "B", seed=2))
    assert both.headers["x-cache"] == "partial"
    again = ask(host, body("A", "B", seed=2))
    assert again.headers["x-cache"] == "hit"
    assert again.json() == both.json()
    assert again.json()["results"]["B"]["frames"][0]["schema"]["refId"] == "B"


@pytest.mark.parametrize(
    "header",
    [
        ("Cache-Control", "no-cache"),
        ("Cache-Control", "max-age=0"),  # what a page's `fetch` sends for `cache: "no-cache"`
        ("Cache-Control", "private, No-Store"),
        ("X-Grafana-NoCache", "true"),
        ("X-Cache-Skip", "true"),
    ],
)
def test_a_client_can_insist_on_a_new_answer(host: RunningHost, header: tuple[str, str]) -> None:
    ask(host, body(seed=3))
    assert "x-cache" not in ask(host, body(seed=3), **dict([header])).headers


def test_a_client_may_say_how_old_an_answer_may_be() -> None:
    """As far as the rule allows, and whatever another client takes."""
    moved = 0.0
    cache = AnswerCache(CacheRule(ttl=60), clock=lambda: time.time() + moved)
    authenticator, admin = admin_authenticator()
    with Headwater(allow_plugins={"testdata"}, answer_cache=cache) as headwater:
        headwater.add_data_source(type="testdata", name="Demo", uid="demo")
        with run_host(create_app(headwater, authenticator=authenticator), admin) as host:

            def cached(control: str, accept: str = "application/json") -> str:
                headers = {"Cache-Control": control, "Accept": accept}
                return str(ask(host, body(seed=1), **headers).headers["x-cache"])

            assert cached("max-age=30") == "miss"
            moved = 20.0
            assert [cached("max-age=30") for _ in range(3)] == ["hit"] * 3  # the last as ready bytes
            assert cached("max-age=10", "text/csv") == "miss"
            assert cached("max-age=soon") == "hit"
            moved = 50.0
            assert cached("max-age=10, max-stale=100") == "stale"
            # Only once the newer answer is there: kept after the next move, it would be fresh.
            assert eventually(lambda: cached("max-age=10, max-stale=100") == "hit")
            moved = 200.0
            assert cached("max-age=9999, max-stale=9999") == "miss"


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_forms_whose_rows_stream_say_so_too(host: RunningHost, form: str) -> None:
    request = body(seed=8, format="long", uid="demo")
    asked = body(seed=9, format="long", uid="demo")
    ask(host, request)
    remembered, streamed = ask(host, request, Accept=form), ask(host, asked, Accept=form)
    assert [answer.headers["x-cache"] for answer in (remembered, streamed)] == ["hit", "miss"]
    assert "x-cache" not in ask(host, body(uid="off"), Accept=form).headers


def test_of_several_queries_that_stream_nothing_is_said(host: RunningHost) -> None:
    ask(host, body("A", seed=10))
    assert "x-cache" not in ask(host, body("A", "B", seed=10), Accept="text/jsonl").headers


def test_a_data_source_may_remember_nothing(host: RunningHost) -> None:
    answers = [ask(host, body(uid="off")) for _ in range(2)]
    assert all("x-cache" not in answer.headers for answer in answers)


def test_large_answers_and_other_forms_come_from_memory_too(host: RunningHost) -> None:
    request = body(scenario="streaming_rows", rows=50_000)
    first, second = ask(host, request), ask(host, request)
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
    assert first.content == second.content
    lines = ask(host, request, Accept="text/jsonl")
    assert lines.status_code == 200


def test_an_edit_empties_what_is_remembered(host: RunningHost) -> None:
    ask(host, body(seed=4))
    with host.client() as client:
        stored = client.get("/api/datasources/uid/demo").json()
        changed = client.put("/api/datasources/uid/demo", json={**stored, "url": "http://new.example"})
        assert changed.status_code == 200, changed.text
    assert ask(host, body(seed=4)).headers["x-cache"] == "miss"


def test_who_may_not_query_gets_nothing_from_memory(host: RunningHost) -> None:
    ask(host, body(seed=5))
    with host.client("") as stranger:
        assert stranger.post("/api/ds/query", json=body(seed=5)).status_code == 401


def test_a_token_for_another_data_source_gets_nothing_from_memory(host: RunningHost) -> None:
    ask(host, body(seed=7))
    other = host.token("other", "datasources:query:off")
    with host.client(other) as client:
        assert client.post("/api/ds/query", json=body(seed=7)).status_code == 403


def test_metrics_count_answers(host: RunningHost) -> None:
    ask(host, body(seed=6))
    ask(host, body(seed=6))
    with host.client() as client:
        text = client.get("/metrics").text
    assert 'headwater_answer_cache_answers_total{status="hit"}' in text
    size = next(line for line in text.splitlines() if line.startswith("headwater_answer_cache_bytes "))
    assert float(size.split()[1]) > 0


# --- MariaDB ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mariadb() -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        yield server


def test_sixty_four_clients_with_one_question_are_one_query_of_the_database(mariadb: DatabaseServer) -> None:
    authenticator, admin = admin_authenticator()
    cache = AnswerCache(CacheRule(ttl=60), max_bytes=1_000_000)
    with Headwater(answer_cache=cache) as headwater:
        headwater.add_data_source(
            "shop", type="mysql", uid="shop", url=f"127.0.0.1:{mariadb.port}", user=mariadb.user,
            secure_json_data={"password": mariadb.password},
        )  # fmt: skip
        with run_host(create_app(headwater, authenticator=authenticator), admin) as host:
            slow = body(uid="shop", rawSql="SELECT SLEEP(0.5), 1 AS one", format="table")
            for _ in range(3):
                before = selects(headwater)
                answers = asyncio.run(at_once(host, slow, 64))
                asked = selects(headwater) - before
                assert {answer.status_code for answer in answers} == {200}
                assert len({answer.content for answer in answers}) == 1
                assert asked == 1
                headwater.update_data_source("shop", database="")  # empties its part
    assert isinstance(cache.store, MemoryAnswerStore)
    assert cache.store.size <= 1_000_000


async def at_once(host: RunningHost, request: dict[str, Any], clients: int) -> list[httpx2.Response]:
    with ThreadPoolExecutor(clients) as pool:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(pool, ask, host, request) for _ in range(clients)))


def selects(headwater: Headwater) -> int:
    """How many SELECT statements the server has run."""
    status = headwater.query("shop", "SHOW GLOBAL STATUS LIKE 'Com_select'", cache_ttl=0)
    return int(status.table.column(1)[0].as_py())
