"""What lies ready for a request that came before is given to whoever may have it, and to nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from headwater import CallContext, Frame, Headwater, hookimpl
from headwater.models import (
    AnswerTraits,
    DataQuery,
    DataResponse,
    PluginContext,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.plugins import CorePlugin, InMemoryRegistry
from headwater.queries import AnswerCache, CacheRule
from headwater_server.auth import CallerLimits
from headwater_server.http import HttpOptions, create_app
from servers.http_host import ListedAudit, RunningHost, admin_authenticator, run_host

BODY = {
    "from": "1700000000000",
    "to": "1700003600000",
    "queries": [{"refId": "A", "datasource": {"uid": "demo"}, "scenario": "random_walk"}],
}


class Watched:
    """A host, and how many of its answers lay ready."""

    def __init__(self, host: RunningHost, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host = host
        self.given = 0
        ready = host.app.host.ready_answers
        render = ready.render

        def count(request: Any) -> bytes | None:
            self.given += 1
            return render(request)

        monkeypatch.setattr(ready, "render", count)
        for _ in range(20):  # fetched, remembered, ready
            answer = self.ask()
            if self.given:
                break
        assert answer.headers["x-cache"] == "hit"
        assert self.given == 1
        self.answer = answer

    def ask(self, token: str | None = None, **headers: str) -> httpx2.Response:
        with self.host.client(token) as client:
            return client.post("/api/ds/query", json=BODY, headers=headers)


def hosts(**options: Any) -> Iterator[RunningHost]:
    authenticator, admin = admin_authenticator()
    remembering = AnswerCache(CacheRule(ttl=600))
    with Headwater(allow_plugins={"testdata"}, answer_cache=remembering, cache_ttl=600) as headwater:
        headwater.add_data_source(type="testdata", name="Demo", uid="demo")
        headwater.add_data_source(type="testdata", name="Other", uid="other")
        with run_host(create_app(headwater, authenticator=authenticator, **options), admin) as running:
            yield running


@pytest.fixture(autouse=True)
def _tokens_are_known_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater_server.auth.authenticator._CACHE_SECONDS", 600.0)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    for host in hosts(options=HttpOptions(body_timeout=0.3)):
        yield Watched(host, monkeypatch)


def test_it_is_the_same_answer_with_the_same_headers(watched: Watched) -> None:
    again, skipped = watched.ask(), watched.ask(**{"Cache-Control": "no-cache"})
    assert again.json() == skipped.json()
    assert watched.given == 2
    its_own = {"x-cache", "x-request-id", "date"}
    assert {*again.headers} - its_own == {*skipped.headers} - its_own
    assert again.headers["content-type"] == skipped.headers["content-type"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Accept": "text/jsonl"}, 200),
        ({"X-Grafana-NoCache": "true"}, 200),
        ({"X-Datasource-Uid": "other"}, None),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
    ],
)
def test_a_request_that_says_something_else_is_another_one(
    watched: Watched, headers: dict[str, str], status: int | None
) -> None:
    answer = watched.ask(**headers)
    assert watched.given == 1
    assert answer.status_code == status or status is None
    # Another form is made from the same memory, as others are.
    assert answer.headers.get("x-cache") == ("hit" if "Accept" in headers else None)


def test_any_caller_who_may_gets_it_and_headers_of_no_meaning_do_not_matter(watched: Watched) -> None:
    other = watched.host.token("other", "datasources:query:demo")
    answers = [watched.ask(other, **{"X-Request-Id": f"r{number}", "User-Agent": "x"}) for number in range(2)]
    assert [answer.content for answer in answers] == [watched.answer.content] * 2
    assert answers[1].headers["x-request-id"] == "r1"
    assert watched.given == 2  # the first time its token was looked up


def test_a_token_that_may_not_is_refused(watched: Watched) -> None:
    other = watched.host.token("other", "datasources:query:other")
    assert [watched.ask(other).status_code for _ in range(3)] == [403, 403, 403]


def test_a_revoked_token_is_refused_at_once(watched: Watched) -> None:
    token = watched.host.token("short", "datasources:query:demo")
    assert [watched.ask(token).status_code for _ in range(2)] == [200, 200]
    authenticator = watched.host.app.host.authenticator
    authenticator.tokens.revoke("short")
    authenticator.forget()
    assert watched.ask(token).status_code == 401


def test_a_token_ends_when_it_expires(watched: Watched) -> None:
    from datetime import UTC, datetime, timedelta

    soon = datetime.now(UTC) + timedelta(seconds=2)
    token = watched.host.token("short", "datasources:query:demo", expires=soon)
    assert [watched.ask(token).status_code for _ in range(2)] == [200, 200]
    time.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()) + 0.01)
    assert watched.ask(token).status_code == 401


def test_nobody_and_who_sends_two_tokens_are_refused(watched: Watched) -> None:
    assert watched.ask("").status_code == 401
    assert watched.ask("wrong").status_code == 401
    with watched.host.client() as client:
        twice = [("Authorization", f"Bearer {watched.host.admin}")] * 2
        assert client.post("/api/ds/query", json=BODY, headers=twice).status_code == 401
    assert watched.given == 1


def test_an_edit_is_seen_at_once(watched: Watched) -> None:
    with watched.host.client() as client:
        stored = client.get("/api/datasources/uid/demo").json()
        client.put(
            "/api/datasources/uid/demo", json={**stored, "url": "http://new.example"}
        ).raise_for_status()
    assert watched.ask().headers["x-cache"] == "miss"


def test_metrics_and_logs_know_of_it(watched: Watched) -> None:
    def counted() -> list[float]:
        with watched.host.client() as client:
            lines = client.get("/metrics").text.splitlines()
        wanted = ("answers_total", '"hit"'), ("_count{", '"/api/ds/query"')
        return [
            sum(float(line.split()[-1]) for line in lines if all(part in line for part in parts))
            for parts in wanted
        ]

    before = counted()
    watched.ask()
    assert counted() == [before[0] + 1, before[1] + 1]


def test_a_body_in_pieces_and_one_that_never_comes_are_read_as_ever(watched: Watched) -> None:
    body = json.dumps(BODY, separators=(",", ":")).encode()
    with watched.host.client() as client:
        pieces = client.post(
            "/api/ds/query", content=iter([body[:9], body[9:]]), headers={"Content-Type": "application/json"}
        )
    assert pieces.status_code == 200
    with watched.host.connect() as connection:
        head = (
            f"POST /api/ds/query HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {watched.host.admin}\r\n"
            "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert b" 408 " in connection.recv(100)


class OfTeams:
    """Answers by a header that not every caller sends."""

    @hookimpl
    def describe_answer(self, query: DataQuery, plugin_context: PluginContext) -> AnswerTraits:
        return AnswerTraits(user=False, headers=("X-Team",))

    @hookimpl
    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        frame = Frame.from_pydict({"team": [context.headers.get("x-team", "none")]})
        return QueryDataResponse({query.ref_id: DataResponse((frame,)) for query in request.queries})


def test_an_answer_to_a_caller_without_a_header_is_not_given_to_one_who_has_it() -> None:
    registry = InMemoryRegistry()
    registry.add(CorePlugin.of("teams", OfTeams()))
    authenticator, admin = admin_authenticator()
    remembering = AnswerCache(CacheRule(ttl=600))
    body = {**BODY, "queries": [{"refId": "A", "datasource": {"uid": "teams"}}]}
    with Headwater(registry=registry, answer_cache=remembering) as headwater:
        headwater.add_data_source(type="teams", name="Teams", uid="teams")
        with (
            run_host(create_app(headwater, authenticator=authenticator), admin) as host,
            host.client() as client,
        ):

            def team(**headers: str) -> Any:
                answer = client.post("/api/ds/query", json=body, headers=headers).json()
                return answer["results"]["A"]["frames"][0]["data"]["values"][0][0]

            assert [team() for _ in range(5)] == ["none"] * 5
            assert team(**{"X-Team": "red"}) == "red"


def test_a_caller_has_no_more_requests_than_any(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = CallerLimits(requests_per_second=0.001, burst=10)
    for host in hosts(limits=limits):
        watched = Watched(host, monkeypatch)
        answers = [watched.ask() for _ in range(10)]
        assert [answer.status_code for answer in answers[-2:]] == [429, 429]
        assert 1 < watched.given < 10
        assert int(answers[-1].headers["retry-after"]) > 0


def test_an_audited_host_reads_each_request() -> None:
    audit = ListedAudit()
    for host in hosts(audit=audit):
        with host.client() as client:
            answers = [client.post("/api/ds/query", json=BODY) for _ in range(4)]
        assert [answer.headers["x-cache"] for answer in answers] == ["miss", "hit", "hit", "hit"]
    assert len([event for event in audit.records if event.action == "datasources:query"]) == 4
