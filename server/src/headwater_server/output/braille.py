"""Lines drawn as braille dots: two by four of them in each cell of the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from attrs import frozen

from headwater_server.cli.tables import printable

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_ROWS = 16
_BRAILLE = 0x2800
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # Unicode: rows by columns
_COLOURS = (36, 33, 35, 32, 34, 31)  # of ANSI terminals


@frozen(eq=False)
class Series:
    """`times` are epoch seconds; all numbers are finite."""

    name: str
    times: Floats
    values: Floats


def draw(series: Sequence[Series], width: int, *, colours: bool = False) -> list[str]:
    """Lines of at most `width` cells: a legend, the drawing beside the bounds of its values, the times.

    Draws the first six series; the legend tells how many more there are.
    """
    shown = [each for each in series if len(each.times)][: len(_COLOURS)]
    if not shown:
        return ["There is nothing to draw: no value is a finite number."]
    times = np.concatenate([each.times for each in shown])
    values = np.concatenate([each.values for each in shown])
    bounds = (f"{values.max():.6g}", f"{values.min():.6g}")
    margin = max(map(len, bounds))
    columns = max(8, width - margin - 1)
    canvas = _Canvas(columns)
    for number, each in enumerate(shown):
        order = np.argsort(each.times, kind="stable")
        x = _scaled(each.times[order], times, columns * 2 - 1)
        y = _ROWS * 4 - 1 - _scaled(each.values[order], values, _ROWS * 4 - 1)
        canvas.curve(number, x, y)
    paint = _coloured if colours else _plain
    legend = "  ".join(paint(f"⠿ {printable(each.name)}", number) for number, each in enumerate(shown))
    more = f"  and {len(series) - len(shown)} more" if len(series) > len(shown) else ""
    edges = {0: bounds[0], _ROWS - 1: bounds[1]}
    drawing = [f"{edges.get(row, ''):>{margin}}│{text}" for row, text in enumerate(canvas.lines(paint))]
    first, last = (_moment(end, columns) for end in (times.min(), times.max()))
    return [
        legend + more,
        *drawing,
        f"{'':>{margin}} {first}{last:>{max(len(last) + 1, columns - len(first))}}",
    ]


class _Canvas:
    """`cells` holds the dots of each cell, `owner` the series that was drawn into it last."""

    def __init__(self, columns: int) -> None:
        self.cells: Whole = np.zeros((_ROWS, columns), dtype=np.int64)
        self.owner: Whole = np.full((_ROWS, columns), -1, dtype=np.int64)

    def curve(self, number: int, x: Whole, y: Whole) -> None:
        """In each column of dots the span of its values, and from its last one a line to the next column."""
        dots, starts = np.unique(x, return_index=True)
        low, high = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
        first, last = y[starts], y[np.append(starts[1:], len(y)) - 1]
        for i in range(len(dots)):
            self._line(number, (dots[i], low[i]), (dots[i], high[i]))
            if i + 1 < len(dots):
                self._line(number, (dots[i], last[i]), (dots[i + 1], first[i + 1]))

    def lines(self, paint: Callable[[str, int], str]) -> list[str]:
        return [
            "".join(paint(chr(_BRAILLE + int(cell)), int(number)) for cell, number in zip(*row, strict=True))
            for row in zip(self.cells, self.owner, strict=True)
        ]

    def _line(self, number: int, start: tuple[int, int], end: tuple[int, int]) -> None:
        steps = int(max(abs(end[0] - start[0]), abs(end[1] - start[1]))) + 1
        x = np.linspace(start[0], end[0], steps).round().astype(np.int64)
        y = np.linspace(start[1], end[1], steps).round().astype(np.int64)
        np.bitwise_or.at(self.cells, (y // 4, x // 2), _DOTS[y % 4, x % 2])
        self.owner[y // 4, x // 2] = number


def _scaled(values: Floats, among: Floats, most: int) -> Whole:
    """From 0 to `most`; in the middle if all are alike."""
    low, high = np.min(among), np.max(among)
    if high <= low:
        return np.full(len(values), most // 2, dtype=np.int64)
    scaled: Floats = (values - low) / (high - low) * most
    return scaled.round().astype(np.int64)


def _coloured(text: str, number: int) -> str:
    return f"\x1b[{_COLOURS[number]}m{text}\x1b[0m" if number >= 0 else text


def _plain(text: str, _number: int) -> str:
    return text


def _moment(seconds: float, columns: int) -> str:
    """UTC; shorter where two of them would not fit."""
    return f"{datetime.fromtimestamp(seconds, UTC):{'%Y-%m-%d %H:%M:%S' if columns >= 40 else '%d %H:%M'}}"
