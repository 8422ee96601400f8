"""The way to a server: rights, settings, parameters, cancellation, progress."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from headwater import CallContext, Headwater
from headwater.errors import (
    DownstreamAuthError,
    HeadwaterError,
    QueryCanceledError,
    QueryError,
    ValidationError,
)
from servers.clickhouse import ADMIN, ADMIN_PASSWORD, READER, READER_PASSWORD, ClickHouseServer
from servers.nginx import start_nginx
from servers.scripted_http import Request, raw, serve

AddSource = Callable[..., str]
AS_READER = {"user": READER, "secure_json_data": {"password": READER_PASSWORD}}


def value(host: Headwater, name: str, expression: str, **options: Any) -> Any:
    return host.query(name, f"SELECT {expression} AS v", **options).table.column("v")[0].as_py()


def test_a_password_of_any_characters_works(host: Headwater, add: AddSource) -> None:
    name = add(user=ADMIN, secure_json_data={"password": ADMIN_PASSWORD})
    assert value(host, name, "currentUser()") == ADMIN


def test_queries_run_read_only_unless_writes_are_allowed(
    host: Headwater, add: AddSource, server: ClickHouseServer
) -> None:
    reading, writing = add(), add(json_data={"allowWrites": True})
    assert value(host, reading, "getSetting('readonly')") == 2
    with pytest.raises(QueryError, match="allowWrites"):
        host.query(reading, "CREATE TABLE made (a Int8) ENGINE = Memory")
    assert host.query(writing, "CREATE TABLE made (a Int8) ENGINE = Memory").num_columns == 0
    assert server.command("EXISTS made") == "1\n"


@pytest.mark.parametrize(
    ("statement", "left_behind"),
    [
        ("SET max_block_size = 77", "getSetting('max_block_size') = 77"),
        ("USE system", "currentDatabase() = 'system'"),
    ],
)
def test_a_statement_leaves_nothing_to_the_next_query(
    host: Headwater, add: AddSource, statement: str, left_behind: str
) -> None:
    name = add(json_data={"allowWrites": True})
    host.query(name, statement)
    assert value(host, name, left_behind) == 0


def test_a_user_who_may_set_nothing_can_still_query(host: Headwater, add: AddSource) -> None:
    name = add(**AS_READER)
    query = {
        "rawSql": "SELECT toDateTime(1) AS t, {x:String} AS x, getSetting('readonly') AS r",
        "params": {"x": "ü"},
    }
    (row,) = host.query(name, query).table.to_pylist()
    assert (row["t"].timestamp(), row["x"], row["r"]) == (1.0, "ü", 1)
    assert "readonly=1" in host.check_health(name).details["settings"]


def test_a_user_who_may_set_nothing_cannot_do_so_in_a_query(host: Headwater, add: AddSource) -> None:
    with pytest.raises(QueryError, match="readonly mode") as caught:
        host.query(add(**AS_READER), "SELECT 1 SETTINGS max_threads = 1")
    assert caught.value.code == 164  # type: ignore[attr-defined]


def test_settings_that_cannot_be_applied_are_an_error(host: Headwater, add: AddSource) -> None:
    custom = {"customSettings": [{"setting": "max_threads", "value": "2"}]}
    assert value(host, add(json_data=custom), "getSetting('max_threads')") == 2
    with pytest.raises(ValidationError, match="customSettings"):
        host.query(add(json_data=custom, **AS_READER), "SELECT 1")
    unknown = {"customSettings": [{"setting": "no_such_setting", "value": "2"}]}
    with pytest.raises(ValidationError, match="no_such_setting"):
        host.query(add(json_data=unknown), "SELECT 1")


@pytest.mark.parametrize(("chosen", "sent"), [("auto", "none"), ("lz4", "lz4_frame"), ("zstd", "zstd")])
def test_arrow_is_compressed_as_chosen(host: Headwater, add: AddSource, chosen: str, sent: str) -> None:
    name = add(json_data={"arrowCompression": chosen})
    assert value(host, name, "toString(getSetting('output_format_arrow_compression_method'))") == sent
    table = host.query(name, "SELECT number, toString(number % 7) AS s FROM numbers(200000)").table
    assert table.column("number").to_pylist() == list(range(200_000))


def test_the_deadline_reaches_the_server(host: Headwater, add: AddSource) -> None:
    assert value(host, add(), "getSetting('max_execution_time')", timeout=7) == 7


def test_the_row_limit_counts_on_the_server_and_here(host: Headwater, add: AddSource) -> None:
    name = add(json_data={"enableRowLimit": True, "rowLimit": 10})
    frame = host.query(name, "SELECT number FROM numbers(1000000000000)")
    assert frame.num_rows == 10
    assert "limited to 10" in frame.notices[0].text
    assert host.query(name, "SELECT number FROM numbers(10)").notices == ()


def test_the_default_database_is_used(host: Headwater, add: AddSource) -> None:
    assert value(host, add(database="system"), "currentDatabase()") == "system"
    assert value(host, add(json_data={"defaultDatabase": "system"}), "currentDatabase()") == "system"


def test_an_address_can_be_given_as_grafana_does(
    host: Headwater, add: AddSource, server: ClickHouseServer
) -> None:
    name = add(url="", json_data={"host": "127.0.0.1", "port": str(server.port), "protocol": "http"})
    assert value(host, name, "1") == 1
    with pytest.raises(ValidationError, match="native"):
        host.query(add(url="", json_data={"host": "127.0.0.1", "protocol": "native"}), "SELECT 1")


def processes(server: ClickHouseServer, marker: str) -> int:
    return int(
        server.command(
            f"SELECT count() FROM system.processes "
            f"WHERE query LIKE '%{marker}%' AND query NOT LIKE '%system.processes%'"
        )
    )


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


@pytest.mark.parametrize("fields", [{}, AS_READER], ids=["default", "readonly=1"])
def test_a_cancelled_query_is_gone_from_the_server_within_a_second(
    host: Headwater, add: AddSource, server: ClickHouseServer, fields: dict[str, Any]
) -> None:
    name, marker = add(**fields), f"marker{time.time_ns()}"
    sql = f"SELECT sum(sipHash64(number)) AS {marker} FROM numbers(100000000000)"
    context = CallContext()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            host.query(name, sql, context=context)
        except HeadwaterError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert wait_until(lambda: processes(server, marker) == 1, 10)
    context.cancel()
    assert wait_until(lambda: processes(server, marker) == 0, 1)
    thread.join(5)
    assert isinstance(errors[0], QueryCanceledError)


def test_a_stream_that_is_closed_early_is_gone_from_the_server(
    host: Headwater, add: AddSource, server: ClickHouseServer
) -> None:
    marker = f"marker{time.time_ns()}"
    stream = host.stream(add(), f"SELECT number AS {marker} FROM system.numbers")
    next(stream)
    assert processes(server, marker) == 1
    stream.close()
    assert wait_until(lambda: processes(server, marker) == 0, 1)


def test_a_deadline_ends_the_query_on_the_server(
    host: Headwater, add: AddSource, server: ClickHouseServer
) -> None:
    marker = f"marker{time.time_ns()}"
    sql = f"SELECT sum(sipHash64(number)) AS {marker} FROM numbers(100000000000)"
    with pytest.raises(HeadwaterError) as caught:
        host.query(add(), sql, timeout=0.5)
    assert caught.value.status == 504
    assert wait_until(lambda: processes(server, marker) == 0, 1)


def test_progress_is_reported_while_the_query_runs(host: Headwater, add: AddSource) -> None:
    seen: list[Any] = []
    host.query(
        add(), "SELECT sum(number) FROM numbers(6000000000) SETTINGS max_threads = 1", on_progress=seen.append
    )
    assert len(seen) >= 2
    assert [progress.rows for progress in seen] == sorted(progress.rows for progress in seen)
    assert seen[-1].total_rows == 6_000_000_000


def test_queries_run_side_by_side(host: Headwater, add: AddSource) -> None:
    name, answers = add(), []

    def run(number: int) -> None:
        answers.append(value(host, name, f"{number} + sleep(0.2)"))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(6))
    assert time.monotonic() - start < 6 * 0.2


@pytest.mark.parametrize("column", ["number", "s", "n"], ids=["integers", "text", "nulls"])
def test_a_partitioned_read_returns_every_row_once(host: Headwater, add: AddSource, column: str) -> None:
    query = {
        "rawSql": "SELECT number, toString(number) AS s, nullIf(number % 5, 0) AS n FROM numbers(300000)",
        "partitions": 3,
        "partitionColumn": column,
    }
    frame = host.query(add(), query)
    assert sorted(frame.table.column("number").to_pylist()) == list(range(300_000))
    assert "several connections" in frame.notices[0].text


def test_one_failing_partition_fails_the_read(host: Headwater, add: AddSource) -> None:
    query = {
        "rawSql": "SELECT number, throwIf(number = 2999999) FROM numbers(3000000)",
        "partitions": 3,
        "partitionColumn": "number",
    }
    with pytest.raises(QueryError, match="throwIf"):
        host.query(add(), query, max_rows=None, max_bytes=None)


def test_parameters_pass_a_proxy_that_bounds_urls(host: Headwater, server: ClickHouseServer) -> None:
    values = [i / 7 for i in range(5000)]
    query = {
        "rawSql": "SELECT length({v:Array(Float64)}) AS n, {t:String} AS t",
        "params": {"v": values, "t": "ü\r\n-"},
    }
    with start_nginx({"/": server.url}) as url:
        host.add_data_source(name="behind nginx", type="clickhouse", url=url)
        assert host.query("behind nginx", query).table.to_pylist() == [{"n": 5000, "t": "ü\r\n-"}]


def test_a_long_statement_has_parameters_too(host: Headwater, add: AddSource) -> None:
    text = "x" * 200_000
    query = {"rawSql": f"SELECT length('{text}') AS n, {{v:String}} AS v", "params": {"v": "y"}}
    assert host.query(add(), query).table.to_pylist() == [{"n": 200_000, "v": "y"}]


def test_a_parameter_that_is_too_long_is_named_with_the_limit(host: Headwater, add: AddSource) -> None:
    longest = {"rawSql": "SELECT length({v:String}) AS n", "params": {"v": "ü" * 65_536}}
    assert host.query(add(), longest).table.column("n").to_pylist() == [131_072]
    with pytest.raises(
        ValidationError, match=r"params\.v.*has 9,000,000 bytes.*at most 131,072.*http_max_field"
    ):
        host.query(add(), {**longest, "params": {"short": 1, "v": "x" * 9_000_000}})


OK_ANSWER = raw(b"HTTP/1.1 200 OK\r\nX-ClickHouse-Summary: {}\r\nContent-Length: 0\r\n\r\n", close=False)


def request_of(host: Headwater, context: CallContext | None = None, **fields: Any) -> Request:
    """What a query sends, seen by a server that answers nothing."""
    with serve(OK_ANSWER) as scripted:
        host.add_data_source(**{"name": "seen", "type": "clickhouse", "url": scripted.url, **fields})
        host.query("seen", "SELECT 1", context=context or CallContext())
        return scripted.requests[0]


def test_parameters_are_not_part_of_the_address(host: Headwater) -> None:
    with serve(OK_ANSWER) as scripted:
        host.add_data_source(name="seen", type="clickhouse", url=scripted.url)
        host.query("seen", {"rawSql": "SELECT {v:String}", "params": {"v": "s3cret"}})
        (request,) = scripted.requests
    assert "s3cret" not in request.target
    assert b"s3cret" in request.body


def test_custom_headers_are_sent_and_secure_ones_stay_secret(host: Headwater) -> None:
    headers = [{"name": "X-Team", "value": "blue"}, {"name": "X-Key", "secure": True}]
    request = request_of(
        host, json_data={"httpHeaders": headers}, secure_json_data={"secureHttpHeaders.X-Key": "s3cret"}
    )
    assert (request.headers["x-team"], request.headers["x-key"]) == ("blue", "s3cret")


def test_a_bearer_token_is_sent_instead_of_a_password(host: Headwater) -> None:
    request = request_of(host, secure_json_data={"bearerToken": "jwt"})
    assert request.headers["authorization"] == "Bearer jwt"


def test_basic_auth_of_a_proxy_leaves_clickhouses_own_headers_to_the_user(host: Headwater) -> None:
    request = request_of(
        host,
        user="u",
        basic_auth=True,
        basic_auth_user="proxy",
        secure_json_data={"password": "p", "basicAuthPassword": "q"},
    )
    assert request.headers["authorization"].startswith("Basic ")
    assert (request.headers["x-clickhouse-user"], request.headers["x-clickhouse-key"]) == ("u", "p")


def test_the_callers_headers_are_forwarded_if_wanted_but_never_the_identity(host: Headwater) -> None:
    context = CallContext(
        headers={"X-Dashboard-Uid": "d1", "Authorization": "Bearer theirs", "Cookie": "a=b"}
    )
    request = request_of(host, context, json_data={"forwardGrafanaHeaders": True})
    assert request.headers["x-dashboard-uid"] == "d1"
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers


def test_a_callers_token_is_only_forwarded_over_verified_tls(host: Headwater, add: AddSource) -> None:
    with pytest.raises(ValidationError, match="https"):
        host.query(add(json_data={"oauthPassThru": True}), "SELECT 1")
    unverified = add(url="https://127.0.0.1:1", json_data={"oauthPassThru": True, "tlsSkipVerify": True})
    with pytest.raises(ValidationError, match="https"):
        host.query(unverified, "SELECT 1")
    with pytest.raises(DownstreamAuthError, match="no identity"):
        host.query(add(url="https://127.0.0.1:1", json_data={"oauthPassThru": True}), "SELECT 1")


def test_an_old_server_is_named_as_too_old(host: Headwater, old_server: ClickHouseServer) -> None:
    host.add_data_source(name="old", type="clickhouse", url=old_server.url)
    with pytest.raises(HeadwaterError, match=r"18\.16\.1 is too old: it cannot answer in Arrow"):
        host.query("old", "SELECT 1")
    health = host.check_health("old")
    assert "too old" in health.message
    assert health.details["version"] == "18.16.1"
