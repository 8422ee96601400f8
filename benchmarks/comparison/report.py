"""From figures to a page of Markdown, and a plot for each comparison."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from .charts import draw
from .measure import Figure
from .plan import LIMIT, OURS, Comparison

_HEAD = "| {axis} | | median s | min–max | CPU s | peak MB | × limit | × Headwater |"


def write_report(
    folder: Path, comparisons: Iterable[Comparison], figures: Sequence[Figure], rounds: int, options: str
) -> None:
    """`report.md` and the plots that it shows, in `folder`; `options` are those of the run."""
    parts = [_introduction(rounds, options)]
    for comparison in comparisons:
        own = [each for each in figures if each.comparison == comparison.name]
        if own:
            draw(folder / f"{comparison.name}.svg", comparison, own)
            parts.append(_section(comparison, own))
    (folder / "report.md").write_text("\n\n".join(parts) + "\n")


def _introduction(rounds: int, options: str) -> str:
    memory = int(_proc("/proc/meminfo", "MemTotal").partition(" ")[0] or 0) // 1_000_000
    machine = (
        f"{_proc('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores, {memory} GB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}."
    )
    return "\n".join(
        (
            "# Benchmarks, as they ran\n",
            f"Written on {datetime.now(UTC):%-d %B %Y} by `nox -s benchmarks{options and f' -- {options}'}`:",
            f"{rounds} rounds in shuffled orders, each figure from a process of its own, servers and",
            "contenders on one machine:",
            machine,
            "",
            "Figures are medians over the rounds, with the least and the most. *CPU* and *peak* are the",
            "contender's own; its imports count for memory only. *× limit* and *× Headwater* are times",
            "beside the limit's and Headwater's: above 1 it takes longer.",
        )
    )


def _section(comparison: Comparison, figures: Sequence[Figure]) -> str:
    lines = [
        f"## {comparison.title}",
        f"![{comparison.title}: median seconds by {comparison.axis}]({comparison.name}.svg)",
        _HEAD.format(axis=comparison.axis) + "\n| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    rows = []
    for point in sorted({each.point for each in figures}):
        at_point = [each for each in figures if each.point == point]
        limit, ours = (_median_of(comparison, kind, at_point) for kind in (LIMIT, OURS))
        for contender in comparison.contenders:
            own = [each for each in at_point if each.contender == contender.title]
            rows += [_row(point, contender.title, own, limit, ours)] if own else []
    lines[-1] += "\n" + "\n".join(rows)
    return "\n\n".join(lines)


def _row(point: int, title: str, figures: Sequence[Figure], limit: float | None, ours: float | None) -> str:
    seconds = [each.seconds for each in figures]
    median = statistics.median(seconds)
    cells = [
        f"{point:,}",
        title,
        f"{median:.4g}",
        f"{min(seconds):.3g}–{max(seconds):.3g}",
        f"{statistics.median(each.cpu for each in figures):.3g}",
        f"{statistics.median(each.peak_mb for each in figures):.0f}",
        f"{median / limit:.2f}" if limit else "",
        f"{median / ours:.2f}" if ours else "",
    ]
    return f"| {' | '.join(cells)} |"


def _median_of(comparison: Comparison, kind: str, figures: Iterable[Figure]) -> float | None:
    """Of the first contender of this kind; None without one."""
    first = next((each.title for each in comparison.contenders if each.kind == kind), "")
    seconds = [each.seconds for each in figures if each.contender == first]
    return statistics.median(seconds) if seconds else None


def _proc(file: str, key: str) -> str:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
