"""`headwater.connect`: a host elsewhere, used like one in this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import headwater
from headwater import AsyncHeadwater, CallContext, Headwater, QueryLimits, TimeRange
from headwater.errors import (
    DataSourceNotFoundError,
    DeadlineExceededError,
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamProtocolError,
    DownstreamServerError,
    FrameError,
    HeadwaterError,
    LimitExceededError,
    MethodNotImplementedError,
    NamedQueryNotFoundError,
    PluginNotRegisteredError,
    PluginUnavailableError,
    QueryCanceledError,
    QueryError,
    ValidationError,
)
from headwater.frames import encode_stream
from headwater.models import HealthStatus
from headwater.plugins import PluginState
from headwater.queries.named import named_query_from
from headwater.queries.request import parse_metric_request
from headwater.remote import RemoteHeadwater
from headwater_server.http import create_app
from servers.certificates import make_certificates
from servers.http_host import RunningHost, admin_authenticator, eventually, run_host
from servers.mariadb import start_mariadb
from servers.mysql_family import DatabaseServer
from servers.nginx import start_nginx
from servers.scripted_http import Request, answer, serve

DAY = TimeRange(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    authenticator, admin = admin_authenticator()
    with Headwater() as local:
        local.add_data_source("demo", type="testdata", uid="demo")
        with run_host(create_app(local, authenticator=authenticator), admin) as running:
            yield running


@pytest.fixture
def remote(host: RunningHost) -> Iterator[Headwater]:
    with headwater.connect(host.url, token=host.admin) as connected:
        yield connected


@pytest.fixture
def local(host: RunningHost) -> Headwater:
    return host.app.host.headwater


@pytest.mark.parametrize(
    "query",
    [
        "random_walk",
        {"scenario": "all_types"},
        {"scenario": "random_walk", "seriesCount": 5},
        {"scenario": "logs"},
    ],
)
def test_answers_are_those_of_the_host_with_every_type(
    remote: Headwater, local: Headwater, query: str | dict[str, Any]
) -> None:
    expected = local.query_frames("demo", query, time_range=DAY)
    answered = remote.query_frames("demo", query, time_range=DAY)
    written = [[b"".join(encode_stream(frame)) for frame in frames] for frames in (answered, expected)]
    assert written[0] == written[1]


def test_rows_stream_while_they_arrive(remote: Headwater) -> None:
    with remote.stream("demo", {"scenario": "endless"}) as stream:
        first, second = next(stream), next(stream)
    assert min(first.num_rows, second.num_rows) > 0


def test_a_collected_answer_keeps_to_the_limits(remote: Headwater) -> None:
    frame = remote.query("demo", {"scenario": "streaming_rows", "rows": 100_000}, max_rows=70_000)
    assert frame.num_rows == 70_000
    assert [notice.text for notice in frame.notices] == [
        "Results have been limited to 70000 because the row limit was reached"
    ]
    assert frame.truncated


def test_several_queries_have_an_outcome_each(remote: Headwater) -> None:
    queries = [
        {"refId": "A", "datasource": {"uid": "demo"}, "scenario": "random_walk"},
        {"refId": "B", "datasource": {"uid": "demo"}, "scenario": "error"},
        {"refId": "C", "datasource": {"uid": "nowhere"}},
    ]
    answer = remote.query_data({"from": "now-1h", "to": "now", "queries": queries}).responses
    assert list(answer) == ["A", "B", "C"]
    assert answer["A"].frames[0].num_rows > 0
    assert answer["B"].error is not None
    assert isinstance(answer["C"].error, DataSourceNotFoundError)


def test_an_answer_may_be_waited_for_later(remote: Headwater) -> None:
    body = {"from": "0", "to": "1", "queries": [{"datasource": {"uid": "demo"}, "scenario": "no_data"}]}
    with CallContext() as context:
        answer = remote.query_service.start(parse_metric_request(body), context).result()
    assert answer.responses["A"].error is None


def test_errors_have_the_classes_that_the_host_raised_them_with(remote: Headwater, local: Headwater) -> None:
    def failure(asked: Headwater) -> HeadwaterError:
        with pytest.raises(HeadwaterError) as caught:
            asked.query("demo", {"scenario": "error", "errorStatus": 504})
        return caught.value

    expected, told = failure(local), failure(remote)
    assert type(told) is type(expected)
    assert (str(told), told.status, told.source, told.retryable) == (
        str(expected), expected.status, expected.source, expected.retryable,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda host: host.query("nowhere", "x"), DataSourceNotFoundError, "nowhere"),
        (lambda host: host.query("demo", {"scenario": "random_walk", "typo": 1}), ValidationError, "typo"),
        (lambda host: host.query("demo", {"scenario": "no such"}), QueryError, "known scenarios"),
        (lambda host: host.query("demo", {"scenario": "random_walk", "seriesCount": 2}), FrameError, "2"),
        (lambda host: host.add_data_source("x", type="none"), PluginNotRegisteredError, "none"),
        (lambda host: host.read_tasks("demo", "x"), MethodNotImplementedError, "process of the host"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_as_the_host_says_it(
    remote: Headwater, call: object, kind: type[HeadwaterError], text: str
) -> None:
    with pytest.raises(kind, match=text):
        call(remote)  # type: ignore[operator]


def test_a_parameter_that_json_cannot_hold_is_refused_with_what_to_do(remote: Headwater) -> None:
    with pytest.raises(ValidationError, match=r"type date is not JSON serializable.*CAST\(\? AS DATE\)"):
        remote.query("demo", {"scenario": "request"}, params=[DAY.from_.date()])


def test_data_sources_are_those_of_the_host(remote: Headwater, local: Headwater) -> None:
    added = remote.add_data_source(
        "other", type="mysql", url="localhost", secure_json_data={"password": "hidden"}, uid="other"
    )
    try:
        assert (added.name, added.secure_json_fields) == ("other", {"password": True})
        assert local.data_sources.decrypt(local.data_source("other"))["password"].reveal() == "hidden"
        assert remote.update_data_source("other", name="renamed").version == 2
        assert remote.data_source("renamed").uid == "other"
        assert local.data_sources.decrypt(local.store.get_by_uid("other"))["password"].reveal() == "hidden"
        assert "renamed" in [each.name for each in remote.list_data_sources()]
    finally:
        remote.remove_data_source("other")
    with pytest.raises(DataSourceNotFoundError):
        remote.data_source("other")


def test_health_and_resources(remote: Headwater, local: Headwater) -> None:
    assert remote.check_health("demo").status is HealthStatus.OK
    answer, expected = (host.call_resource("demo", "scenarios") for host in (remote, local))
    assert (answer.status, answer.body) == (expected.status, expected.body)
    with pytest.raises(MethodNotImplementedError, match="no resource 'nothing'"):
        remote.call_resource("demo", "nothing")


def test_a_data_source_that_is_not_well_is_a_result(remote: Headwater, local: Headwater) -> None:
    local.add_data_source("ill", type="testdata", uid="ill", json_data={"healthError": "the disk is full"})
    try:
        health = remote.check_health("ill")
        assert (health.status, health.message) == (HealthStatus.ERROR, "the disk is full")
    finally:
        local.remove_data_source("ill")


@pytest.mark.parametrize("name", ["with blanks", "a/b: c"])
def test_a_data_source_is_found_by_any_name_or_uid(remote: Headwater, local: Headwater, name: str) -> None:
    local.add_data_source(name, type="testdata", uid="named")
    try:
        assert remote.data_source(name).uid == remote.data_source("named").uid == "named"
    finally:
        local.remove_data_source("named")


def test_the_store_tells_the_default_and_finds_by_number(remote: Headwater, local: Headwater) -> None:
    default = remote.store.get_default()
    assert default is not None
    assert default.uid == "demo"
    assert remote.store.get_by_id(local.data_source("demo").id).uid == "demo"


def test_named_queries_are_kept_by_the_host(remote: Headwater, local: Headwater) -> None:
    named = named_query_from(
        {
            "id": "walk",
            "datasource": "demo",
            "query": {"scenario": "streaming_rows", "rows": {"$param": "n"}},
            "parameters": [{"name": "n", "type": "choice", "choices": [1, 2, 3], "default": 2}],
        }
    )
    added = remote.named_queries.add(named)
    try:
        assert local.named_queries.get("walk").query == added.query
        assert [each.id for each in remote.named_queries.list()] == ["walk"]
        assert remote.run("walk", n=3).num_rows == 3
        with CallContext() as context:
            assert remote.named_query_runner.choices(named.parameters[0], context) == (1, 2, 3)
        assert remote.named_queries.update(evolve(named, title="A walk"), version=1).version == 2
        assert local.named_queries.get("walk").title == "A walk"
        assert [each.version for each in remote.named_queries.versions("walk")] == [2, 1]
        with pytest.raises(ValidationError, match="demand"):
            remote.named_queries.update(evolve(named, query={**named.query, "demand": 1}))
    finally:
        remote.named_queries.remove("walk")
    with pytest.raises(NamedQueryNotFoundError):
        local.named_queries.get("walk")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda host: host.add_plugin("own", object()), "no plugin can be added"),
        (lambda host: host.read_task(None), "no read task can be read"),
    ],
)
def test_what_only_the_host_can_do_is_refused(
    remote: Headwater, call: Callable[[Any], object], said: str
) -> None:
    with pytest.raises(MethodNotImplementedError, match=said):
        call(remote)


def test_plugins_are_listed_and_not_loaded_here(remote: Headwater) -> None:
    (record,) = [each for each in remote.load_plugins() if each.plugin_id == "testdata"]
    assert record.state is PluginState.READY
    with pytest.raises(PluginUnavailableError, match="cannot be loaded here"):
        record.load()


def test_a_call_that_is_cancelled_ends_in_the_host(remote: Headwater, host: RunningHost) -> None:
    with CallContext() as context:
        threading.Timer(0.3, context.cancel).start()
        with pytest.raises(QueryCanceledError):
            remote.query("demo", {"scenario": "slow", "delayMs": 60_000}, context=context)
    assert eventually(lambda: not host.app.host.running)


def test_a_deadline_ends_the_query_in_the_host(remote: Headwater, host: RunningHost) -> None:
    with pytest.raises(DeadlineExceededError):
        remote.query("demo", {"scenario": "slow", "delayMs": 60_000}, timeout=0.3)
    assert eventually(lambda: not host.app.host.running)


async def _ask_and_leave(connected: Headwater, host: RunningHost) -> None:
    async with AsyncHeadwater(connected) as remote:
        frame = await remote.query("demo", "random_walk")
        assert frame.num_rows
        asking = asyncio.create_task(remote.query("demo", {"scenario": "slow", "delayMs": 60_000}))
        assert await asyncio.to_thread(eventually, lambda: host.app.host.running)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        async with remote.stream("demo", {"scenario": "endless"}) as stream:
            assert (await anext(stream)).num_rows


def test_the_same_for_asyncio(remote: Headwater, host: RunningHost) -> None:
    asyncio.run(_ask_and_leave(remote, host))
    assert eventually(lambda: not host.app.host.running)


def test_progress_arrives(remote: Headwater) -> None:
    seen: list[int] = []
    with remote.stream(
        "demo", {"scenario": "endless"}, on_progress=lambda progress: seen.append(progress.rows)
    ) as stream:
        while not seen:
            next(stream)
    assert seen[0] > 0


def test_a_token_that_may_only_query_is_enough_for_queries(host: RunningHost) -> None:
    with headwater.connect(host.url, token=host.token("asks", "datasources:query:demo")) as remote:
        assert remote.query("demo", "random_walk").num_rows
        assert remote.check_health("demo").status is HealthStatus.OK
        assert (remote.data_source("demo").type, remote.data_source("demo").url) == ("testdata", "")
        with pytest.raises(DownstreamAuthError, match="Access denied") as caught:
            remote.remove_data_source("demo")
    assert caught.value.status == 403


def test_a_token_that_may_only_query_lists_what_it_may_query(host: RunningHost) -> None:
    token = host.token("lists", "datasources:query:demo")
    with headwater.connect(host.url, token=token) as connected:
        assert [(each.uid, each.name, each.type) for each in connected.list_data_sources()] == [
            ("demo", "demo", "testdata")
        ]
    with (
        headwater.connect(host.url, token=host.token("runs", "queries:run:some")) as connected,
        pytest.raises(DownstreamAuthError, match="needs datasources:read"),
    ):
        connected.list_data_sources()


def test_a_token_may_do_no_more_here_than_elsewhere(host: RunningHost) -> None:
    token = host.token("other", "datasources:query:other", "datasources:read:other")
    with headwater.connect(host.url, token=token) as remote:
        assert not remote.list_data_sources()
        with pytest.raises(DataSourceNotFoundError):
            remote.query("demo", "random_walk")
    with headwater.connect(host.url, token="wrong") as remote:
        with pytest.raises(DownstreamAuthError, match="does not know the token"):
            remote.list_data_sources()
        with pytest.raises(DownstreamAuthError, match="does not know the token"):
            remote.query("demo", "random_walk")


def test_no_token_in_clear_but_on_this_machine() -> None:
    with pytest.raises(ValidationError, match="in clear"):
        headwater.connect("http://example.com", token="t")
    headwater.connect("http://example.com", token="t", allow_http=True).close()


def test_the_hosts_certificate_is_verified_by_the_authority_that_is_given(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    authenticator, admin = admin_authenticator()
    listen = {"tls_certificate": certificates.server, "tls_key": certificates.server_key}
    with (
        Headwater() as behind,
        run_host(create_app(behind, authenticator=authenticator), admin, **listen) as running,
    ):
        behind.add_data_source("demo", type="testdata")
        url = running.url.replace("http:", "https:")
        with headwater.connect(url, token=admin, ca_cert=certificates.authority.read_text()) as trusting:
            assert trusting.query("demo", "random_walk").num_rows
        for authority in ("", certificates.stranger.read_text()):
            with (
                headwater.connect(url, token=admin, ca_cert=authority) as wary,
                pytest.raises(DownstreamConnectionError, match="certificate"),
            ):
                wary.list_data_sources()


def test_nobody_there_is_a_connection_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        headwater.connect(f"http://127.0.0.1:{port}", token="t") as remote,
        pytest.raises(DownstreamConnectionError),
    ):
        remote.list_data_sources()


@pytest.mark.parametrize("body", [b"<h1>It works</h1>", b'{"data": []}', b"[3]"])
def test_another_server_is_told_apart(body: bytes) -> None:
    with (
        serve(answer(body)) as server,
        headwater.connect(server.url, token="t") as remote,
        pytest.raises(DownstreamProtocolError, match=r"Headwater host|without a uid"),
    ):
        remote.list_data_sources()


@pytest.mark.parametrize("body", [b"<h1>It works</h1>", b"[3]", b"{}", b'{"status": "fine"}'])
@pytest.mark.parametrize(
    "call",
    [
        lambda remote: remote.add_data_source("x", type="testdata"),
        lambda remote: remote.check_health("x y"),
        lambda remote: remote.store.get_default(),
    ],
    ids=["a change", "a check", "a look"],
)
def test_whatever_is_asked_another_server_is_told_apart(body: bytes, call: Callable[[Any], object]) -> None:
    with (
        serve(answer(body)) as server,
        headwater.connect(server.url, token="t") as remote,
        pytest.raises(DownstreamProtocolError, match=r"Headwater host|without a uid"),
    ):
        call(remote)


def test_a_health_without_a_status_is_not_the_hosts() -> None:
    with (
        serve(answer(b'{"uid": "demo", "name": "demo", "type": "testdata"}')) as server,
        headwater.connect(server.url, token="t") as remote,
        pytest.raises(DownstreamProtocolError, match="Headwater host"),
    ):
        remote.check_health("demo")


@pytest.mark.parametrize("body", [b"<h1>Bad gateway</h1>", b"[3]", b'{"message": "down"}'])
def test_an_error_from_in_between_is_not_the_hosts(body: bytes) -> None:
    with (
        serve(answer(body, status="502 Bad Gateway")) as server,
        headwater.connect(server.url, token="t") as remote,
    ):
        for call in (
            remote.list_data_sources,
            lambda: remote.query_data({"from": "0", "to": "1", "queries": [{"datasource": {"uid": "demo"}}]}),
        ):
            with pytest.raises(DownstreamServerError, match="status code 502"):
                call()


def test_a_host_that_has_enough_for_now_may_be_asked_again() -> None:
    said = b'{"messageId": "request.tooMany", "message": "Wait a second.", "traceID": "t"}'
    with (
        serve(answer(said, status="429 Too Many Requests")) as server,
        headwater.connect(server.url, token="t") as remote,
        pytest.raises(LimitExceededError, match="Wait a second") as caught,
    ):
        remote.list_data_sources()
    assert (caught.value.status, caught.value.retryable) == (429, True)


def test_it_says_where_it_sends_and_whether_that_can_be_read_on_the_way() -> None:
    with headwater.connect("http://example.com:8080/headwater/", token="t", allow_http=True) as remote:
        assert isinstance(remote, RemoteHeadwater)
        assert (remote.origin, remote.sends_in_clear) == ("http://example.com:8080", True)


@pytest.mark.parametrize(
    ("context", "sent"),
    [
        (CallContext(), None),
        (CallContext(skip_cache=True), "no-cache"),
        (CallContext(max_age=5, max_stale=float("inf")), "max-age=5, max-stale=86400"),
    ],
    ids=["nothing", "nothing from memory", "nothing older"],
)
def test_the_host_is_told_what_may_come_from_its_memory(context: CallContext, sent: str | None) -> None:
    with serve(answer(b"")) as server, headwater.connect(server.url, token="t") as remote:
        body = {"from": "0", "to": "1", "queries": [{"datasource": {"uid": "demo"}}]}
        with pytest.raises(DownstreamProtocolError):
            remote.query_data(body, context)
    assert [request.headers.get("cache-control") for request in server.requests] == [sent]


def test_a_url_that_leads_beside_the_hosts_api_is_told(host: RunningHost) -> None:
    with (
        headwater.connect(f"{host.url}/api", token=host.admin) as beside,
        pytest.raises(DownstreamProtocolError, match="Is the URL right"),
    ):
        beside.query("demo", "random_walk")


def test_behind_a_proxy_with_a_path(host: RunningHost) -> None:
    with (
        start_nginx({"/headwater/": f"{host.url}/"}) as url,
        headwater.connect(f"{url}/headwater/", token=host.admin) as remote,
    ):
        assert remote.query("demo", "random_walk").num_rows
        with remote.stream("demo", {"scenario": "streaming_rows", "rows": 200_000}) as stream:
            assert sum(batch.num_rows for batch in stream) == 200_000


@pytest.mark.parametrize("after", [10, 3000])
def test_an_answer_that_is_cut_off_is_no_answer(host: RunningHost, after: int) -> None:
    def cut(connected: Headwater) -> int:
        with connected.stream("demo", {"scenario": "streaming_rows", "rows": 100_000}) as stream:
            return sum(batch.num_rows for batch in stream)

    def script(request: Request, connection: socket.socket) -> None:
        with host.connect() as behind:
            head = [f"{request.method} {request.target} HTTP/1.1", "Connection: close"]
            head += [f"{name}: {value}" for name, value in request.headers.items() if name != "connection"]
            behind.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + request.body)
            received = b""
            while piece := behind.recv(65_536):
                received += piece
        is_query = request.target.endswith("/query")
        body = received.index(b"\r\n\r\n") + 4
        connection.sendall(received[: body + after] if is_query else received)
        connection.shutdown(socket.SHUT_RDWR)

    with (
        serve(script) as server,
        headwater.connect(server.url, token=host.admin) as remote,
        pytest.raises(DownstreamConnectionError),
    ):
        cut(remote)


@pytest.fixture(scope="module")
def mariadb(host: RunningHost) -> Iterator[DatabaseServer]:
    with start_mariadb() as server:
        host.app.host.headwater.add_data_source(
            "shop", type="mysql", uid="shop", url=server.address, user=server.user,
            database=server.database, secure_json_data={"password": server.password},
        )  # fmt: skip
        yield server


def test_types_and_parameters_reach_a_real_database(remote: Headwater, mariadb: DatabaseServer) -> None:
    sql = "SELECT CAST(? AS DECIMAL(20,4)) AS price, DATE '2026-02-03' AS day, 18446744073709551615 AS big"
    table = remote.query("shop", sql, params=["12.5"]).table
    assert [str(field.type) for field in table.schema] == ["decimal128(20, 4)", "date32[day]", "uint64"]
    assert str(table["price"][0].as_py()) == "12.5000"
    assert table["big"][0].as_py() == 18446744073709551615


def test_a_cancelled_query_is_gone_from_the_database(remote: Headwater, mariadb: DatabaseServer) -> None:
    def asked() -> bool:
        return any("SLEEP(600)" in str(row) for row in mariadb.rows("SHOW FULL PROCESSLIST"))

    with CallContext() as context:
        asking = threading.Thread(target=lambda: _quietly(remote, context))
        asking.start()
        assert eventually(asked)
        context.cancel()
        asking.join(10)
        assert not asking.is_alive()
    assert eventually(lambda: not asked())


def _quietly(remote: Headwater, context: CallContext) -> None:
    with pytest.raises(QueryCanceledError):
        remote.query("shop", "SELECT SLEEP(600)", context=context)


def test_limits_of_ones_own(host: RunningHost) -> None:
    with headwater.connect(host.url, token=host.admin, limits=QueryLimits(max_rows=10)) as remote:
        assert remote.query("demo", {"scenario": "streaming_rows", "rows": 1000}).num_rows == 10
