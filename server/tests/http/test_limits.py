"""Requests that are too large, too slow, too many, or not what they claim to be."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from headwater.errors import LimitExceededError
from headwater_server.auth import CallerLimits, RequestLimiter
from headwater_server.auth.rate_limits import TooManyRequestsError
from headwater_server.http.result_memory import ResultMemory
from servers.http_host import RunningHost, eventually
from servers.http_requests import query_of

WALK = {"scenario": "random_walk", "maxDataPoints": 5}
MakeHost = Callable[..., RunningHost]


def post(client: httpx2.Client, content: bytes, **headers: str) -> httpx2.Response:
    sent = {"Content-Type": "application/json", **headers}
    return client.post("/api/ds/query", content=content, headers=sent)


# --- bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff\xfe", b"{'a': 1}", b'{"queries": NaN}', b"[" * 100_000],
)
def test_a_body_that_is_no_json_object_is_400(client: httpx2.Client, content: bytes) -> None:
    assert post(client, content).status_code == 400


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_no_json_makes_the_host_stumble(client: httpx2.Client, value: Any) -> None:
    body = json.dumps({"from": "now-1h", "to": "now", "queries": value}).encode("utf-8", "surrogatepass")
    assert post(client, body).status_code in (400, 404)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""]
)
def test_a_body_of_another_type_is_415(client: httpx2.Client, content_type: str) -> None:
    """A web page of somebody else can send these without asking, JSON it cannot."""
    answer = client.post(
        "/api/ds/query", content=json.dumps(query_of(WALK)), headers={"Content-Type": content_type}
    )
    assert answer.status_code == 415


def test_a_compressed_body_is_415(client: httpx2.Client) -> None:
    assert post(client, b"\x1f\x8b", **{"Content-Encoding": "gzip"}).status_code == 415


def test_a_body_that_says_it_is_too_large_is_413_unread(make_host: MakeHost) -> None:
    host = make_host(options={"max_body_bytes": 1000})
    head = "POST /api/ds/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with host.connect() as connection:
        connection.sendall(
            f"{head}Authorization: Bearer {host.admin}\r\nContent-Length: 999999999\r\n\r\n".encode()
        )
        assert b" 413 " in connection.recv(65536)


def test_a_body_without_a_length_is_cut_off_when_it_is_too_large(make_host: MakeHost) -> None:
    def pieces() -> Any:
        for _ in range(100):
            yield b" " * 100

    with make_host(options={"max_body_bytes": 1000}).client() as client:
        answer = client.post("/api/ds/query", content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["message"] == "The request body is larger than 1000 bytes."


def test_a_body_that_does_not_arrive_is_408(make_host: MakeHost) -> None:
    host = make_host(options={"body_timeout": 0.2})
    head = "POST /api/ds/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with host.connect() as connection:
        connection.sendall(
            f"{head}Authorization: Bearer {host.admin}\r\nContent-Length: 100\r\n\r\n{{".encode()
        )
        assert b" 408 " in connection.recv(65536)


# --- heads -----------------------------------------------------------------------------------------


def test_a_head_that_drips_in_is_408_however_often_a_byte_comes(make_host: MakeHost) -> None:
    host = make_host(listen={"header_timeout": 0.5})
    started = time.monotonic()
    with host.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        connection.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() - started < 20:
            try:
                connection.sendall(b"z")
                answer = connection.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                break
    assert b" 408 " in answer or not answer
    assert time.monotonic() - started < 20


def test_a_connection_that_says_nothing_is_closed(make_host: MakeHost) -> None:
    host = make_host(listen={"header_timeout": 0.2})
    with host.connect() as connection:
        answer = connection.recv(65536)
        assert b" 408 " in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["messageId"] == "request.headTimeout"
        assert connection.recv(1) == b""


def test_a_second_request_on_a_connection_has_the_same_bound(make_host: MakeHost) -> None:
    host = make_host(listen={"header_timeout": 0.3})
    with host.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in connection.recv(65536)
        connection.sendall(b"GET /healthz HT")
        assert b" 408 " in connection.recv(65536)


def test_a_slow_answer_is_not_taken_for_a_slow_head(make_host: MakeHost) -> None:
    host = make_host(listen={"header_timeout": 0.2})
    with host.client() as client:
        answer = client.post("/api/ds/query", json=query_of({"scenario": "slow", "delayMs": 600}))
    assert answer.status_code == 200


def head(size: int, *, long_address: bool = False) -> bytes:
    """A request's head of `size` bytes."""
    start, middle, end = (
        b"GET /healthz?",
        b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Large: ",
        b"\r\n\r\n",
    )
    filler = b"z" * (size - len(start + middle + end))
    return start + filler + middle + end if long_address else start + middle + filler + end


def answer_to(host: RunningHost, sent: bytes) -> tuple[int, dict[str, Any]]:
    """Status and body of the answer, read to its end; the body is empty if it is no JSON."""
    with host.connect() as connection:
        connection.sendall(sent)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    start, _, body = answer.partition(b"\r\n\r\n")
    is_json = b"content-type: application/json" in start
    return int(start.split()[1]), json.loads(body) if is_json else {}


@pytest.mark.parametrize("long_address", [False, True])
def test_a_head_may_have_as_many_bytes_as_is_documented(host: RunningHost, long_address: bool) -> None:
    assert answer_to(host, head(65_536, long_address=long_address)) == (200, {})
    status, body = answer_to(host, head(65_537, long_address=long_address))
    assert status == body["statusCode"] == (414 if long_address else 431)
    assert ("address is too long" if long_address else "headers are too large") in body["message"]
    assert "65,536 bytes" in body["message"]


@pytest.mark.parametrize("long_address", [False, True])
def test_a_client_that_still_sends_reads_why_it_is_refused(host: RunningHost, long_address: bool) -> None:
    status, body = answer_to(host, head(1_000_000, long_address=long_address))
    assert (status, body["messageId"]) == (
        (414, "request.addressTooLong") if long_address else (431, "request.headersTooLarge")
    )


def test_a_body_does_not_count_as_head(host: RunningHost) -> None:
    with host.client() as client:
        answer = client.post(
            "/api/ds/query", json={**query_of({"scenario": "no_data"}), "more": "z" * 200_000}
        )
    assert answer.status_code == 200


@pytest.mark.parametrize("sent", [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"])
def test_what_is_no_http_is_400_and_closed(host: RunningHost, sent: bytes) -> None:
    with host.connect() as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert answer == b"" or b" 400 " in answer


def test_another_name_in_the_host_header_is_421(make_host: MakeHost) -> None:
    """A page whose DNS name was pointed at this address must not be answered."""
    with make_host(options={"allowed_hosts": ("127.0.0.1", "localhost")}).client("") as client:
        assert client.get("/api/health").status_code == 200
        assert client.get("/api/health", headers={"Host": "localhost:1234"}).status_code == 200
        assert client.get("/api/health", headers={"Host": "rebound.example"}).status_code == 421
        assert client.get("/api/health", headers={"Host": ""}).status_code == 421


@pytest.mark.parametrize("probe", ["/healthz", "/readyz", "/metrics"])
def test_probes_may_come_by_any_name(make_host: MakeHost, probe: str) -> None:
    """Load balancers and scrapers ask by address."""
    with make_host(options={"allowed_hosts": ("headwater.example",)}).client("") as client:
        assert client.get(probe, headers={"Host": "10.2.3.4:3000"}).status_code == 200


# --- callers ---------------------------------------------------------------------------------------


def test_too_many_requests_of_one_token_are_429_and_other_tokens_are_served(make_host: MakeHost) -> None:
    host = make_host(limits=CallerLimits(requests_per_second=0.01, burst=3))
    with host.client() as client, host.client(host.token("other", "datasources:read")) as other:
        statuses = [client.get("/api/datasources").status_code for _ in range(5)]
        refused = client.get("/api/datasources")
        assert other.get("/api/datasources").status_code == 200
    assert statuses == [200, 200, 200, 429, 429]
    assert int(refused.headers["retry-after"]) > 1


def test_too_many_requests_at_once_of_one_token_are_429(make_host: MakeHost) -> None:
    host = make_host(limits=CallerLimits(concurrent_requests=2))
    slow = query_of({"scenario": "slow", "delayMs": 30_000})
    with host.client() as client, ThreadPoolExecutor() as threads:
        running = [threads.submit(_abandoned, host, slow) for _ in range(2)]
        assert eventually(lambda: len(host.app.host.running) == 2)
        answer = client.get("/api/datasources")
        host.app.host.cancel_all("The test is over.")
        assert [each.result() for each in running] == [400, 400]
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"


def _abandoned(host: RunningHost, body: Any) -> int:
    with host.client() as client:
        return client.post("/api/ds/query", json=body).status_code


def test_guessing_passwords_is_slowed_down_and_tokens_are_not(make_host: MakeHost) -> None:
    host = make_host(limits=CallerLimits(failures_per_minute=3))
    with httpx2.Client(base_url=host.url, auth=("admin", "guess"), trust_env=False) as guesser:
        statuses = [guesser.get("/api/datasources").status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    with host.client() as client:
        assert client.get("/api/datasources").status_code == 200


@given(st.lists(st.floats(min_value=0, max_value=3), max_size=200))
def test_a_caller_never_gets_more_than_its_burst_and_rate(pauses: list[float]) -> None:
    now = 0.0
    limiter = RequestLimiter(CallerLimits(requests_per_second=2, burst=5), clock=lambda: now)
    served = 0
    for pause in pauses:
        now += pause
        try:
            with limiter.slot("a"):
                served += 1
        except TooManyRequestsError:
            continue
    assert served <= 5 + 2 * now + 1e-6


# --- memory of results -----------------------------------------------------------------------------


def test_results_wait_for_room_in_order_and_give_it_back() -> None:
    used: list[int] = []
    order: list[int] = []

    async def one(memory: ResultMemory, number: int) -> None:
        with await memory.reserve(5) as held:
            order.append(number)
            held.resize(10 * number + 10)
            await asyncio.sleep(0.001)

    async def run() -> None:
        memory = ResultMemory(100, 40, used.append)
        await asyncio.gather(*(one(memory, number) for number in range(12)))

    asyncio.run(run())
    assert order == sorted(order)
    assert used[-1] == 0


def test_a_result_larger_than_the_budget_runs_alone() -> None:
    async def run() -> None:
        memory = ResultMemory(100, 400)
        with await memory.reserve(1), pytest.raises(LimitExceededError, match="busy"):
            await memory.reserve(0.01)
        with await memory.reserve(0.01):
            pass

    asyncio.run(run())


def test_a_waiter_that_gives_up_leaves_its_room_to_the_next() -> None:
    async def run() -> None:
        memory = ResultMemory(100, 100)
        with await memory.reserve(1):
            impatient = asyncio.create_task(_hold(memory))
            patient = asyncio.create_task(_hold(memory))
            await asyncio.sleep(0)
            impatient.cancel()
        await asyncio.wait_for(patient, 1)

    asyncio.run(run())


async def _hold(memory: ResultMemory) -> None:
    with await memory.reserve(1):
        pass


def test_a_host_whose_memory_is_taken_answers_503_with_a_time_to_come_again(make_host: MakeHost) -> None:
    from headwater.calls import QueryLimits

    host = make_host(options={"result_memory": 1, "result_reserve": 1})
    host.app.host.headwater.limits = QueryLimits(timeout=4)
    slow = query_of({"scenario": "slow", "delayMs": 30_000})
    with ThreadPoolExecutor() as threads, host.client() as client:
        first = threads.submit(_abandoned, host, slow)
        assert eventually(lambda: len(host.app.host.running) == 1)
        host.app.host.headwater.limits = QueryLimits(timeout=0.1)
        answer = client.post("/api/ds/query", json=query_of(WALK))
        assert first.result() == 400
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
