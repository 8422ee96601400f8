"""What the benchmarks share: contenders timed in shuffled rounds, and a table of medians and ratios."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping


def time_side_by_side(
    contenders: Mapping[str, Callable[[], object]], *, rounds: int, calls: int = 1
) -> dict[str, list[float]]:
    """Seconds per call, one figure a round. Each round runs all contenders in a new order.

    A machine's mood changes within a run, so figures of one run compare; those of two runs may not.
    """
    for call in contenders.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            call = contenders[name]
            started = time.perf_counter()
            for _ in range(calls):
                call()
            seconds[name].append((time.perf_counter() - started) / calls)
    return seconds


def print_table(title: str, seconds: Mapping[str, list[float]], *, unit: str = "ms") -> None:
    """Median, least and most of each contender, and its ratio to the first one's median."""
    factor = {"s": 1.0, "ms": 1e3, "µs": 1e6}[unit]
    first = statistics.median(next(iter(seconds.values())))
    print(f"\n{title} (median, min, max in {unit}; ratio of medians)")
    for name, figures in seconds.items():
        median = statistics.median(figures)
        shown = "".join(f"{factor * value:10.2f}" for value in (median, min(figures), max(figures)))
        print(f"  {name:44}{shown}{median / first:9.2f}")
