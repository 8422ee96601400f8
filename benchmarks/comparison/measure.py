"""Run the measurements of a plan in a shuffled order, each in a process of its own."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from .environments import interpreter
from .plan import Comparison, Contender
from .servers_of import SERVERS

_SECONDS = 900


@frozen
class Figure:
    """One measurement: seconds of the clock and of this process's CPU, and its peak memory."""

    comparison: str
    contender: str
    kind: str
    point: int
    seconds: float
    cpu: float
    peak_mb: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(
    comparisons: Iterable[Comparison],
    *,
    quick: bool,
    rounds: int,
    most: int | None,
    environments: Path,
    with_peers: bool = True,
    random_order: random.Random,
) -> Iterator[Figure]:
    """All figures, as they come. Round 0 warms servers and caches up, and is left out."""
    with ExitStack() as stack:
        work = []
        started: dict[str, dict[str, Any]] = {}
        chosen = list(comparisons)
        for comparison in chosen:
            if comparison.server not in started:
                largest = max(
                    max(_points(each, quick, most)) for each in chosen if each.server == comparison.server
                )
                started[comparison.server] = stack.enter_context(SERVERS[comparison.server](largest))
            for contender in comparison.contenders:
                if contender.environment and not with_peers:
                    continue
                if (python := interpreter(contender.environment, environments)) is not None:
                    points = [p for p in _points(comparison, quick, most) if p <= (contender.most or p)]
                    work += [(comparison, contender, point, python) for point in points]
        for number in range(rounds + 1):
            random_order.shuffle(work)
            for comparison, contender, point, python in work:
                if number or not quick:
                    figure = _one(comparison, contender, point, python, started[comparison.server])
                    if number:
                        yield figure


def _points(comparison: Comparison, quick: bool, most: int | None) -> list[int]:
    points = comparison.quick if quick else comparison.points
    return [point for point in points if most is None or point <= most] or [min(points)]


def _one(
    comparison: Comparison, contender: Contender, point: int, python: str, address: Mapping[str, Any]
) -> Figure:
    command = [python, "-W", "ignore", "-m", f"{__package__}.one", comparison.module, contender.function]
    done = subprocess.run(
        [*command, json.dumps(address), str(point)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"{comparison.name}, {contender.title} at {point}: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    expected = comparison.rows or point * comparison.per_point
    if comparison.counts and found["count"] != expected:
        raise RuntimeError(
            f"{comparison.name}, {contender.title} at {point}: {found['count']} rows, not {expected}"
        )
    return Figure(
        comparison.name,
        contender.title,
        contender.kind,
        point,
        found["seconds"],
        found["cpu"],
        found["peak_mb"],
    )
