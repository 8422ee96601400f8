"""A plot of a comparison: median seconds by point, on logarithmic axes."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from .measure import Figure
from .plan import LIMIT, OURS, Comparison

_STYLE = {LIMIT: "--", OURS: "-"}
_COLOURS = {LIMIT: ["#6b7280"], OURS: ["#0b6bcb", "#6cb2f0", "#134074"]}
_OTHERS = ["#c2410c", "#15803d", "#7e22ce", "#b45309"]


def draw(path: Path, comparison: Comparison, figures: Sequence[Figure]) -> None:
    """Ours in blue, the limit grey and dashed. The same figures give the same file."""
    with mpl.rc_context({"svg.hashsalt": comparison.name, "svg.fonttype": "none", "font.size": 10}):
        canvas = Canvas(figsize=(7.2, 4.0), layout="constrained")
        axes = canvas.add_subplot()
        colours = {kind: iter(found) for kind, found in _COLOURS.items()}
        others = iter(_OTHERS)
        for contender in comparison.contenders:
            points = _medians([each for each in figures if each.contender == contender.title])
            if points:
                axes.plot(
                    list(points), list(points.values()), _STYLE.get(contender.kind, "-."), marker="o",
                    markersize=4, label=contender.title, color=next(colours.get(contender.kind, others)),
                )  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(comparison.axis)
        axes.set_ylabel("seconds, median")
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(frameon=False)
        canvas.savefig(path, format="svg", metadata={"Date": None})


def _medians(figures: Sequence[Figure]) -> dict[int, float]:
    points = sorted({each.point for each in figures})
    return {
        point: statistics.median(each.seconds for each in figures if each.point == point) for point in points
    }
