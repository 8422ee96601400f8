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
    state = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    state *= np.uint64(_GOLDEN)
    state += np.uint64(seed & _MASK)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state ^= state >> np.uint64(shift)
        state *= np.uint64(factor)
    state ^= state >> np.uint64(31)
    return state


def uniform(seed: int, first: int, count: int) -> npt.NDArray[np.float64]:
    """Elements `first` to `first + count` of `seed`'s sequence, as floats in [0, 1)."""
    bits = random_bits(seed, first, count)
    bits >>= np.uint64(11)
    numbers = bits.astype(np.float64)
    numbers *= 2.0**-53
    return numbers


def derive(seed: int, stream: int) -> int:
    """The seed of an independent sequence number `stream` under `seed`."""
    state = ((seed ^ 0x5DEECE66D) + (stream + 1) * _GOLDEN) & _MASK  # as `random_bits`, of one element
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)
