"""What expressions compute with: sets of series, of numbers, or one scalar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Self

import numpy as np
import numpy.typing as npt
from attrs import field, frozen

from headwater.frames import Notice

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Times = npt.NDArray[np.int64]


class Kind(StrEnum):
    """In the order in which one wins over the other: a number and a series make a series."""

    SCALAR = "scalar"
    NUMBER = "number"
    SERIES = "series"


@frozen(eq=False)
class Value:
    """A series, a number or a scalar. `cells` has one dimension for a series, else none.

    Nulls are NaN in `cells` and true in `nulls`, which is None if there are none. `times` are nanoseconds.
    """

    kind: Kind
    cells: Floats
    nulls: Bools | None = None
    labels: Mapping[str, str] = field(factory=dict)
    times: Times | None = None

    @classmethod
    def series(
        cls,
        times: Times,
        cells: Floats,
        nulls: Bools | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Self:
        return cls(Kind.SERIES, cells, nulls, labels or {}, times)

    @classmethod
    def number(cls, value: float | None, labels: Mapping[str, str] | None = None) -> Self:
        return cls(Kind.NUMBER, *_cell(value), labels or {})

    @classmethod
    def scalar(cls, value: float | None) -> Self:
        return cls(Kind.SCALAR, *_cell(value))

    def with_cells(self, cells: Floats, nulls: Bools | None) -> Value:
        """The same series or number with other values."""
        return Value(self.kind, cells, nulls, self.labels, self.times)

    @property
    def is_null(self) -> bool:
        """Whether a number or scalar is null."""
        return self.nulls is not None and bool(self.nulls)


def _cell(value: float | None) -> tuple[Floats, Bools | None]:
    if value is None:
        return np.asarray(np.nan), np.asarray(True)
    return np.asarray(value, np.float64), None


@frozen(eq=False)
class Results:
    """The values of one ref id. None of them means "no data". `notices` go with them to the client."""

    values: tuple[Value, ...] = ()
    notices: tuple[Notice, ...] = ()

    @classmethod
    def of(cls, values: Iterable[Value], notices: Iterable[Notice] = ()) -> Self:
        return cls(tuple(values), tuple(notices))

    def __iter__(self) -> Iterator[Value]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)
