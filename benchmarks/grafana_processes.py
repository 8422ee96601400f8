"""What a plugin in a process of its own costs: its start, small queries, a million rows."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import structlog
from memory import resident_mib
from timing import print_table, time_side_by_side

from headwater import Headwater
from headwater_grafana import Isolation

ROWS = 1_000_000
SMALL = {"scenario": "random_walk", "seed": 1, "rows": 100}
LARGE = {"scenario": "streaming_rows", "rows": ROWS, "batchRows": 65_536}


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print_starts()
    with Headwater() as here, isolated() as there:
        for host in (here, there):
            host.add_data_source("demo", type="testdata")
        small: dict[str, Callable[[], object]] = {
            "in this process": lambda: here.query("demo", SMALL, from_=0, to=10_000),
            "in a process of its own": lambda: there.query("demo", SMALL, from_=0, to=10_000),
        }
        seconds = time_side_by_side(small, rounds=100, calls=10)
        print_table("One small frame", seconds)
        added = statistics.median(seconds["in a process of its own"]) - statistics.median(
            seconds["in this process"]
        )
        print(f"  adds {1e3 * added:.2f} ms (aim: at most 1.5 ms)")
        idle = resident_mib(process_of(there))
        here_before, there_before = resident_mib(), idle
        large: dict[str, Callable[[], object]] = {
            "in this process": lambda: drained(here),
            "in a process of its own": lambda: drained(there),
        }
        seconds = time_side_by_side(large, rounds=15)
        print_table(f"{ROWS:,} rows of 4 columns, streamed", seconds)
        size, first = drained(there)
        median = statistics.median(seconds["in a process of its own"])
        print(f"  {size / 1e6 / median:.0f} MB/s (aim: at least 150), ", end="")
        print(f"first chunk after {1e3 * first:.1f} ms (aim: at most 10)")
        print(f"  memory: the host's +{resident_mib() - here_before:.0f} MB (aim: 60), ", end="")
        print(f"the plugin's +{resident_mib(process_of(there)) - there_before:.0f} MB (aim: 100)")
        print(f"  an idle process: {idle:.0f} MB (aim: 100)")


@contextmanager
def isolated() -> Any:
    with Headwater(allow_plugins={"testdata"}, plugin_sources=[Isolation()]) as host:
        yield host


def print_starts() -> None:
    seconds = []
    for _ in range(7):
        with isolated() as host:
            started = time.perf_counter()
            host.add_data_source("demo", type="testdata")
            host.query("demo", SMALL)
            seconds.append(time.perf_counter() - started)
    print_table("From nothing to the first answer (aim: 0.8 s)", {"testdata": seconds}, unit="s")


def drained(host: Headwater) -> tuple[int, float]:
    """Bytes of the answer, and seconds until its first batch."""
    started = time.perf_counter()
    with host.stream("demo", LARGE) as stream:
        first = time.perf_counter() - started
        return sum(batch.nbytes for batch in stream), first


def process_of(host: Headwater) -> str:
    plugin: Any = host.registry.plugin("testdata")
    return str(plugin.implementation.supervisor.process.pid)


if __name__ == "__main__":
    main()
