"""Filters of an Arrow scan that a data source may apply."""

from __future__ import annotations

import operator as op
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headwater import Filter
from headwater.errors import QueryError
from headwater.queries import expression_of, filters_of

SCHEMA = pa.schema([("a", pa.int64()), ("b", pa.string()), ("t", pa.timestamp("us", "UTC"))])
A, B, T = pc.field("a"), pc.field("b"), pc.field("t")
NOON = datetime(2026, 1, 1, 12, 0, 0, 500, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "filters"),
    [
        (None, []),
        (A == 3, [Filter("a", "=", 3)]),
        ((A > -3) & (B == "x y"), [Filter("a", ">", -3), Filter("b", "=", "x y")]),
        (T <= NOON, [Filter("t", "<=", NOON)]),
        ((A > 1) | (A < 0), []),
        (((A > 1) | (A < 0)) & (A != 5), [Filter("a", "!=", 5)]),
        (~(A == 3), []),
        (B == '") and (a == 3', []),
        ((B == '\\") and (a == 3') & (A == 4), []),
        ((B == "(a == 3)") & (A == 4), [Filter("a", "=", 4)]),
        (B.isin(["x"]) & (A == 4), [Filter("a", "=", 4)]),
        (A + 1 == 4, []),
        (pc.field("no") == 4, []),
    ],
)  # fmt: skip
def test_filters_are_read_from_an_expression_where_their_text_leaves_no_doubt(
    expression: Any, filters: list[Filter]
) -> None:
    assert list(filters_of(expression, SCHEMA)) == filters


def test_no_filter_is_read_where_a_column_could_be_taken_for_one() -> None:
    schema = pa.schema([("a", pa.int64()), ("x) and (a == 3", pa.int64())])
    assert filters_of(pc.field("x) and (a == 3") == 3, schema) == ()


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ([Filter("a", "=", 3)], [3]),
        ([Filter("a", "!=", 3)], [1, 2]),
        ([Filter("a", "<", 3), Filter("a", ">", 1)], [2]),
        ([Filter("a", "<=", 2), Filter("a", ">=", 2)], [2]),
        ([Filter("a", "in", (1, 3))], [1, 3]),
        ([Filter("a", "is null")], [None]),
        ([Filter("a", "is not null"), Filter("b", "=", "x")], [1, 2]),
    ],
)
def test_a_reader_applies_filters_with_sqls_meaning_of_null(filters: list[Filter], kept: list[Any]) -> None:
    table = pa.table({"a": [1, 2, 3, None], "b": ["x", "x", "y", "x"]})
    assert table.filter(expression_of(filters))["a"].to_pylist() == kept


NUMBERS = pa.table(
    {
        "signed": pa.array([-(2**63), 5, 2**63 - 1], pa.int64()),
        "unsigned": pa.array([0, 5, 2**64 - 1], pa.uint64()),
        "price": pa.array([Decimal("-1.50"), Decimal("5.00"), Decimal("7.25")], pa.decimal128(10, 2)),
        "large": pa.array([Decimal(-1), Decimal(5), Decimal(10**37)], pa.decimal128(38, 0)),
    }
)
COMPARISONS = {"=": op.eq, "!=": op.ne, "<": op.lt, "<=": op.le, ">": op.gt, ">=": op.ge, "in": op.eq}


@pytest.mark.parametrize("column", NUMBERS.column_names)
@pytest.mark.parametrize(
    "value", [5, -1, 0, 2**63, 2**64 - 1, 2**70, Decimal(5), Decimal("5.0"), Decimal("7.25"), 5.5]
)
@pytest.mark.parametrize("operator", COMPARISONS)
def test_numbers_of_whatever_types_are_compared_exactly(column: str, value: Any, operator: Any) -> None:
    condition = Filter(column, operator, (value,) if operator == "in" else value)
    compare = {"=": op.eq, "!=": op.ne, "<": op.lt, "<=": op.le, ">": op.gt, ">=": op.ge, "in": op.eq}[
        operator
    ]
    kept = NUMBERS.filter(expression_of([condition], NUMBERS.schema))[column].to_pylist()
    assert kept == [each for each in NUMBERS[column].to_pylist() if compare(each, value)]


@pytest.mark.parametrize("operator", ["=", "<", "in"])
def test_a_value_that_its_column_cannot_be_compared_with_is_an_error_of_the_query(operator: Any) -> None:
    condition = Filter("b", operator, (5,) if operator == "in" else 5)
    with pytest.raises(QueryError, match=r"Column 'b' is string, which cannot be compared with .*5"):
        expression_of([condition], SCHEMA)


@pytest.mark.parametrize("schema", [None, SCHEMA])
def test_an_operator_that_does_not_exist_is_an_error_and_lets_nothing_through(schema: Any) -> None:
    with pytest.raises(QueryError, match=r"one of =, .*, is not null, not 'like'"):
        expression_of([Filter("b", "like", "x")], schema)  # type: ignore[arg-type]


def test_no_filters_are_no_expression() -> None:
    assert expression_of([]) is None
