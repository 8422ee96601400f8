"""Spark's types: every value of a type that Spark lacks is in the one that stands for it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from headwater import Headwater
from headwater_engines.spark_types import cast_batch, spark_type

SAME = (
    "bool", "int8", "int16", "int32", "int64", "float32", "float64", "decimal128", "date32", "timestamp_us",
    "timestamp_us_utc", "duration_us", "string", "binary", "list", "struct", "map",
)  # fmt: skip
EQUAL = (
    "uint8", "uint16", "uint32", "float16", "decimal32", "decimal64", "date64", "timestamp_s",
    "timestamp_s_utc", "timestamp_ms", "timestamp_ms_utc", "large_string", "string_view", "large_binary",
    "binary_view", "fixed_size_binary", "large_list", "list_view", "fixed_size_list", "list_of_list",
    "dictionary", "run_end_encoded", "timestamp_us_zurich",
)  # fmt: skip


def cast(host: Headwater, name: str) -> tuple[pa.Array, pa.Array]:
    """The column as it is, and for Spark."""
    table = host.query("shop", {"scenario": "all_types", "types": [name]}).table.combine_chunks()
    (batch,) = table.to_batches()
    done = cast_batch(batch)
    done.validate(full=True)
    return batch.column(1), done.column(1)


@pytest.mark.parametrize("name", SAME)
def test_a_type_of_spark_is_kept(host: Headwater, name: str) -> None:
    before, after = cast(host, name)
    assert after.equals(before) or str(after.to_pylist()) == str(before.to_pylist())
    assert after.type == before.type


@pytest.mark.parametrize("name", EQUAL)
def test_a_nearest_type_has_equal_values(host: Headwater, name: str) -> None:
    before, after = cast(host, name)
    assert list(map(str, after.to_pylist())) == list(map(str, before.to_pylist())) or (
        after.to_pylist() == before.to_pylist()
    )
    assert spark_type(after.type) == after.type


def test_the_largest_unsigned_numbers_are_decimals(host: Headwater) -> None:
    before, after = cast(host, "uint64")
    assert after.type == pa.decimal128(20, 0)
    assert after.to_pylist() == [None if value is None else Decimal(value) for value in before.to_pylist()]


@pytest.mark.parametrize("name", ["time32_s", "time32_ms", "time64_us", "time64_ns", "decimal256"])
def test_times_of_day_and_very_long_decimals_are_texts(host: Headwater, name: str) -> None:
    before, after = cast(host, name)
    assert after.type == pa.string()
    assert after.null_count == before.null_count


@pytest.mark.parametrize("name", ["timestamp_ns", "timestamp_ns_utc", "duration_ns"])
def test_times_keep_microseconds(host: Headwater, name: str) -> None:
    before, after = cast(host, name)
    found: list[Any] = after.to_pylist()
    for exact, kept in zip(
        before.cast(pa.int64()).to_pylist(), after.cast(pa.int64()).to_pylist(), strict=True
    ):
        assert (exact is None and kept is None) or abs(exact - kept * 1000) < 1000
    assert not isinstance(found[0], timedelta) or found[0].microseconds >= 0


@pytest.mark.parametrize("name", ["duration_s", "duration_ms"])
def test_a_duration_that_spark_cannot_hold_is_an_error_not_another_one(host: Headwater, name: str) -> None:
    with pytest.raises(pa.ArrowInvalid, match=r"out of bounds|overflow"):
        cast(host, name)
