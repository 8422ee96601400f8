"""PromQL to a labelled table, end to end against a running Prometheus: 2,000 series of 1,000 samples.

Each measurement is a process of its own, so that peak memory is that contender's alone. Imports do
not count. Peers that are not installed (prometheus-api-client, prometheus-pandas) are left
out. Needs `tests` on PYTHONPATH.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import random
import statistics
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from memory import peak_mib

from servers.prometheus import V3, start_prometheus

SERIES, SAMPLES, STEP = 2_000, 1_000, 15
START = 1_704_067_200
END = START + (SAMPLES - 1) * STEP
ROUNDS = 5
NEEDS = {"prometheus-api-client": "prometheus_api_client", "prometheus-pandas": "prometheus_pandas"}


def main() -> None:
    if len(sys.argv) == 3:
        measure(sys.argv[1], sys.argv[2])
        return
    contenders = [name for name in CONTENDERS if _is_installed(NEEDS.get(name))]
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in contenders}
    with start_prometheus(V3, openmetrics=openmetrics()) as server:
        for number in range(ROUNDS + 1):
            random.shuffle(contenders)
            for name in contenders:
                figure = _run(name, server.url)
                if number:  # the first round warms the server up
                    figures[name].append(figure)
    print_figures({name: figures[name] for name in CONTENDERS if name in figures})


def openmetrics() -> str:
    random.seed(7)
    lines = ["# TYPE load gauge"]
    for series in range(SERIES):
        labels = f'job="job-{series % 20}",instance="host-{series}:9100",zone="z{series % 3}"'
        lines += [f"load{{{labels}}} {random.random()!r} {START + n * STEP}" for n in range(SAMPLES)]
    return "\n".join([*lines, "# EOF", ""])


def measure(name: str, url: str) -> None:
    """Run one contender in this process and print seconds, CPU seconds and peak memory as JSON."""
    import time

    call = CONTENDERS[name](url)
    started, used = time.perf_counter(), time.process_time()
    samples = call()
    seconds, used = time.perf_counter() - started, time.process_time() - used
    assert samples == SERIES * SAMPLES, samples
    print(json.dumps([seconds, used, peak_mib()]))


def print_figures(figures: dict[str, list[tuple[float, float, float]]]) -> None:
    """CPU time is that of the contender alone, and tells more where the machine has other work."""
    print(f"\n{SERIES} series x {SAMPLES} samples from Prometheus 3.5 on loopback, {ROUNDS} shuffled rounds")
    heads = ("median s", "min s", "max s", "ratio", "CPU s", "ratio", "peak MiB")
    print(f"  {'':26}" + "".join(f"{head:>10}" for head in heads))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in figures.items()
    }
    first = medians["headwater long"]
    for name, rows in figures.items():
        seconds, used, peak = medians[name]
        least, most = min(row[0] for row in rows), max(row[0] for row in rows)
        shown = "".join(
            f"{each:10.2f}" for each in (seconds, least, most, seconds / first[0], used, used / first[1])
        )
        print(f"  {name:26}{shown}{peak:10.0f}")


def headwater(layout: str, *, stream: bool = False) -> Callable[[str], Callable[[], int]]:
    def prepare(url: str) -> Callable[[], int]:
        import logging

        import structlog

        from headwater import Headwater, QueryLimits, TimeRange

        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        host = Headwater(limits=QueryLimits(max_rows=None, max_bytes=None))
        host.add_data_source(name="source", type="prometheus", url=url)
        host.check_health("source")  # loads the data source's modules
        window = TimeRange.from_epoch_ms(START * 1000, END * 1000)
        query = {"expr": "load", "layout": layout, "interval": f"{STEP}s"}

        def samples(rows: int, columns: int) -> int:
            return rows * (columns - 1) if layout == "wide" else rows

        def collect() -> int:
            frames = host.query_frames("source", query, time_range=window)
            return sum(samples(len(frame), frame.num_columns) for frame in frames)

        def read() -> int:
            with host.stream("source", query, time_range=window) as batches:
                return sum(samples(batch.num_rows, batch.num_columns) for batch in batches)

        return read if stream else collect

    return prepare


def api_client(url: str) -> Callable[[], int]:
    peer = importlib.import_module("prometheus_api_client")
    connection = peer.PrometheusConnect(url=url)
    start, end = datetime.fromtimestamp(START, UTC), datetime.fromtimestamp(END, UTC)
    return lambda: len(
        peer.MetricRangeDataFrame(connection.custom_query_range("load", start, end, str(STEP)))
    )


def pandas_client(url: str) -> Callable[[], int]:
    connection = importlib.import_module("prometheus_pandas.query").Prometheus(url)
    return lambda: int(connection.query_range("load", START, END, f"{STEP}s").size)


CONTENDERS: dict[str, Callable[[str], Callable[[], int]]] = {
    "headwater long": headwater("long"),
    "headwater wide": headwater("wide"),
    "headwater multi": headwater("multi"),
    "headwater long, stream": headwater("long", stream=True),
    "headwater wide, stream": headwater("wide", stream=True),
    "prometheus-api-client": api_client,
    "prometheus-pandas": pandas_client,
}


def _run(name: str, url: str) -> tuple[float, float, float]:
    command = [sys.executable, "-W", "ignore", __file__, name, url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    seconds, used, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, used, peak


def _is_installed(module: str | None) -> bool:
    return module is None or importlib.util.find_spec(module) is not None


if __name__ == "__main__":
    main()
