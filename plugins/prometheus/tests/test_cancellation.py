"""Many queries that are cancelled at the same time are all over at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from headwater import CallContext, Headwater
from headwater.calls import QueryLimits
from headwater.errors import QueryCanceledError
from servers.process import eventually
from servers.prometheus import V2, PrometheusServer, start_prometheus

# Keeps a server busy for minutes: an addition at each second of a hundred days.
ENDLESS = {"expr": "sum_over_time((vector(time()) + vector(time()))[100d:1s])", "instant": True}


@pytest.fixture(scope="module")
def server() -> Iterator[PrometheusServer]:
    """It evaluates two queries at a time and lets the others wait, so that it has time left to answer us.

    Later versions do not count those that wait.
    """
    with start_prometheus(V2, flags=["--query.max-concurrency=2"]) as started:
        yield started


@pytest.mark.parametrize(
    ("rounds", "at_once"),
    [
        (5, 1), (3, 20),
        pytest.param(500, 1, marks=pytest.mark.slow),
        pytest.param(25, 20, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_all_are_over_within_a_second_and_leave_the_server(
    server: PrometheusServer, rounds: int, at_once: int
) -> None:
    """The server looks for it between the steps of an evaluation, and takes its time over a step."""

    def ask(context: CallContext) -> None:
        with pytest.raises(QueryCanceledError):
            host.query("prom", ENDLESS, context=context)

    def running(count: int) -> bool:
        return server.metric("prometheus_engine_queries") == count

    limits = QueryLimits(max_concurrent_queries=at_once)
    with Headwater(allow_plugins=["prometheus"], limits=limits) as host, ThreadPoolExecutor(40) as threads:
        host.add_data_source(name="prom", type="prometheus", url=server.url)
        for _ in range(rounds):
            contexts = [CallContext(timeout=60) for _ in range(at_once)]
            asking = [threads.submit(ask, context) for context in contexts]
            assert eventually(lambda: running(at_once), 20)
            for context in contexts:
                threads.submit(context.cancel)
            for each in asking:
                each.result(timeout=1)
            assert eventually(lambda: running(0), 20), "the server still works on some"
