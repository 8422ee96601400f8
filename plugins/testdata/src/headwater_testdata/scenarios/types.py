"""A column of every Arrow type."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import pyarrow as pa

from headwater.errors import QueryError
from headwater.frames import Frame
from headwater.sdk import CallContext
from headwater_testdata.query import ScenarioQuery

from .scenario import Scenario

ROWS = ("ordinary", "smallest", "largest", "null", "special")
"""What the rows of every column hold; `special` is NaN, empty or otherwise awkward, as the type allows."""

_Column: TypeAlias = tuple[str, Callable[[], pa.Array]]
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


def all_types(query: ScenarioQuery, context: CallContext) -> Frame:
    """Five rows (see `ROWS`) in a column of each Arrow type, or of the types that the query names."""
    columns = dict(_columns())
    if unknown := [name for name in query.types if name not in columns]:
        raise QueryError(f"all_types has no column {unknown[0]!r}; it has: {', '.join(columns)}")
    names = query.types or tuple(columns)
    table = pa.table({"row": pa.array(ROWS), **{name: columns[name]() for name in names}})
    return Frame.from_table(table, name="all_types")


def _columns() -> Iterator[_Column]:
    yield "null", lambda: pa.nulls(len(ROWS))
    yield _column("bool", pa.bool_(), True, False, True, False)
    yield from _numbers()
    yield from _decimals()
    yield from _times()
    yield from _texts()
    yield from _nested()
    yield from _encoded()


def _numbers() -> Iterator[_Column]:
    for bits in (8, 16, 32, 64):
        yield _column(
            f"int{bits}", getattr(pa, f"int{bits}")(), 42, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 0
        )
        yield _column(f"uint{bits}", getattr(pa, f"uint{bits}")(), 42, 0, 2**bits - 1, 1)
    for bits in (16, 32, 64):
        limits = np.finfo(f"float{bits}")
        values = [np.dtype(f"float{bits}").type(value) for value in (1.5, limits.min, limits.max, "nan")]
        yield _column(f"float{bits}", getattr(pa, f"float{bits}")(), *values)
    yield _column("float64_infinite", pa.float64(), 5e-324, float("-inf"), float("inf"), -0.0)


def _decimals() -> Iterator[_Column]:
    for bits, digits in ((32, 9), (64, 18), (128, 38), (256, 76)):
        name = f"decimal{bits}"
        if not hasattr(pa, name):  # decimal32 and decimal64 came with pyarrow 18.1
            continue
        largest = Decimal((0, (9,) * digits, -2))
        kind = getattr(pa, name)(digits, 2)
        yield _column(name, kind, Decimal("12.50"), largest.copy_negate(), largest, Decimal("0.00"))


def _times() -> Iterator[_Column]:
    yield _column("date32", pa.date32(), dt.date(2024, 2, 29), dt.date.min, dt.date.max, dt.date(1970, 1, 1))
    yield _integers("date64", pa.date64(), 1_709_164_800_000, -62_135_596_800_000, 253_402_214_400_000, 0)
    for unit, day in (("s", 86_400), ("ms", 86_400_000)):
        yield _integers(f"time32_{unit}", pa.time32(unit), day // 2, 0, day - 1, 1, storage=pa.int32())
    for unit, day in (("us", 86_400_000_000), ("ns", 86_400_000_000_000)):
        yield _integers(f"time64_{unit}", pa.time64(unit), day // 2, 0, day - 1, 1)
    for unit, per_second in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        leap_day = 1_709_164_800 * per_second
        first, last = _timestamp_bounds(per_second)
        yield _integers(f"timestamp_{unit}", pa.timestamp(unit), leap_day, first, last, -1)
        yield _integers(f"timestamp_{unit}_utc", pa.timestamp(unit, "UTC"), leap_day, first, last, -1)
        yield _integers(f"duration_{unit}", pa.duration(unit), 90 * per_second, _INT64_MIN + 1, _INT64_MAX, 0)
    yield _integers(
        "timestamp_us_zurich", pa.timestamp("us", "Europe/Zurich"), 1_711_846_800_000_000, 0, 10**15, -1
    )
    yield _column(
        "month_day_nano_interval", pa.month_day_nano_interval(),
        (1, 2, 3), (-(2**31), -(2**31), _INT64_MIN), (2**31 - 1, 2**31 - 1, _INT64_MAX), (0, 0, 0),
    )  # fmt: skip


def _timestamp_bounds(per_second: int) -> tuple[int, int]:
    """The years 1 to 9999, or what 64 bits of nanoseconds reach."""
    first, last = -62_135_596_800 * per_second, 253_402_300_800 * per_second - 1
    return max(first, _INT64_MIN + 1), min(last, _INT64_MAX)


def _texts() -> Iterator[_Column]:
    text = ("headwater", "", "\U0010ffff", 'zażółć "ü" \u2028 <b>&amp;\n\t\x00')
    for name in ("string", "large_string", "string_view"):
        yield _column(name, getattr(pa, name)(), *text)
    data = (b"headwater", b"", b"\xff" * 16, b"\x00\xfe not UTF-8")
    for name in ("binary", "large_binary", "binary_view"):
        yield _column(name, getattr(pa, name)(), *data)
    yield _column("fixed_size_binary", pa.binary(4), b"head", b"\x00" * 4, b"\xff" * 4, b"\r\n\t\x00")


def _nested() -> Iterator[_Column]:
    lists: tuple[list[int], ...] = ([1, 2], [_INT64_MIN], [_INT64_MAX], [])
    yield _column("list", pa.list_(pa.int64()), *lists)
    yield _column("large_list", pa.large_list(pa.int64()), *lists)
    yield _column("list_view", pa.list_view(pa.int64()), *lists)
    yield _column(
        "fixed_size_list", pa.list_(pa.float64(), 2), [1.0, 2.0], [-1e308, 0], [1e308, 0], [None, None]
    )
    yield _column("list_of_list", pa.list_(pa.list_(pa.string())), [["a"], ["b", None]], [[]], [[""]], [None])
    struct = pa.struct([pa.field("x", pa.int32()), pa.field("label", pa.string())])
    yield _column(
        "struct", struct,
        {"x": 1, "label": "one"}, {"x": -(2**31), "label": ""}, {"x": 2**31 - 1, "label": "ü"},
        {"x": None, "label": None},
    )  # fmt: skip
    entries: tuple[list[tuple[str, float | None]], ...] = ([("a", 1.0)], [("", -1e308)], [("z", 1e308)], [])
    yield _column("map", pa.map_(pa.string(), pa.float64()), *entries)
    yield "dense_union", _dense_union


def _encoded() -> Iterator[_Column]:
    dictionary = pa.dictionary(pa.int16(), pa.string())
    yield "dictionary", lambda: pa.array(["low", "", "high", None, "low"]).cast(dictionary)
    yield "run_end_encoded", lambda: pa.RunEndEncodedArray.from_arrays([2, 3, 4, 5], [7, 2**31 - 1, None, -1])
    uuids = [
        UUID("12345678-1234-5678-1234-567812345678"),
        UUID(int=0),
        UUID(int=2**128 - 1),
        None,
        UUID(int=1),
    ]
    storage = pa.array([value.bytes if value else None for value in uuids], pa.binary(16))
    yield "uuid", lambda: pa.ExtensionArray.from_storage(pa.uuid(), storage)
    documents = ['{"a": [1, null]}', "null", '"\\u0000"', None, "{}"]
    if hasattr(pa, "json_"):  # since pyarrow 19
        yield "json", lambda: pa.ExtensionArray.from_storage(pa.json_(), pa.array(documents))


def _dense_union() -> pa.Array:
    """Numbers and texts in one column; a union has no nulls of its own, so the null is a member's."""
    kinds = pa.array([0, 0, 1, 0, 1], pa.int8())
    offsets = pa.array([0, 1, 0, 2, 1], pa.int32())
    numbers, texts = pa.array([1, _INT64_MIN, None]), pa.array(["\U0010ffff", ""])
    return pa.UnionArray.from_dense(kinds, offsets, [numbers, texts], ["number", "text"])


def _column(name: str, kind: pa.DataType, *values: Any) -> _Column:
    """A column of `values`: ordinary, smallest, largest and special ones."""
    return name, lambda: pa.array([*values[:3], None, values[3]], kind)


def _integers(name: str, kind: pa.DataType, *values: int, storage: pa.DataType = None) -> _Column:
    """Like `_column`, from the integers Arrow stores: Python's times end at microseconds and year 9999."""
    return name, lambda: pa.array([*values[:3], None, values[3]], storage or pa.int64()).view(kind)


SCENARIOS = (
    Scenario(
        "all_types",
        "Every Arrow type: ordinary, smallest, largest, null and special values.",
        all_types,
        ("types",),
    ),
)
