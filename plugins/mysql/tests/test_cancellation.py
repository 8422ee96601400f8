"""Cancelling: the caller is free at once, the server stops working, the data source stays usable."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from headwater import Headwater
from headwater.errors import DeadlineExceededError, QueryCanceledError
from headwater.sdk import CallContext
from servers.mysql_checks import DataSourceFactory, query, running
from servers.mysql_fake import black_hole
from servers.mysql_family import DatabaseServer
from servers.process import eventually

COLUMNS = "information_schema.COLUMNS"
BUSY = "SELECT BENCHMARK(1000000000000, SHA2('a', 512))"


@contextmanager
def cancelled_when(condition: Callable[[], bool]) -> Iterator[tuple[CallContext, list[float]]]:
    """A context that is cancelled once `condition` holds, and when that was."""
    context = CallContext(timeout=60)
    moments: list[float] = []

    def watch() -> None:
        eventually(condition, 10)
        moments.append(time.monotonic())
        context.cancel()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with context:
            yield context, moments
    finally:
        watcher.join()


@pytest.mark.parametrize("sql", ["SELECT SLEEP(30)", BUSY])
def test_a_cancelled_query_ends_within_a_second_a_hundred_times_of_a_hundred(
    server: DatabaseServer, open_data_source: DataSourceFactory, sql: str
) -> None:
    data_source = open_data_source(server)
    for _ in range(50):  # twice, with both statements
        with cancelled_when(lambda: running(server, sql[:12]) > 0) as (context, moments):
            with pytest.raises(QueryCanceledError):
                query(data_source, sql, context).read_all()
            assert time.monotonic() - moments[0] < 1
        assert eventually(lambda: running(server, sql[:12]) == 0, 1), "the server still works on it"
    assert eventually(lambda: data_source.pool.state.open == 0)
    with CallContext(timeout=10) as context:
        assert query(data_source, "SELECT 1 AS a", context).read_all().to_pylist() == [{"a": 1}]


@pytest.mark.parametrize("at_once", [5, 20])
@pytest.mark.parametrize("rounds", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_many_cancelled_at_once_are_gone_from_the_server_within_a_second(
    server: DatabaseServer, open_data_source: DataSourceFactory, at_once: int, rounds: int
) -> None:
    """Sleepers share a lock in MariaDB, over which careless KILLs stumble for two seconds."""
    data_source = open_data_source(server)

    def sleep(context: CallContext) -> None:
        with pytest.raises(QueryCanceledError):
            query(data_source, "SELECT SLEEP(30)", context).read_all()

    for _ in range(rounds):
        contexts = [CallContext(timeout=60) for _ in range(at_once)]
        with ThreadPoolExecutor(2 * at_once) as threads:
            sleeping = [threads.submit(sleep, context) for context in contexts]
            assert eventually(lambda: running(server, "SELECT SLEEP") == at_once, 10)
            for context in contexts:
                threads.submit(context.cancel)
            assert eventually(lambda: connections_of(server) == 0, 1), "the server still works on some"
            for each in sleeping:
                each.result()


def test_one_connection_to_spare_is_enough_to_end_many_statements(
    server: DatabaseServer, open_data_source: DataSourceFactory
) -> None:
    server.execute(
        "DROP USER IF EXISTS frugal", "CREATE USER frugal IDENTIFIED BY 'p' WITH MAX_USER_CONNECTIONS 6",
        "GRANT SELECT ON *.* TO frugal",
    )  # fmt: skip
    data_source = open_data_source(server, user="frugal", password="p")

    def sleep(context: CallContext) -> None:
        with pytest.raises(QueryCanceledError):
            query(data_source, "SELECT SLEEP(33)", context).read_all()

    contexts = [CallContext(timeout=60) for _ in range(5)]
    with ThreadPoolExecutor(10) as threads:
        sleeping = [threads.submit(sleep, context) for context in contexts]
        assert eventually(lambda: running(server, "SELECT SLEEP(33)") == 5, 10)
        for context in contexts:
            threads.submit(context.cancel)
        for each in sleeping:
            each.result()
    assert eventually(lambda: running(server, "SELECT SLEEP(33)") == 0, 3)


def connections_of(server: DatabaseServer) -> int:
    """How many threads the server keeps for others than who asks, busy ones included."""
    others = "FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER = 'headwater'"
    return int(server.rows(f"SELECT COUNT(*) {others}")[0][0])


def test_cancelling_in_mid_stream_ends_the_statement(
    server: DatabaseServer, open_data_source: DataSourceFactory
) -> None:
    data_source = open_data_source(server)
    sql = f"SELECT /* endless */ a.COLUMN_NAME, b.COLUMN_TYPE FROM {COLUMNS} a, {COLUMNS} b"
    with CallContext(timeout=60) as context:
        stream = query(data_source, sql, context)
        assert next(stream).num_rows > 0
        context.cancel()
        with pytest.raises(QueryCanceledError):
            list(stream)
    assert eventually(lambda: running(server, "SELECT /* endless") == 0)


def test_closing_a_stream_early_ends_the_statement(
    server: DatabaseServer, open_data_source: DataSourceFactory, context: CallContext
) -> None:
    data_source = open_data_source(server)
    sql = (
        "SELECT /* abandoned */ a.COLUMN_NAME FROM information_schema.COLUMNS a, information_schema.COLUMNS b"
    )
    with query(data_source, sql, context) as stream:
        assert next(stream).num_rows > 0
    assert eventually(lambda: running(server, "SELECT /* abandoned") == 0)
    assert eventually(lambda: data_source.pool.state.open == 0)


def test_the_deadline_ends_a_query_here_and_at_the_server(
    server: DatabaseServer, open_data_source: DataSourceFactory
) -> None:
    data_source = open_data_source(server)
    with CallContext(timeout=0.3) as context:
        started = time.monotonic()
        with pytest.raises(DeadlineExceededError):
            query(data_source, BUSY, context).read_all()
        assert time.monotonic() - started < 1.3
    assert eventually(lambda: running(server, BUSY[:12]) == 0, 1)


def test_the_server_is_told_the_deadline(server: DatabaseServer, open_data_source: DataSourceFactory) -> None:
    variable = "max_statement_time" if server.flavour == "mariadb" else "max_execution_time"
    data_source = open_data_source(server)
    with CallContext(timeout=20) as context:
        (row,) = query(data_source, f"SELECT @@session.{variable} AS v", context).read_all().to_pylist()
    with CallContext() as context:
        (unlimited,) = query(data_source, f"SELECT @@session.{variable} AS v", context).read_all().to_pylist()
    assert float(row["v"]) == (21 if server.flavour == "mariadb" else 21_000)  # a second later than our own
    assert float(unlimited["v"]) == 0


def test_a_caller_that_waits_for_a_connection_can_be_cancelled(
    server: DatabaseServer, open_data_source: DataSourceFactory
) -> None:
    data_source = open_data_source(server, max_open_conns=1)
    with CallContext(timeout=30) as holder:
        held = query(data_source, "SELECT 1 AS a FROM information_schema.COLUMNS", holder)
        with cancelled_when(lambda: data_source.pool.state.waiting == 1) as (context, moments):
            with pytest.raises(QueryCanceledError):
                query(data_source, "SELECT 2", context)
            assert time.monotonic() - moments[0] < 1
        held.close()


def test_an_attempt_to_connect_can_be_cancelled(open_data_source: DataSourceFactory) -> None:
    with black_hole() as address:
        data_source = open_data_source(url=address)
        with cancelled_when(lambda: data_source.pool.state.open == 1) as (context, moments):
            with pytest.raises(QueryCanceledError):
                query(data_source, "SELECT 1", context)
            assert time.monotonic() - moments[0] < 1
        assert data_source.pool.state.open == 0


def test_a_cancellation_that_comes_too_late_changes_nothing(
    server: DatabaseServer, open_data_source: DataSourceFactory
) -> None:
    data_source = open_data_source(server)
    with CallContext(timeout=30) as context:
        assert query(data_source, "SELECT 1 AS a", context).read_all().num_rows == 1
        context.cancel()
    assert data_source.pool.state.idle == 1


def test_queries_race_with_their_cancellation_without_losing_a_connection(
    server: DatabaseServer, open_data_source: DataSourceFactory
) -> None:
    data_source = open_data_source(server)
    for attempt in range(100):
        context = CallContext(timeout=30)
        timer = threading.Timer(attempt * 0.00002, context.cancel)
        timer.start()
        with contextlib.suppress(QueryCanceledError):
            frame = query(data_source, "SELECT 7 AS a", context).read_all()
            assert frame.to_pylist() == [{"a": 7}]
        timer.join()
        context.close()
    assert eventually(lambda: data_source.pool.state.open == data_source.pool.state.idle)
    assert data_source.pool.state.open <= 1


def test_cancelling_through_the_host_frees_the_server(server: DatabaseServer, headwater: Headwater) -> None:
    with (
        cancelled_when(lambda: running(server, "SELECT SLEEP(31)") > 0) as (context, _),
        pytest.raises(QueryCanceledError),
    ):
        headwater.query("db", "SELECT SLEEP(31)", context=context)
    assert eventually(lambda: running(server, "SELECT SLEEP(31)") == 0)


def test_cancelling_leaves_no_thread_behind(
    server: DatabaseServer, open_data_source: DataSourceFactory
) -> None:
    data_source = open_data_source(server)
    with (
        cancelled_when(lambda: running(server, "SELECT SLEEP(32)") > 0) as (context, _),
        pytest.raises(QueryCanceledError),
    ):
        query(data_source, "SELECT SLEEP(32)", context).read_all()
    data_source.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("headwater-mysql")]
