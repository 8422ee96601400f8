"""Credentials, TLS, cancellation and faults on the way to the server."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

import headwater_prometheus.answer
from headwater import CallContext, TimeRange
from headwater.errors import (
    DeadlineExceededError,
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamProtocolError,
    DownstreamServerError,
    DownstreamTimeoutError,
    ErrorSource,
    HeadwaterError,
    LimitExceededError,
    QueryCanceledError,
    QueryError,
)
from headwater.models import HealthStatus
from servers.certificates import make_certificates
from servers.prometheus import V2, V3, start_prometheus
from servers.prometheus_samples import HOUR, START, Live, SourceMaker, openmetrics
from servers.scripted_http import Request, Script, answer, raw, serve

# bcrypt of "s3cret", cost 4
PASSWORD_HASH = "$2y$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG"

# Keeps a server busy for minutes: ten additions at each second of a hundred days.
ENDLESS_QUERY = {
    "expr": f"sum_over_time(({' + '.join(['vector(time())'] * 10)})[100d:1s])",
    "instant": True,
}


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_cancelling_ends_the_query_at_the_server(live: Live, make_source: SourceMaker) -> None:
    source = make_source(live.server.url)
    context = CallContext(timeout=60)
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            source.query(ENDLESS_QUERY, context=context)
        except BaseException as error:
            failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert eventually(lambda: live.server.metric("prometheus_engine_queries") == 1)
    context.cancel()
    asking.join(10)
    assert isinstance(failures[0], QueryCanceledError)
    assert eventually(lambda: live.server.metric("prometheus_engine_queries") == 0)


def test_the_deadline_ends_the_query_at_the_server(live: Live, make_source: SourceMaker) -> None:
    source = make_source(live.server.url)
    with pytest.raises(DeadlineExceededError):
        source.query(ENDLESS_QUERY, timeout=0.5)
    assert eventually(lambda: live.server.metric("prometheus_engine_queries") == 0)
    assert source.query("requests").num_rows > 0


def test_the_servers_own_timeout_is_a_timeout(live: Live, make_source: SourceMaker) -> None:
    source = make_source(live.server.url, json_data={"queryTimeout": "200ms"})
    with pytest.raises(DownstreamTimeoutError, match="timeout: query timed out"):
        source.query(ENDLESS_QUERY)


@pytest.mark.parametrize("version", [V2, V3])
def test_tls_with_client_certificates_and_basic_auth(
    version: str, make_source: SourceMaker, tmp_path: Path
) -> None:
    certificates = make_certificates(tmp_path / "tls")
    web_config = (
        "tls_server_config:\n"
        f"  cert_file: {certificates.server}\n  key_file: {certificates.server_key}\n"
        f"  client_ca_file: {certificates.authority}\n  client_auth_type: RequireAndVerifyClientCert\n"
        f"basic_auth_users:\n  reader: {PASSWORD_HASH}\n"
    )
    settings = {"tlsAuth": True, "tlsAuthWithCACert": True}
    secrets = {
        "tlsCACert": certificates.authority.read_text(),
        "tlsClientCert": certificates.client.read_text(),
        "tlsClientKey": certificates.client_key.read_text(),
        "basicAuthPassword": "s3cret",
    }
    with start_prometheus(version, openmetrics=openmetrics(), web_config=web_config) as server:
        url = server.url.replace("http://", "https://")
        fields: dict[str, Any] = {"json_data": settings, "basic_auth": True, "basic_auth_user": "reader"}
        assert make_source(url, secure_json_data=secrets, **fields).query("requests").num_rows > 0

        wrong = {**secrets, "basicAuthPassword": "canary"}
        with pytest.raises(DownstreamAuthError) as refused:
            make_source(url, secure_json_data=wrong, **fields).query("requests")
        assert "canary" not in str(refused.value)

        stranger = {**secrets, "tlsCACert": certificates.stranger.read_text()}
        with pytest.raises(DownstreamConnectionError, match="verify failed"):
            make_source(url, secure_json_data=stranger, **fields).query("requests")

        no_certificate = {**fields, "json_data": {"tlsAuthWithCACert": True}}
        with pytest.raises(DownstreamConnectionError):
            make_source(url, secure_json_data=secrets, **no_certificate).query("requests")


def test_bearer_custom_headers_and_parameters_are_sent(make_source: SourceMaker) -> None:
    empty = answer(matrix())
    with serve(empty) as server:
        make_source(
            f"{server.url}/prom",
            json_data={
                "httpHeaderName1": "X-Scope-OrgID",
                "customQueryParameters": "max_source_resolution=5m&dedup=true",
                "queryTimeout": "10s",
                "maxSamplesProcessedWarningThreshold": 7,
            },
            secure_json_data={"bearerToken": "t0ken", "httpHeaderValue1": "tenant"},
        ).query("up")
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/prom/api/v1/query_range")
    assert request.headers["authorization"] == "Bearer t0ken"
    assert request.headers["x-scope-orgid"] == "tenant"
    form = request.body.decode()
    assert f"query=up&start={START}&end={START + 3600}&step=15&timeout=10s" in form
    assert "max_samples_processed_warning_threshold=7" in form
    assert form.endswith("max_source_resolution=5m&dedup=true")


def test_a_server_that_takes_no_post_is_asked_by_get(make_source: SourceMaker) -> None:
    empty = answer(matrix())
    with serve(
        lambda request, connection: (
            empty if request.method == "GET" else answer(status="405 Method Not Allowed")
        )(request, connection)
    ) as server:
        assert make_source(server.url).query("up").num_rows == 0
    assert [request.method for request in server.requests] == ["POST", "GET"]


def matrix(*series: bytes, after: bytes = b"") -> bytes:
    return b'{"status":"success","data":{"resultType":"matrix","result":[%b]}%b}' % (b",".join(series), after)


def error_document(kind: str, text: str) -> bytes:
    return f'{{"status":"error","errorType":"{kind}","error":"{text}"}}'.encode()


FAULTS: list[tuple[str, Script, type[HeadwaterError], ErrorSource, str]] = [
    ("bad query", answer(error_document("bad_data", "1:1: parse error"), status="400 Bad Request"),
     QueryError, ErrorSource.CALLER, "1:1: parse error"),
    ("evaluation", answer(error_document("execution", "too many samples"), status="422 Unprocessable"),
     DownstreamServerError, ErrorSource.DOWNSTREAM, "execution: too many samples"),
    ("timeout", answer(error_document("timeout", "query timed out"), status="503 Unavailable"),
     DownstreamTimeoutError, ErrorSource.DOWNSTREAM, "timed out"),
    ("proxy", answer(b"<html>down</html>", status="503 Unavailable"),
     DownstreamServerError, ErrorSource.DOWNSTREAM, "unexpected response with status code 503: down"),
    ("gateway", answer(b"bad gateway", status="502 Bad Gateway"),
     DownstreamServerError, ErrorSource.DOWNSTREAM, "status code 502: bad gateway"),
    ("login page", answer(b"<html>please log in", headers={"Content-Type": "text/html"}),
     DownstreamProtocolError, ErrorSource.DOWNSTREAM, "HTML"),
    ("wrong type", answer(b"hello", headers={"Content-Type": "text/plain"}),
     DownstreamProtocolError, ErrorSource.DOWNSTREAM, "not JSON"),
    ("truncated", raw(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"status":"success","data":{'),
     DownstreamConnectionError, ErrorSource.DOWNSTREAM, "broke off"),
    ("cut without a length", raw(b'HTTP/1.0 200 OK\r\n\r\n{"status":"success","data":{'),
     DownstreamProtocolError, ErrorSource.DOWNSTREAM, "not complete"),
    ("unauthorized", answer(b"no org id", status="401 Unauthorized"),
     DownstreamAuthError, ErrorSource.DOWNSTREAM, "refused the credentials (status 401): no org id"),
    ("forbidden", answer(error_document("bad_data", "not yours"), status="403 Forbidden"),
     DownstreamAuthError, ErrorSource.DOWNSTREAM, "refused the credentials (status 403): not yours"),
    ("too many", answer(error_document("too_many_requests", "wait"), status="429 Too Many Requests"),
     DownstreamServerError, ErrorSource.DOWNSTREAM, "too_many_requests: wait"),
    ("a proxy's 429", answer(b'{"message": "slow down", "code": 429}', status="429 Too Many Requests"),
     DownstreamServerError, ErrorSource.DOWNSTREAM, "response with status code 429: slow down"),
    ("echo", answer(b"token canary is unknown", status="401 Unauthorized"),
     DownstreamAuthError, ErrorSource.DOWNSTREAM, "is unknown"),
    ("elsewhere", answer(status="302 Found", headers={"Location": "http://elsewhere.test/?token=canary"}),
     DownstreamProtocolError, ErrorSource.DOWNSTREAM, "not followed"),
    ("another API", answer(b'{"results": []}'), DownstreamProtocolError, ErrorSource.DOWNSTREAM, "query API"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "error", "source", "text"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
@pytest.mark.parametrize("layout", ["long", "multi"])
def test_each_fault_is_a_typed_error_of_the_right_source(
    make_source: SourceMaker,
    layout: str,
    script: Script,
    error: type[HeadwaterError],
    source: ErrorSource,
    text: str,
) -> None:
    with serve(script) as server, pytest.raises(error) as failed:
        make_source(server.url, secure_json_data={"bearerToken": "canary"}).frames(
            {"expr": "up", "layout": layout}
        )
    assert failed.value.source is source
    assert text in str(failed.value)
    assert "canary" not in str(failed.value)


def test_an_answer_of_any_content_type_is_read_if_it_is_one(make_source: SourceMaker) -> None:
    body = matrix(b'{"metric":{},"values":[[1,"2"]]}')
    with serve(answer(body, headers={"Content-Type": "text/plain"})) as server:
        assert make_source(server.url).query("up").table["Value"].to_pylist() == [2.0]


def test_samples_outside_the_range_asked_for_are_kept(make_source: SourceMaker) -> None:
    """The clocks of server and client may differ."""
    body = matrix(b'{"metric":{},"values":[[9e9,"2"],[-5,"3"]]}')
    with serve(answer(body)) as server:
        assert make_source(server.url).query("up").table["Value"].to_pylist() == [2.0, 3.0]


def test_a_gigantic_answer_is_cut_off_by_the_limit_it_names(make_source: SourceMaker) -> None:
    series = b'{"metric":{"n":"1"},"values":[%b]}' % b",".join([b'[1,"1"]'] * 1000)
    body = matrix(*[series] * 2000)
    with serve(answer(body)) as server:
        with pytest.raises(LimitExceededError, match="response limit of 1000000 bytes"):
            make_source(server.url, json_data={"responseLimit": 1_000_000}).query("up")
        with pytest.raises(LimitExceededError, match="byte limit"):
            make_source(server.url).query("up", max_rows=None, max_bytes=1_000_000)


HEAD = b'{"status":"success","data":{"resultType":"matrix","result":['
MEBIBYTE = 1 << 20


@pytest.mark.parametrize(
    ("head", "block"),
    [
        (HEAD + b'{"metric":{"a":"', b"A"),
        (HEAD, b" "),
        (HEAD + b'{"metric":{},"values":[', b'[1,"1"],'),
        (HEAD + b'{"metric":{}}', b',{"metric":{}}'),
        (HEAD + b"{}", b",{}"),
        (b'{"status":"success","warnings":["a"', b',"a"'),
        (b'{"status":"error","errorType":"bad_data","error":"', b"A "),
    ],
    ids=["label", "spaces", "samples", "series", "objects", "warnings", "error"],
)
@pytest.mark.parametrize("layout", ["long", "multi", "health"])
def test_a_bomb_ends_typed_and_the_source_goes_on(
    make_source: SourceMaker, layout: str, head: bytes, block: bytes
) -> None:
    bomb = answer(
        _compressed(head, block * (MEBIBYTE // len(block)), 400), headers={"Content-Encoding": "gzip"}
    )
    scripts = [bomb, answer(matrix(b'{"metric":{},"values":[[1,"2"]]}'))]
    with serve(lambda request, connection: scripts[0](request, connection)) as server:
        source = make_source(server.url)
        if layout == "health":
            assert source.host.check_health("source", timeout=2).status is HealthStatus.ERROR
        else:
            with pytest.raises((LimitExceededError, DeadlineExceededError)) as failed:
                source.frames({"expr": "up", "layout": layout}, timeout=2)
            assert "did not return" not in str(failed.value)
        scripts[:1] = []
        assert source.query("up").num_rows == 1


@pytest.mark.parametrize("samples", [b"", b',"values":[[1,"1"]]'])
@pytest.mark.parametrize("layout", ["long", "wide", "multi"])
def test_series_that_share_no_label_end_typed(make_source: SourceMaker, layout: str, samples: bytes) -> None:
    body = matrix(*(b'{"metric":{"l%d":""}%b}' % (number, samples) for number in range(100_000)))
    with serve(answer(body)) as server, pytest.raises((LimitExceededError, DeadlineExceededError)) as failed:
        make_source(server.url).frames({"expr": "up", "layout": layout}, timeout=2)
    assert "did not return" not in str(failed.value)


def _compressed(head: bytes, block: bytes, times: int) -> bytes:
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    pieces = [compressor.compress(head), *(compressor.compress(block) for _ in range(times))]
    return b"".join([*pieces, compressor.flush()])


def test_failing_exemplars_leave_the_query_standing(make_source: SourceMaker) -> None:
    body = matrix(b'{"metric":{},"values":[[1,"2"]]}')
    with serve(
        lambda request, connection: (
            answer(b"broken", status="500 Oops") if "exemplars" in request.target else answer(body)
        )(request, connection)
    ) as server:
        values, exemplars = make_source(server.url).frames({"expr": "up", "exemplar": True})
    assert values.num_rows == 1
    assert exemplars.num_rows == 0
    assert "could not be read" in exemplars.notices[0].text


def test_notices_of_an_answer_that_arrives_in_pieces_stand_on_the_last_frame(
    make_source: SourceMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headwater_prometheus.answer, "PIECE_BYTES", 100)
    series = [b'{"metric":{"n":"%d"},"values":[[1,"2"]]}' % number for number in range(50)]
    body = matrix(*series, after=b',"warnings":["w"]')
    with serve(answer(body)) as server:
        frames = make_source(server.url).frames({"expr": "up", "layout": "multi"})
    assert len(frames) == 50
    assert [index for index, frame in enumerate(frames) if frame.notices] == [49]


def test_leaving_a_stream_early_closes_its_connection(make_source: SourceMaker) -> None:
    start = b'HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n{"data":{"result":['
    more = b'{"metric":{"n":"1"},"values":[[1,"2"]]},' * 10_000

    def script(request: Request, connection: socket.socket) -> None:
        connection.sendall(start)
        with contextlib.suppress(ConnectionError):
            while True:
                connection.sendall(more)
        left.set()

    left = threading.Event()
    with serve(script) as server:
        source = make_source(server.url)
        uid = source.host.data_source("source").uid
        query = {"refId": "A", "datasource": {"uid": uid}, "expr": "up"}
        body = {"from": str(HOUR.from_ms), "to": str(HOUR.to_ms), "queries": [query]}
        chunks = source.host.query_chunked_data(body, CallContext(timeout=30))
        assert isinstance(chunks, Generator)
        assert next(chunks).frame is not None
        chunks.close()
        assert left.wait(10)


def test_a_time_range_needs_no_samples(make_source: SourceMaker, live: Live) -> None:
    nowhere = TimeRange.from_epoch_ms(0, 60_000)
    assert make_source(live.server.url).query("requests", time_range=nowhere).num_rows == 0
