"""The tables that the benchmarks of frames share, and extra peak memory of a call in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from memory import forget_peak, peak_mib, resident_mib


def mixed_table(rows: int) -> pa.Table:
    """Timestamps, floats with NaN and nulls, nullable integers, 100 different strings with quotes."""
    source = np.random.default_rng(1)
    floats = source.normal(size=rows) * 100
    floats[source.random(rows) < 0.01] = np.nan
    texts = pa.array([f'host "{number}" in zone' for number in range(100)])
    return pa.table(
        {
            "time": pa.array(1_700_000_000_000 + np.arange(rows) * 1_000, pa.timestamp("ms")),
            "value": pa.array(floats, mask=source.random(rows) < 0.05),
            "count": pa.array(source.integers(-(10**6), 10**6, rows), mask=source.random(rows) < 0.05),
            "host": texts.take(pa.array(source.integers(0, 100, rows))),
        }
    )


def numbers_table(rows: int, columns: int) -> pa.Table:
    """Times in milliseconds, and floats."""
    source = np.random.default_rng(4)
    times = pa.array(1_700_000_000_000 + np.arange(rows) * 1_000, pa.timestamp("ms"))
    return pa.table({"time": times} | {f"value {n}": source.normal(size=rows) for n in range(1, columns)})


def distinct_strings(rows: int) -> pa.Table:
    """Strings that hardly repeat."""
    numbers = np.random.default_rng(2).integers(0, 10**9, rows)
    return pa.table({"user": pa.array([f"user-{number}@example.com" for number in numbers])})


def long_table(times: int, series: int) -> pa.Table:
    """A long series, sorted by time: each time has a row of every series."""
    hosts = pa.array([f"host-{number:04d}" for number in range(series)])
    return pa.table(
        {
            "time": pa.array(np.repeat(np.arange(times) * 1_000, series), pa.timestamp("ms")),
            "host": hosts.take(pa.array(np.tile(np.arange(series), times))),
            "value": np.random.default_rng(3).normal(size=times * series),
        }
    )


def extra_peak_mib(call: Callable[[], object]) -> float:
    """MiB that the resident memory of this process peaks above where it stands, during `call`. Linux only."""
    forget_peak()
    before = resident_mib()
    call()
    return peak_mib() - before


def extra_peak_in_child(script: str, contender: str) -> float:
    """`extra_peak_mib` of one contender, measured by `script --memory contender`."""
    result = subprocess.run(
        [sys.executable, script, "--memory", contender], capture_output=True, text=True, check=True
    )
    return float(result.stdout.split()[-1])
