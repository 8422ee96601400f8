"""What a series of measurements does over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen


@frozen
class Slope:
    """`per_hour` is within `margin` of the true one, with 95 % confidence."""

    per_hour: float
    margin: float

    def __str__(self) -> str:
        return f"{self.per_hour:+.2f} ± {self.margin:.2f}"


def slope(seconds: Sequence[float], values: Sequence[float]) -> Slope:
    """Least squares over the means of each ten measurements: single ones depend on those before them,
    which would make the margin look smaller than it is. Needs three blocks."""
    block = max(1, min(10, len(values) // 6))
    count = len(values) // block
    if count < 3:
        return Slope(float("nan"), float("inf"))
    x = np.asarray(seconds[: count * block], float).reshape(count, block).mean(axis=1) / 3600
    y = np.asarray(values[: count * block], float).reshape(count, block).mean(axis=1)
    centred = x - x.mean()
    per_hour = float((centred * y).sum() / (centred**2).sum())
    rest = y - y.mean() - per_hour * centred
    error = float(np.sqrt((rest**2).sum() / (count - 2) / (centred**2).sum()))
    return Slope(per_hour, 1.96 * error)
