"""Consecutive series of an answer: their labels, and the samples of all of them in two arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec
import numpy as np
from attrs import evolve, field, frozen

from .samples import Float64Array, Int64Array

Labels: TypeAlias = dict[str, str]


class Histogram(msgspec.Struct):
    """A native histogram as the API writes it: numbers as text; buckets are (boundaries, low, high, count).

    Boundaries: 0 = open left, 1 = open right, 2 = open both, 3 = closed both.
    """

    count: str
    sum: str
    buckets: list[tuple[int, str, str, str]] = []


@frozen
class HistogramSample:
    """`index` is the series' place in its block; `time` is milliseconds since the epoch."""

    index: int
    time: int
    histogram: Histogram


@frozen
class SeriesBlock:
    """Consecutive series: the samples of all of them in two arrays, `counts` telling them apart.

    `times` are milliseconds since the epoch. A series may have samples, histograms, or both. `is_vector`
    tells the single samples of an instant from the ranges of a matrix.
    """

    metrics: list[Labels]
    counts: list[int]
    times: Int64Array
    values: Float64Array
    histograms: list[HistogramSample] = field(factory=list)
    is_vector: bool = False

    @classmethod
    def empty(cls, *, is_vector: bool = False) -> SeriesBlock:
        return cls([], [], np.empty(0, np.int64), np.empty(0, np.float64), is_vector=is_vector)

    @property
    def num_rows(self) -> int:
        return len(self.times) + len(self.histograms)

    def firsts(self) -> SeriesBlock:
        """The first sample of each series, and its first histogram."""
        counts = np.asarray(self.counts, np.int64)
        places = (np.cumsum(counts) - counts)[counts > 0]
        histograms = {each.index: each for each in reversed(self.histograms)}
        return evolve(
            self,
            counts=np.minimum(counts, 1).tolist(),
            times=self.times[places],
            values=self.values[places],
            histograms=[histograms[index] for index in sorted(histograms)],
        )

    def head(self, rows: int) -> SeriesBlock:
        """The first `rows` samples, and histograms as far as they fit in then; whole series after them go."""
        counts, left = list[int](), min(rows, len(self.times))
        for count in self.counts:
            if left == 0 and count:
                break
            counts.append(min(count, left))
            left -= counts[-1]
        samples = sum(counts)
        histograms = [each for each in self.histograms if each.index < len(counts)][: rows - samples]
        return evolve(
            self,
            metrics=self.metrics[: len(counts)],
            counts=counts,
            times=self.times[:samples],
            values=self.values[:samples],
            histograms=histograms,
        )


class RowLimit:
    """Lets `max_rows` samples through, native histograms counted, and says whether there were more."""

    def __init__(self, max_rows: int | None) -> None:
        self.max_rows = max_rows
        self._left = max_rows
        self.reached = False

    def apply(self, blocks: Iterable[SeriesBlock]) -> Iterator[SeriesBlock]:
        for block in blocks:
            if self._left is None or block.num_rows <= self._left:
                self._left = None if self._left is None else self._left - block.num_rows
                yield block
                continue
            self.reached = True
            if self._left:
                yield block.head(self._left)
            return


def collect(blocks: Iterable[SeriesBlock]) -> SeriesBlock:
    """All `blocks` as one."""
    collected = list(blocks)
    if len(collected) == 1:
        return collected[0]
    return _concatenate(collected) if collected else SeriesBlock.empty()


def _concatenate(blocks: list[SeriesBlock]) -> SeriesBlock:
    histograms: list[HistogramSample] = []
    offset = 0
    for block in blocks:
        histograms += [HistogramSample(h.index + offset, h.time, h.histogram) for h in block.histograms]
        offset += len(block.metrics)
    return SeriesBlock(
        [metric for block in blocks for metric in block.metrics],
        [count for block in blocks for count in block.counts],
        np.concatenate([block.times for block in blocks]),
        np.concatenate([block.values for block in blocks]),
        histograms,
        blocks[0].is_vector,
    )
