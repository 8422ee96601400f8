"""Every plugin with a server, behind a network that fails: each query ends in time, with the right rows or an
error that says what it was; the next one is answered; and nothing is left behind."""

from __future__ import annotations

import gc
import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from attrs import frozen

from chaos.faults import FAULTS
from chaos.hosts import descriptors
from chaos.sources import SOURCES, TIMES, Source
from headwater import Headwater
from headwater.errors import HeadwaterError, PluginRequestFailedError
from headwater.testing import Fault, FaultProxy
from options import chosen
from servers.process import eventually

TIMEOUT = 2.0
"""Seconds that each query gets. It may take one more to end."""
AT_ONCE = 12
DOWN = "down"

pytestmark = pytest.mark.timeout(3600)


@frozen
class Case:
    """What came of one query under a fault. `late` is how many seconds it ended after its time."""

    kind: str
    seed: int
    outcome: str
    late: float
    recovered: bool
    connections_left: int


@pytest.fixture(scope="module", params=SOURCES)
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    with SOURCES[request.param]() as started:
        yield started


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> int:
    return int(chosen(request.config, "seeds", usual=50, quick=2))


def test_every_query_ends_in_time_and_well_or_with_an_error_that_says_why(
    source: Source, seeds: int, report: list[str], request: pytest.FixtureRequest
) -> None:
    size = _answer_size(source)
    before = _held()
    with Headwater(allow_plugins={source.plugin}, grace=0.5) as host, ThreadPoolExecutor(AT_ONCE) as threads:
        order = [(kind, seed) for kind in (DOWN, *FAULTS) for seed in range(seeds)]
        random.Random(seeds).shuffle(order)
        cases = list(threads.map(lambda each: run_case(host, source, size, *each), order))
    eventually(lambda: _held().within(before), 40)  # an idle worker thread ends after half a minute
    after = _held()

    report += _table(request.node.callspec.params["source"], cases, size)
    report += [f"Before: {before}, afterwards: {after}.", ""]
    assert [case for case in cases if case.late > 1.0] == []
    assert [case for case in cases if case.outcome.startswith("BUG")] == []
    # Nothing but TLS notices a byte that has changed on the way.
    intact = [case for case in cases if case.kind != "corrupt"]
    assert [case for case in intact if case.outcome.startswith("WRONG")] == []
    assert [case for case in intact if not case.recovered] == []
    if source.can_be_woken:
        assert [case for case in cases if case.connections_left] == []
    assert after.within(before)


def run_case(host: Headwater, source: Source, size: int, kind: str, seed: int) -> Case:
    name = f"{kind} {seed}"
    fault = Fault() if kind == DOWN else FAULTS[kind](random.Random(name), size)
    with FaultProxy("127.0.0.1", source.port, fault) as proxy:
        host.add_data_source(name=name, type=source.plugin, **source.fields(proxy.address))
        with proxy.down() if kind == DOWN else nullcontext():
            started = time.monotonic()
            outcome = _ask(host, source, name, TIMEOUT)
            late = time.monotonic() - started - TIMEOUT
        proxy.fault = Fault()
        recovered = any(_ask(host, source, name, 10) == "rows" for _ in range(3))
        host.remove_data_source(name)
        if not eventually(lambda: proxy.open_connections == 0, 1):
            gc.collect()  # as the HTTP host does when calls were cancelled
            eventually(lambda: proxy.open_connections == 0, 5)
        return Case(kind, seed, outcome, late, recovered, proxy.open_connections)


def _ask(host: Headwater, source: Source, name: str, timeout: float) -> str:
    """`rows`, or the kind of error; BUG or WRONG if it is neither."""
    try:
        table = host.query(name, source.query, time_range=TIMES, timeout=timeout).table
    except PluginRequestFailedError as error:
        return f"BUG {error.__cause__!r}"
    except HeadwaterError as error:
        return type(error).__name__
    except BaseException as error:
        return f"BUG {error!r}"
    return "rows" if table.columns and table.columns[-1].to_pylist() == source.answer else "WRONG rows"


def _answer_size(source: Source) -> int:
    """Bytes that a healthy server sends for the query, log-in included."""
    with FaultProxy("127.0.0.1", source.port) as proxy, Headwater(allow_plugins={source.plugin}) as host:
        host.add_data_source(name="healthy", type=source.plugin, **source.fields(proxy.address))
        assert _ask(host, source, "healthy", 10) == "rows"
        return proxy.bytes_passed


@frozen
class Held:
    """What this process holds."""

    threads: int
    descriptors: int

    def within(self, other: Held) -> bool:
        return self.threads <= other.threads and self.descriptors <= other.descriptors

    def __str__(self) -> str:
        return f"{self.threads} threads, {self.descriptors} file descriptors"


def _held() -> Held:
    """Without the threads of the Flight server, which is in this process and not under test."""
    names = [thread.name for thread in threading.enumerate()]
    own = [name for name in names if not name.startswith(("Dummy", "headwater-flight"))]
    return Held(len(own), descriptors(os.getpid()))


def _table(title: str, cases: Sequence[Case], size: int) -> list[str]:
    by_kind: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_kind[case.kind].append(case)
    lines = [
        f"**{title}**, {len(cases)} queries, answers of {size:,} bytes", "",
        "| fault | right rows | errors | longest, s | answered afterwards | connections left |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for kind, found in by_kind.items():
        outcomes = Counter(case.outcome for case in found)
        errors = ", ".join(f"{name} {count}" for name, count in outcomes.most_common() if name != "rows")
        lines.append(
            f"| {kind} | {outcomes['rows']} | {errors or '–'} | {TIMEOUT + max(c.late for c in found):.2f} "
            f"| {sum(case.recovered for case in found)} of {len(found)} "
            f"| {sum(case.connections_left for case in found)} |"
        )
    return [*lines, ""]
