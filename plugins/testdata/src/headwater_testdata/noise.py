"""Numbers that look random and never change: the same on every platform and with every numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF


def random_bits(seed: int, first: int, count: int) -> npt.NDArray[np.uint64]:
    """Elements `first` to `first + count` of the sequence of `seed`, without computing those before.

    SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014), whose n-th
    output is a hash of `seed + n·γ`.
    """
    index = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        state = np.uint64(seed & _MASK) + index * np.uint64(_GOLDEN)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))


def uniform(seed: int, first: int, count: int) -> npt.NDArray[np.float64]:
    """Elements `first` to `first + count` of `seed`'s sequence, as floats in [0, 1)."""
    return (random_bits(seed, first, count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def derive(seed: int, stream: int) -> int:
    """The seed of an independent sequence number `stream` under `seed`."""
    return int(random_bits(seed ^ 0x5DEECE66D, stream, 1)[0])
