"""What a series of measurements does over time."""

from __future__ import annotations

import math
import statistics
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
        """Also if nothing can be said of it."""
        return not self.change - self.margin < most


def means(values: Sequence[float], count: int) -> list[float]:
    """Of each of `count` parts of equal length."""
    return [float(part.mean()) for part in np.array_split(np.asarray(values, float), count)]


def medians(pairs: Sequence[tuple[float, float]], seconds: float, count: int) -> list[float]:
    """Of (seconds, value) in each of `count` parts of `seconds`; infinite for one without any."""
    parts: list[list[float]] = [[] for _ in range(count)]
    for at, value in pairs:
        if at < seconds:
            parts[int(at / seconds * count)].append(value)
    return [statistics.median(part or [math.inf]) for part in parts]


def per_hour(values: Sequence[float], seconds: float) -> Slope:
    """The growth of values that are `seconds` apart."""
    return _least_squares(np.arange(len(values)) * seconds / 3600, np.asarray(values))


def drift(values: Sequence[float]) -> Slope:
    """How much the last one differs from the first, as a part of it."""
    found = _least_squares(np.linspace(0, 1, len(values)), np.asarray(values))
    first = statistics.mean(values) - found.change / 2
    return Slope(found.change / first, found.margin / first)


def _least_squares(x: NDArray[np.float64], values: NDArray[np.float64]) -> Slope:
    """Needs five values."""
    centred = x - x.mean()
    change = float((centred * values).sum() / (centred**2).sum())
    rest = values - values.mean() - change * centred
    freedom = len(values) - 2
    error = float(np.sqrt((rest**2).sum() / freedom / (centred**2).sum()))
    return Slope(change, _of_student(freedom) * error)


def _of_student(freedom: int) -> float:
    """Student's t for 97.5 %, from the normal distribution's by Fisher's expansion; within 4 % from 3 on."""
    z = 1.96
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
