"""Many queries that are cancelled at the same time are all gone from the server at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from headwater import CallContext, Headwater
from headwater.calls import QueryLimits
from headwater.errors import QueryCanceledError
from servers.clickhouse import ClickHouseServer
from servers.process import eventually

RUNNING = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleepEachRow%'"
SLEEP = "SELECT sleepEachRow(0.05) FROM numbers(1000) SETTINGS max_block_size = 1"


@pytest.mark.parametrize(
    ("rounds", "at_once"),
    [
        (5, 1), (3, 20),
        pytest.param(500, 1, marks=pytest.mark.slow),
        pytest.param(25, 20, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_all_are_gone_from_the_server_within_a_second(
    server: ClickHouseServer, rounds: int, at_once: int
) -> None:
    def ask(context: CallContext) -> None:
        with pytest.raises(QueryCanceledError):
            host.query("ch", SLEEP, context=context)

    def running(count: int) -> bool:
        return server.command(RUNNING).strip() == str(count)

    limits = QueryLimits(max_concurrent_queries=at_once)
    with Headwater(allow_plugins=["clickhouse"], limits=limits) as host, ThreadPoolExecutor(40) as threads:
        host.add_data_source(name="ch", type="clickhouse", url=server.url)
        for _ in range(rounds):
            contexts = [CallContext(timeout=60) for _ in range(at_once)]
            asking = [threads.submit(ask, context) for context in contexts]
            assert eventually(lambda: running(at_once), 20)
            for context in contexts:
                threads.submit(context.cancel)
            assert eventually(lambda: running(0), 1), "the server still works on some"
            for each in asking:
                each.result()
