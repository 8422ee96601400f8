"""Limits cut an answer at the last row that fits, and say which of them did."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from headwater.frames.limits import within_limits

WIDTH = 8  # bytes of a row below


def batch(rows: int, first: int = 0) -> pa.RecordBatch:
    return pa.record_batch({"n": pa.array(range(first, first + rows), pa.int64())})


def cut(sizes: list[int], max_rows: int | None, max_bytes: int | None) -> tuple[list[int], str]:
    """How many rows of each batch came, and what was said with the last of them."""
    batches = [batch(rows, sum(sizes[:index])) for index, rows in enumerate(sizes)]
    given = list(within_limits(batches, max_rows, max_bytes))
    values = [value for part, _ in given for value in part.column("n").to_pylist()]
    assert values == list(range(len(values)))
    assert [limit for _, limit in given[:-1]] == [""] * (len(given) - 1)
    return [part.num_rows for part, _ in given], given[-1][1]


@pytest.mark.parametrize(
    ("max_rows", "max_bytes", "parts", "limit"),
    [
        (None, None, [3, 3, 3], ""),
        (9, 9 * WIDTH, [3, 3, 3], ""),
        (8, None, [3, 3, 2], "row"),
        (6, None, [3, 3, 0], "row"),
        (4, None, [3, 1], "row"),
        (0, None, [0], "row"),
        (None, 8 * WIDTH, [3, 3, 2], "byte"),
        (None, 8 * WIDTH - 1, [3, 3, 1], "byte"),
        (None, 6 * WIDTH, [3, 3, 0], "byte"),
        (None, 0, [0], "byte"),
        (5, 4 * WIDTH, [3, 1], "byte"),
        (4, 5 * WIDTH, [3, 1], "row"),
        (4, 4 * WIDTH, [3, 1], "row"),
    ],
)
def test_the_first_limit_that_is_reached_cuts(
    max_rows: int | None, max_bytes: int | None, parts: list[int], limit: str
) -> None:
    assert cut([3, 3, 3], max_rows, max_bytes) == (parts, limit)


LIMITS = st.none() | st.integers(0, 40)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=5), LIMITS, LIMITS)
def test_as_many_rows_come_as_both_limits_allow(
    sizes: list[int], max_rows: int | None, byte_rows: int | None
) -> None:
    max_bytes = None if byte_rows is None else byte_rows * WIDTH + 3

    parts, limit = cut(sizes, max_rows, max_bytes)

    fitting = min(each for each in (sum(sizes), max_rows, byte_rows) if each is not None)
    assert sum(parts) == fitting
    assert bool(limit) is (fitting < sum(sizes))


@pytest.mark.parametrize(
    ("max_rows", "max_bytes", "rows", "limit"),
    [
        (None, 103, 0, "byte"),
        (None, 104, 1, "byte"),
        (3, 111, 2, "byte"),
        (3, 112, 3, "row"),
        (None, 116, 4, ""),
    ],
)
def test_a_long_row_counts_in_full(max_rows: int | None, max_bytes: int, rows: int, limit: str) -> None:
    texts = pa.record_batch({"text": ["x" * 100, "", "", ""]})  # and four bytes for each row's offset

    (part, reached), *more = within_limits([texts], max_rows, max_bytes)

    assert (part.num_rows, reached, more) == (rows, limit, [])


def test_a_batch_counts_as_many_bytes_as_its_caller_measured() -> None:
    given = within_limits([batch(3), batch(3)], None, 2, measure=lambda _: 1)
    assert [(part.num_rows, limit) for part, limit in given] == [(3, ""), (3, "")]


def test_nothing_is_read_past_the_cut() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield batch(3)
        raise AssertionError("the limit was reached before")

    assert [limit for _, limit in within_limits(batches(), 2, None)] == ["row"]
