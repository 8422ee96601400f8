"""What several worker processes use together: prometheus_client leaves that out where it joins metrics."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from prometheus_client import ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable of prometheus_client that names the folder through which processes join their metrics."""

_OF_PROCESS = re.compile(r"gauge_live\w+_(\d+)\.db")
_OLDEST = "process_start_time_seconds"


class KeptCounts:
    """What workers counted that ended: each new worker goes on with the files of one of them, so that there
    are no more files than workers, however often those are replaced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._left: list[int] = []

    def ended(self, pid: int) -> None:
        """What the worker was doing counts no more; what it has counted stays."""
        mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]
        self._left.append(pid)

    def started(self, pid: int) -> None:
        """To be called before the new process gets as far as to count."""
        if not self._left:
            return
        left = self._left.pop(self._left.index(pid) if pid in self._left else -1)
        for file in self._folder.glob(f"*_{left}.db"):
            file.rename(file.with_name(f"{file.stem.removesuffix(str(left))}{pid}.db"))


class JoinedCounts(MultiProcessCollector):
    """What all workers have counted."""

    def collect(self) -> Iterable[Metric]:
        found: Iterable[Metric]
        for _ in range(3):
            with suppress(FileNotFoundError):  # a new worker goes on with a file, under another name
                found = super().collect()  # type: ignore[no-untyped-call]
                return found
        found = super().collect()  # type: ignore[no-untyped-call]
        return found


class WorkerProcesses(Collector):
    """`process_…` of all workers that live: sums, and the start of the oldest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        joined: dict[str, Metric] = {}
        for pid in self._pids():
            for metric in ProcessCollector(pid=partial(int, pid), registry=None).collect():
                present = joined.setdefault(metric.name, metric)
                if present is metric:
                    continue
                join = min if metric.name == _OLDEST else _sum
                present.samples = [
                    mine._replace(value=join((mine.value, theirs.value)))
                    for mine, theirs in zip(present.samples, metric.samples, strict=False)
                ]
        yield from joined.values()

    def _pids(self) -> set[int]:
        found = (_OF_PROCESS.fullmatch(file.name) for file in self._folder.iterdir())
        return {int(match[1]) for match in found if match}


def _sum(values: tuple[float, float]) -> float:
    return sum(values)
