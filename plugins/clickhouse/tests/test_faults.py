"""An answer that is not whole is never taken for a whole one, and the server's own error is not lost."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from headwater import Headwater
from headwater.errors import (
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamError,
    DownstreamProtocolError,
    DownstreamServerError,
    ErrorSource,
    HeadwaterError,
    LimitExceededError,
    QueryError,
)
from headwater.testing import Fault, FaultProxy
from headwater_clickhouse.arrow_body import ArrowBody
from headwater_clickhouse.errors import ClickHouseError
from servers.clickhouse import ADMIN, ClickHouseServer, start_clickhouse
from servers.scripted_http import Request, answer, raw, serve

AddSource = Callable[..., str]
TAG = "abcdefghijklmnop"
HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nX-ClickHouse-Format: ArrowStream\r\n"
    f"X-ClickHouse-Summary: {{}}\r\nX-ClickHouse-Exception-Tag: {TAG}\r\n"
)
EXCEPTION = (
    f"\r\n__exception__\r\n{TAG}\r\n"
    "Code: 395. DB::Exception: boom. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO) (version 26.7.2.1)\n"
    f"86 {TAG}\r\n__exception__\r\n"
).encode()


def stream_parts() -> list[bytes]:
    """An Arrow stream, message by message: schema, three batches, end marker."""
    schema = pa.schema([pa.field("n", pa.int64()), pa.field("s", pa.string())])
    parts = [schema.serialize()]
    for start in (0, 10, 20):
        numbers = list(range(start, start + 10))
        batch = pa.record_batch([numbers, [str(n) for n in numbers]], schema=schema)
        parts.append(batch.serialize())
    return [*(part.to_pybytes() for part in parts), b"\xff\xff\xff\xff\0\0\0\0"]


def chunked(body: bytes, *, terminated: bool) -> bytes:
    """An answer as ClickHouse sends it; after an exception it leaves the last chunk out."""
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b""
    return (
        (HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunk + (b"0\r\n\r\n" if terminated else b"")
    )


def query_scripted(host: Headwater, response: bytes) -> pa.Table:
    with serve(raw(response)) as scripted:
        host.add_data_source(name="scripted", type="clickhouse", url=scripted.url)
        return host.query("scripted", "SELECT n, s").table


def test_a_failed_answer_is_not_kept(host: Headwater) -> None:
    with pytest.raises(DownstreamConnectionError):
        query_scripted(host, chunked(b"".join(stream_parts()[:3]), terminated=False))
    for _ in range(3):  # generators are closed by one collection, and what they held by the next
        gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, ArrowBody)]


def test_a_whole_answer_is_read(host: Headwater) -> None:
    table = query_scripted(host, chunked(b"".join(stream_parts()), terminated=True))
    assert table.column("n").to_pylist() == list(range(30))


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_an_answer_is_the_same_in_pieces(host: Headwater, size: int) -> None:
    body = b"".join(stream_parts())
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    chunks = b"".join(chunked(piece, terminated=False).partition(b"\r\n\r\n")[2] for piece in pieces)
    answer = chunked(b"", terminated=False) + chunks + b"0\r\n\r\n"
    assert query_scripted(host, answer).column("s").to_pylist() == [str(n) for n in range(30)]


@pytest.mark.parametrize("messages", range(5))
@pytest.mark.parametrize("terminated", [True, False], ids=["ended by a proxy", "broken off"])
def test_an_answer_cut_between_messages_is_refused(host: Headwater, messages: int, terminated: bool) -> None:
    body = b"".join(stream_parts()[:messages])
    with pytest.raises((DownstreamProtocolError, DownstreamConnectionError)):
        query_scripted(host, chunked(body, terminated=terminated))


@pytest.mark.parametrize("cut", range(1, 1248, 97))
def test_an_answer_cut_within_a_message_is_refused(host: Headwater, cut: int) -> None:
    body = b"".join(stream_parts())[:-8]
    with pytest.raises((DownstreamProtocolError, DownstreamConnectionError)):
        query_scripted(host, chunked(body[:cut], terminated=True))


@pytest.mark.parametrize("messages", range(5))
def test_an_exception_after_any_message_keeps_its_code(host: Headwater, messages: int) -> None:
    body = b"".join(stream_parts()[:messages]) + EXCEPTION
    with pytest.raises(QueryError, match="boom") as caught:
        query_scripted(host, chunked(body, terminated=False))
    assert caught.value.code == 395  # type: ignore[attr-defined]


def test_an_exception_within_a_message_keeps_its_code(host: Headwater) -> None:
    body = b"".join(stream_parts()[:3])[:-100] + EXCEPTION
    with pytest.raises(QueryError, match="boom"):
        query_scripted(host, chunked(body, terminated=False))


def test_an_exception_cut_off_itself_still_tells_its_code(host: Headwater) -> None:
    body = b"".join(stream_parts()[:3]) + EXCEPTION[:70]
    with pytest.raises(QueryError) as caught:
        query_scripted(host, chunked(body, terminated=False))
    assert caught.value.code == 395  # type: ignore[attr-defined]


def test_an_exception_text_of_another_query_is_data(host: Headwater) -> None:
    text = EXCEPTION.decode().replace(TAG, "ponmlkjihgfedcba")
    schema = pa.schema([pa.field("s", pa.string())])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.record_batch([[text]], schema=schema))
    table = query_scripted(host, chunked(sink.getvalue().to_pybytes(), terminated=True))
    assert table.column("s").to_pylist() == [text]


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nnothing",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
    ids=["a web page", "nothing", "an error page", "another protocol"],
)
def test_something_that_is_not_clickhouse_is_recognised(host: Headwater, response: bytes) -> None:
    with pytest.raises(DownstreamError) as caught:
        query_scripted(host, response)
    assert not isinstance(caught.value, ClickHouseError)
    assert host.check_health("scripted").status != 1


def test_hundreds_of_progress_lines_do_not_disturb(host: Headwater) -> None:
    line = 'X-ClickHouse-Progress: {"read_rows":"%d","read_bytes":"8","total_rows_to_read":"1000"}\r\n'
    lines = "".join(line % rows for rows in range(1000)).encode()
    response = chunked(b"".join(stream_parts()), terminated=True).replace(b"\r\n", b"\r\n" + lines, 1)
    seen: list[Any] = []
    with serve(raw(response)) as scripted:
        host.add_data_source(name="scripted", type="clickhouse", url=scripted.url)
        host.query("scripted", "SELECT 1", on_progress=seen.append)
    assert len(seen) == 1000
    assert (seen[-1].rows, seen[-1].total_rows) == (999, 1000)


def test_a_change_of_protocols_spoils_no_other_query(host: Headwater) -> None:
    switch = raw(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", close=False
    )
    good = raw(chunked(b"".join(stream_parts()), terminated=True))
    scripts = iter([switch, good])
    with serve(lambda request, connection: next(scripts)(request, connection)) as scripted:
        host.add_data_source(name="scripted", type="clickhouse", url=scripted.url)
        with pytest.raises(DownstreamProtocolError, match="status 101"):
            host.query("scripted", "SELECT n, s")
        assert host.query("scripted", "SELECT n, s").num_rows == 30


MESSAGES_BEFORE = pytest.mark.parametrize("before", [0, 1, 2], ids=["schema", "first batch", "second batch"])


@MESSAGES_BEFORE
def test_metadata_without_measure_is_not_kept(host: Headwater, before: int) -> None:
    sent = 0

    def pour(request: Request, connection: socket.socket) -> None:
        nonlocal sent
        if request.body.startswith(b"KILL"):
            answer()(request, connection)
            return
        declared = b"\xff\xff\xff\xff" + (1_900 << 20).to_bytes(4, "little")
        connection.sendall(HEAD.encode() + b"\r\n" + b"".join(stream_parts()[:before]) + declared)
        for _ in range(1_900):
            connection.sendall(bytes(1 << 20))
            sent += 1

    with serve(pour) as scripted:
        host.add_data_source(name="scripted", type="clickhouse", url=scripted.url)
        with pytest.raises(DownstreamProtocolError, match="impossible length"):
            host.query("scripted", "SELECT n, s")
    assert sent < 64


def test_a_block_without_measure_is_refused_before_it_is_read(host: Headwater) -> None:
    schema, batch, *_ = stream_parts()
    body = len(batch) - 8 - int.from_bytes(batch[4:8], "little")
    huge = batch.replace(body.to_bytes(8, "little"), (1 << 40).to_bytes(8, "little"))
    with pytest.raises(LimitExceededError, match=r"declares 1099511627776 bytes.*max_block_size"):
        query_scripted(host, chunked(schema + huge, terminated=True))


def test_a_compressed_block_without_measure_is_not_unpacked(host: Headwater) -> None:
    schema = pa.schema([pa.field("n", pa.int64())])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_batch(pa.record_batch([[0] * 100_000], schema=schema))
    body = (
        sink.getvalue().to_pybytes().replace((800_000).to_bytes(8, "little"), (1 << 40).to_bytes(8, "little"))
    )
    with pytest.raises(LimitExceededError, match="declares more than"):
        query_scripted(host, chunked(body, terminated=True))


@pytest.mark.parametrize(
    "described",
    [
        b"[" * 100_000,
        b"[]\n",
        b'{"no": "type"}\n',
        b'{"type": 7}\n',
        b"{\"type\": \"Enum8('a' = 1, 'b' = 3)\"}\n",
        b"{\"type\": \"Enum8('a' = 1, 'b' = 2)\"}\n",
        b'{"type": "Enum8(\'a\' = 1.5)"}\n',
        b"{\"type\": \"Enum8('a' = 1, 'b' = 99999999999)\"}\n",
    ],
)
def test_types_that_make_no_sense_are_the_servers_fault(host: Headwater, described: bytes) -> None:
    schema = pa.schema([pa.field("e", pa.int8())])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.record_batch([pa.array([1, 5], pa.int8())], schema=schema))
    arrow = chunked(sink.getvalue().to_pybytes(), terminated=True)

    def script(request: Request, connection: socket.socket) -> None:
        is_description = "JSONEachRow" in request.target
        (answer(described) if is_description else raw(arrow, close=False))(request, connection)

    with serve(script) as scripted:
        host.add_data_source(name="scripted", type="clickhouse", url=scripted.url)
        with pytest.raises(DownstreamProtocolError):
            host.query("scripted", "SELECT e")


def failure(host: Headwater, name: str, sql: str, **options: Any) -> HeadwaterError:
    """The error of a query that streams, as its reader sees it."""
    with pytest.raises(HeadwaterError) as caught, host.stream(name, sql, **options) as stream:
        for _ in stream:
            pass
    return caught.value


SERVER_FAULTS = {
    "unknown table": ("SELECT * FROM nowhere", QueryError, 60),
    "syntax": ("SELEC 1 FROM", QueryError, None),
    "before the first block": ("SELECT throwIf(number = 3) FROM numbers(10)", QueryError, 395),
    "in the third million": (
        "SELECT number, throwIf(number = 3000000) FROM numbers(9000000)",
        QueryError,
        395,
    ),
    "memory": (
        "SELECT groupArray(number) FROM numbers(100000000) SETTINGS max_memory_usage = 10000000",
        LimitExceededError,
        241,
    ),
    "result too large": (
        "SELECT number FROM numbers(100000) SETTINGS max_result_rows = 10",
        LimitExceededError,
        396,
    ),
    "no such setting": ("SELECT 1 SETTINGS no_such_setting = 1", QueryError, 115),
}


@pytest.mark.parametrize("case", SERVER_FAULTS)
def test_a_servers_error_arrives_typed_and_the_pool_stays_usable(
    host: Headwater, add: AddSource, case: str
) -> None:
    sql, kind, code = SERVER_FAULTS[case]
    name = add()
    error = failure(host, name, sql)
    assert isinstance(error, kind)
    assert getattr(error, "code", None) == code
    assert error.source is ErrorSource.CALLER
    assert host.query(name, "SELECT 1 AS one").table.to_pylist() == [{"one": 1}]


def test_a_time_limit_of_the_server_is_a_timeout(host: Headwater, add: AddSource) -> None:
    sql = "SELECT sleepEachRow(0.1) FROM numbers(60) SETTINGS max_execution_time = 0.3, max_block_size = 1"
    error = failure(host, add(), sql)
    assert (error.status, error.source, getattr(error, "code", None)) == (504, ErrorSource.DOWNSTREAM, 159)


def test_a_wrong_password_is_an_auth_error(host: Headwater, add: AddSource) -> None:
    error = failure(host, add(user=ADMIN, secure_json_data={"password": "wrong"}), "SELECT 1")
    assert isinstance(error, DownstreamAuthError)
    assert getattr(error, "code", None) == 516


def test_a_server_that_dies_is_a_connection_error(host: Headwater) -> None:
    with start_clickhouse() as mortal:
        host.add_data_source(name="mortal", type="clickhouse", url=mortal.url)
        stream = host.stream("mortal", "SELECT number FROM system.numbers")
        next(stream)
        mortal.process.kill()
        with pytest.raises((DownstreamConnectionError, DownstreamProtocolError)) as caught:
            for _ in stream:
                pass
    assert caught.value.retryable
    with pytest.raises(DownstreamConnectionError):
        host.query("mortal", "SELECT 1")


@pytest.fixture
def proxy(server: ClickHouseServer) -> Iterator[FaultProxy]:
    with FaultProxy("127.0.0.1", server.port) as started:
        yield started


@pytest.mark.parametrize(
    "fault", [Fault(cut_after=300_000), Fault(reset_after=300_000)], ids=["cut", "reset"]
)
def test_a_proxy_that_breaks_off_is_noticed_and_forgiven(
    host: Headwater, add: AddSource, proxy: FaultProxy, fault: Fault
) -> None:
    name = add(url=f"http://{proxy.address}")
    proxy.fault = fault
    with pytest.raises((DownstreamConnectionError, DownstreamProtocolError)):
        host.query(name, "SELECT number FROM numbers(1000000)")
    proxy.fault = Fault()
    assert host.query(name, "SELECT number FROM numbers(1000000)").num_rows == 1_000_000


def test_a_flipped_byte_does_not_crash(host: Headwater, add: AddSource, proxy: FaultProxy) -> None:
    name = add(url=f"http://{proxy.address}")
    for offset in range(0, 2200, 61):
        proxy.fault = Fault(corrupt_at=offset)
        try:
            host.query(name, "SELECT number, toString(number) AS s FROM numbers(10)", timeout=2)
        except HeadwaterError:
            proxy.drop_connections()


def test_a_proxys_own_error_page_is_shown(host: Headwater) -> None:
    with serve(answer(b"upstream is down", status="503 Service Unavailable")) as scripted:
        host.add_data_source(name="scripted", type="clickhouse", url=scripted.url)
        with pytest.raises(DownstreamServerError, match="503: upstream is down") as caught:
            host.query("scripted", "SELECT 1")
    assert caught.value.retryable


@pytest.mark.parametrize(
    "progress", ["[" * 60_000, '{"read_rows": Infinity, "read_bytes": 1}', "[]", '{"read_rows": "x"}', "\xff"]
)
def test_progress_that_makes_no_sense_is_passed_over(host: Headwater, progress: str) -> None:
    with serve(answer(b"no", status="500 Oops", headers={"X-ClickHouse-Progress": progress})) as scripted:
        host.add_data_source(name="scripted", type="clickhouse", url=scripted.url)
        with pytest.raises(DownstreamServerError, match="status code 500: no"):
            host.query("scripted", "SELECT 1")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        ("401 Unauthorized", b"no org id", r"\(status 401\): no org id$"),
        ("403 Forbidden", b'{"error": {"message": "not yours"}}', r"\(status 403\): not yours$"),
        ("429 Too Many Requests", b'{"code": 429, "message": "slow down"}', "code 429: slow down$"),
    ],
)
def test_a_proxys_refusal_keeps_its_words(host: Headwater, status: str, body: bytes, said: str) -> None:
    with serve(answer(body, status=status)) as scripted:
        host.add_data_source(name="scripted", type="clickhouse", url=scripted.url)
        with pytest.raises(DownstreamError, match=said):
            host.query("scripted", "SELECT 1")


def test_a_cancelled_query_that_ignores_us_ends_here(host: Headwater) -> None:
    asked = threading.Event()

    def ignore(request: Request, connection: socket.socket) -> None:
        asked.set()
        connection.settimeout(10)
        connection.recv(1)

    with serve(ignore) as scripted:
        host.add_data_source(name="deaf", type="clickhouse", url=scripted.url)
        with pytest.raises(HeadwaterError):
            host.query("deaf", "SELECT 1", timeout=0.5)
    assert asked.is_set()
