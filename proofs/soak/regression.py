"""What a series of measurements does over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray


@frozen
class Slope:
    """`per_hour` is within `margin` of the true one, with 95 % confidence."""

    per_hour: float
    margin: float

    def __str__(self) -> str:
        return f"{self.per_hour:+.2f} ± {self.margin:.2f}"


def by_minute(values: Sequence[float]) -> NDArray[np.float64]:
    """The mean of each 60 values; of a shorter series, of each sixth of it."""
    block = max(1, min(60, len(values) // 6))
    count = len(values) // block
    means: NDArray[np.float64] = np.asarray(values[: count * block], float).reshape(count, block).mean(axis=1)
    return means


def slope(seconds: Sequence[float], values: Sequence[float]) -> Slope:
    """Least squares over the means of each minute's measurements: single ones depend on those before them,
    and memory on when it was last given back, twice a minute, which would make the margin look smaller than
    it is. Needs three blocks."""
    if len(values) < 3:
        return Slope(float("nan"), float("inf"))
    x, y = by_minute(seconds) / 3600, by_minute(values)
    count = len(y)
    centred = x - x.mean()
    per_hour = float((centred * y).sum() / (centred**2).sum())
    rest = y - y.mean() - per_hour * centred
    error = float(np.sqrt((rest**2).sum() / (count - 2) / (centred**2).sum()))
    return Slope(per_hour, 1.96 * error)
