"""What the samples of a long time say, and whether anything grew."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from soak.clients import Clients
from soak.regression import drift, means, medians, per_hour
from soak.samples import Samples

WARM_UP = 0.25
"""Of the time; not looked at."""
MOST_GROWTH = 1.0
"""MB per hour."""
MOST_DRIFT = 0.1
"""Of the median latency."""
LEAST_SECONDS = 600.0
"""What a shorter run says of growth is chance."""


def show(samples: Samples, clients: Clients, seconds: float, most: float, load: float) -> int:
    """Print what the page on reliability shows. 1 if something is not as it should be."""
    rounds = len(samples.at_rest)
    minutes = max(rounds, int(seconds / 60))
    first = int(len(samples.resident) * WARM_UP)
    loaded = means(samples.resident, minutes)
    latencies = medians(clients.latencies, seconds, minutes)
    growth = per_hour(loaded[int(minutes * WARM_UP) :], seconds / minutes)
    rests = samples.at_rest[int(rounds * WARM_UP) :]
    left = per_hour(rests, seconds / rounds)
    slower = drift(latencies[int(minutes * WARM_UP) :])
    early, late = _quarters(clients, seconds)
    handles = [_ends(values[first:]) for values in (samples.threads, samples.descriptors)]
    good = {"right", "left", "edited", "rotated"}
    failed = {outcome: count for outcome, count in clients.outcomes.items() if outcome not in good}
    done = ", ".join(f"{clients.outcomes[name]:,} {name}" for name in sorted(good))
    total = sum(clients.outcomes.values())
    print(f"{seconds / 60:g} minutes, {total / seconds:.0f} requests/s, {load:.0%} of {most:.0f}: {done}\n")
    print("| | after the warm-up | at the end | |\n|---|---|---|---|")
    print(
        f"| resident memory, MB | {_cells(_ends(samples.resident[first:]))} | "
        f"{growth.change:+.2f} ± {growth.margin:.2f} MB/h |"
    )
    print(
        f"| resident memory at rest, MB | {rests[0]:.0f} | {rests[-1]:.0f} | "
        f"{left.change:+.2f} ± {left.margin:.2f} MB/h |"
    )
    print(f"| threads | {_cells(handles[0])} | |\n| file descriptors | {_cells(handles[1])} | |")
    print(
        f"| median latency, ms | {_ms(early, 0.5)} | {_ms(late, 0.5)} | "
        f"{slower.change:+.1%} ± {slower.margin:.1%} |"
    )
    print(f"| 99th percentile, ms | {_ms(early, 0.99)} | {_ms(late, 0.99)} | |\n")
    print(f"Resident MB by minute: {' '.join(f'{each:.0f}' for each in loaded)}\n")
    print(f"Resident MB at each rest: {' '.join(f'{each:.1f}' for each in samples.at_rest)}\n")
    print(f"Median ms by minute: {' '.join(f'{1000 * each:.1f}' for each in latencies)}\n")
    for outcome, count in failed.items():
        print(f"FAILED {count} times: {outcome}")
    worse = {
        "resident memory": growth.surely_reaches(MOST_GROWTH),
        "memory at rest": left.surely_reaches(MOST_GROWTH),
        # Each client may just have one more at work.
        "threads or descriptors": any(after - before > clients.threads for before, after in handles),
        "median latency": slower.surely_reaches(MOST_DRIFT),
    }
    grown = [name for name, is_worse in worse.items() if is_worse and seconds >= LEAST_SECONDS]
    for name in grown:
        print(f"FAILED: {name} grew")
    return 1 if failed or grown else 0


def _quarters(clients: Clients, seconds: float) -> tuple[list[float], list[float]]:
    """Latencies of the first quarter after the warm-up, and of the last."""
    begin = seconds * WARM_UP
    length = (seconds - begin) / 4
    early = sorted(took for at, took in clients.latencies if begin <= at < begin + length)
    late = sorted(took for at, took in clients.latencies if at >= seconds - length)
    return early, late


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Medians of the first and of the last tenth."""
    part = max(1, len(values) // 10)
    return statistics.median(values[:part]), statistics.median(values[-part:])


def _cells(values: tuple[float, float]) -> str:
    return f"{values[0]:.0f} | {values[1]:.0f}"


def _ms(sorted_seconds: Sequence[float], part: float) -> str:
    return f"{1000 * sorted_seconds[int(len(sorted_seconds) * part)]:.0f}"
