"""What a series of measurements does over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray


@frozen
class Slope:
    """`change`, of one unit of `x`, is within `margin` of the true one with 95 % confidence."""

    change: float
    margin: float

    def surely_reaches(self, most: float) -> bool:
        return self.change - self.margin >= most


def by_minute(values: Sequence[float]) -> NDArray[np.float64]:
    """The mean of each 60 values; of a shorter series, of each sixth of it."""
    block = max(1, min(60, len(values) // 6))
    count = len(values) // block
    means: NDArray[np.float64] = np.asarray(values[: count * block], float).reshape(count, block).mean(axis=1)
    return means


def slope(seconds: Sequence[float], values: Sequence[float]) -> Slope:
    """Per hour, over the means of each minute's measurements: single ones depend on those before them, and
    memory on when it was last given back, twice a minute, which would make the margin look smaller than it
    is."""
    return least_squares(by_minute(seconds) / 3600, by_minute(values))


def least_squares(x: NDArray[np.float64], values: NDArray[np.float64]) -> Slope:
    """Needs five values."""
    count = len(values)
    if count < 5:
        return Slope(float("nan"), float("inf"))
    centred = x - x.mean()
    change = float((centred * values).sum() / (centred**2).sum())
    rest = values - values.mean() - change * centred
    error = float(np.sqrt((rest**2).sum() / (count - 2) / (centred**2).sum()))
    return Slope(change, _of_student(count - 2) * error)


def _of_student(freedom: int) -> float:
    """Student's t for 97.5 %, from the normal distribution's by Fisher's expansion; within 4 % from 3 on."""
    z = 1.96
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def medians_by_minute(pairs: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """Of (seconds, value): the median of each minute that has any."""
    minutes: dict[int, list[float]] = {}
    for at, value in pairs:
        minutes.setdefault(int(at // 60), []).append(value)
    return np.asarray([np.median(minutes[minute]) for minute in sorted(minutes)])


def drift(medians: NDArray[np.float64]) -> Slope:
    """How much the last minute differs from the first, as a part of it."""
    along = np.linspace(0, 1, len(medians))
    found = least_squares(along, medians)
    first = float(medians.mean() - found.change / 2)
    return Slope(found.change / first, found.margin / first)
