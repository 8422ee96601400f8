"""A host before every server at 70 % of what it bears, a fifth of the queries left by their clients, a data
source edited each second, the encryption key changed at half-time: what memory, threads, file descriptors
and latency do meanwhile."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import define, field

from chaos.hosts import add_source, descriptors, memory, threads, uid_of
from chaos.sources import SOURCES
from servers.serve_process import COMMAND, ServeProcess
from soak.clients import Clients
from soak.regression import by_minute, drift, medians_by_minute, slope

CLIENTS = 8
CALIBRATION_SECONDS = 15.0
WARM_UP = 0.25
"""Of the time; not looked at."""
MOST_GROWTH = 1.0
"""MB per hour."""
MOST_DRIFT = 0.1
"""Of the median latency."""
LEAST_SECONDS = 600.0
"""What a shorter run says of growth is chance."""


@define
class Samples:
    """One of each per second, of the host's process: MB, threads, descriptors."""

    pid: int
    seconds: list[float] = field(factory=list)
    resident: list[float] = field(factory=list)
    threads: list[int] = field(factory=list)
    descriptors: list[int] = field(factory=list)

    def take(self, until: threading.Event) -> None:
        began = time.monotonic()
        while not until.wait(1):
            self.seconds.append(time.monotonic() - began)
            self.resident.append(memory(self.pid, "VmRSS"))
            self.threads.append(threads(self.pid))
            self.descriptors.append(descriptors(self.pid))


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--load", type=float, default=0.7, help="Part of the queries that it bears.")
    parser.add_argument("--quick", action="store_true", help="Half a minute, for the shape.")
    arguments = parser.parse_args()
    seconds = 30.0 if arguments.quick else 60 * arguments.minutes
    with ExitStack() as stack:
        sources = {name: stack.enter_context(start()) for name, start in SOURCES.items()}
        host = ServeProcess(Path(stack.enter_context(tempfile.TemporaryDirectory())), "--log-level", "error")
        stack.callback(host.stop)
        host.wait_ready()
        for name, source in sources.items():
            add_source(host, uid_of(name), source)
        calibration = Clients(host, sources, CLIENTS)
        calibration.run(min(CALIBRATION_SECONDS, seconds / 3))
        most = sum(calibration.outcomes.values()) / min(CALIBRATION_SECONDS, seconds / 3)
        clients = Clients(host, sources, CLIENTS, pause=CLIENTS / (most * arguments.load))
        samples, over = Samples(host.process.pid), threading.Event()
        others = [
            threading.Thread(target=samples.take, args=(over,)),
            threading.Thread(target=rotate_after, args=(host, seconds / 2, over, clients)),
        ]
        for thread in others:
            thread.start()
        clients.run(seconds)
        over.set()
        for thread in others:
            thread.join()
        return show(samples, clients, seconds, most, arguments.load)


def rotate_after(host: ServeProcess, seconds: float, over: threading.Event, clients: Clients) -> None:
    """All the steps of a key's change, as an operator takes them."""
    if over.wait(seconds):
        return

    def headwater(*words: str) -> str:
        command = [*COMMAND, "--data-dir", str(host.directory), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            clients.outcomes[f"rotation: {' '.join(words)}: {done.stderr[-300:]}"] += 1
        return done.stdout.strip()

    [old] = [key["key"] for key in json.loads(headwater("key", "list", "--json")) if key["state"] == "active"]
    new = headwater("key", "add")
    headwater("key", "activate", new)
    headwater("secrets", "rewrap")
    headwater("secrets", "verify")
    headwater("key", "retire", old)
    clients.outcomes["rotated"] += 1


def show(samples: Samples, clients: Clients, seconds: float, most: float, load: float) -> int:
    """Print what the page on reliability shows. 1 if something is not as it should be."""
    first = int(len(samples.seconds) * WARM_UP)
    growth = slope(samples.seconds[first:], samples.resident[first:])
    early, late = _quarters(clients, seconds)
    medians = medians_by_minute([each for each in clients.latencies if each[0] >= seconds * WARM_UP])
    slower = drift(medians)
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
    print(f"| threads | {_cells(handles[0])} | |\n| file descriptors | {_cells(handles[1])} | |")
    print(
        f"| median latency, ms | {_ms(early, 0.5)} | {_ms(late, 0.5)} | "
        f"{slower.change:+.1%} ± {slower.margin:.1%} |"
    )
    print(f"| 99th percentile, ms | {_ms(early, 0.99)} | {_ms(late, 0.99)} | |\n")
    print(f"Resident MB by minute: {' '.join(f'{mean:.0f}' for mean in by_minute(samples.resident))}\n")
    print(f"Median ms by minute: {' '.join(f'{1000 * median:.1f}' for median in medians)}\n")
    for outcome, count in failed.items():
        print(f"FAILED {count} times: {outcome}")
    worse = {
        "resident memory": growth.surely_reaches(MOST_GROWTH),
        "threads or descriptors": any(after - before > CLIENTS for before, after in handles),
        "median latency": slower.surely_reaches(MOST_DRIFT),
    }
    # Each client may just have one thread or descriptor more at work.
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


if __name__ == "__main__":
    sys.exit(main())
