"""Math, case by case as Grafana's documentation tells it."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from headwater.errors import HeadwaterError, QueryRequestError
from headwater_expressions.math import parse

from .conftest import Request, number, series

NAN, INF = float("nan"), float("inf")


def test_numbers_and_series() -> None:
    request = Request(A=number(6), B=number(3), S=series({1: 1, 2: 2}))
    assert request.math("$A / $B") == [2]
    assert request.math("$S * $A") == [{1: 6, 2: 12}]
    assert request.math("$A - $S") == [{1: 5, 2: 4}]
    assert request.math("1 + 1") == [2]


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("2 * 3 ** 2", 18),
        ("-2 ** 2", 4),
        ("7 % 4", 3),
        ("-7 % 4", -3),
        ("10 - 3 - 2", 5),
        ("1 || 0 && 0", 1),
        ("1 + 1 == 2", 1),
        ("1 < 2", 1),
        ("1 >= 2", 0),
        ("3 != 3", 0),
        ("!3", 0),
        ("!0", 1),
        ("!!5", 1),
        ("- -5", 5),
        ("0x2A", 42),
        ("072", 58),
        ("2.24", 2.24),
        ("-0.8e-2", -0.008),
        ("abs(-1)", 1),
        ("ceil(3.123)", 4),
        ("floor(3.9)", 3),
        ("round(3.123)", 3),
        ("round(2.5)", 3),
        ("round(-2.5)", -3),
        ("round(0.49999999999999994)", 0),
        ("log(1)", 0),
        ("log(-1)", NAN),
        ("inf()", INF),
        ("infn()", -INF),
        ("nan()", NAN),
        ("null()", None),
        ("1 / 0", INF),
        ("0 / 0", NAN),
        ("is_inf(infn())", 1),
        ("is_inf(1)", 0),
        ("is_nan(nan())", 1),
        ("is_nan(null())", 0),
        ("is_null(null())", 1),
        ("is_null(nan())", 0),
        ("is_number(3)", 1),
        ("is_number(null())", 0),
        ("is_number(inf())", 0),
        ("is_number(nan())", 0),
    ],
)
def test_operators_and_functions(expression: str, result: float | None) -> None:
    (value,) = Request().math(expression)
    assert value == (result if result is None else pytest.approx(result, nan_ok=True))


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("! $NaN", NAN),
        ("- $NaN", NAN),
        ("1 * $NaN", NAN),
        ("1 == $NaN", NAN),
        ("1 ** $NaN", NAN),
        ("$NaN ** 0", NAN),
        ("1 || $NaN", 1),
        ("0 && $NaN", 0),
        ("0 || $NaN", NAN),
        ("1 && $NaN", NAN),
        ("$NaN && 1", NAN),
        ("$NaN || 0", 1),
        ("! $Null", None),
        ("1 + $Null", None),
        ("$Null + $Null", None),
        ("1 || $Null", None),
        ("abs($Null)", None),
        ("$NaN + $Null", None),
    ],
)
def test_nulls_and_nan(expression: str, result: float | None) -> None:
    (value,) = Request(NaN=number(NAN), Null=number(None)).math(expression)
    assert value == (result if result is None else pytest.approx(result, nan_ok=True))


def test_nulls_in_series_stay_where_they_are() -> None:
    request = Request(A=series({5: 1, 10: None}), N=number(None))
    assert request.math("-$A") == [{5: -1, 10: None}]
    assert request.math("$A - $A") == [{5: 0, 10: None}]
    assert request.math("$A * $N") == [{5: None, 10: None}]
    assert request.math("is_null($A)") == [{5: 0, 10: 1}]


def test_two_series_meet_at_the_times_that_both_have() -> None:
    request = Request(A=series({1: 1, 2: 2, 3: 3}), B=series({2: 20, 3: 30, 4: 40}), C=series({9: 1}))
    assert request.math("$A + $B") == [{2: 22, 3: 33}]
    assert request.math("$B - $A") == [{2: 18, 3: 27}]
    assert request.math("$A + $C") == [{}]


def test_times_of_other_units_are_the_same_times() -> None:
    coarse = series({1: 1, 2: 2})
    fine = coarse.with_(
        table=coarse.table.set_column(0, "time", coarse.table.column(0).cast(pa.timestamp("ns", "UTC")))
    )
    assert Request(A=coarse, B=fine).math("$A + $B") == [{1: 2, 2: 4}]


class TestLabels:
    """Which values an operator joins."""

    def test_equal_labels_join(self) -> None:
        request = Request(
            A=[number(1, {"host": "a"}), number(2, {"host": "b"})],
            B=[number(20, {"host": "b"}), number(10, {"host": "a"})],
        )
        assert request.math("$A + $B") == [(11, {"host": "a"}), (22, {"host": "b"})]

    def test_no_labels_join_with_anything(self) -> None:
        request = Request(A=[number(1, {"host": "a"}), number(2, {"host": "b"})], B=number(10))
        assert request.math("$A + $B") == [(11, {"host": "a"}), (12, {"host": "b"})]
        assert request.math("$B - $A") == [(9, {"host": "a"}), (8, {"host": "b"})]

    def test_a_part_of_the_labels_joins_and_the_larger_set_stays(self) -> None:
        request = Request(
            A=[number(1, {"dc": "x", "host": "a"}), number(2, {"dc": "y", "host": "a"})],
            B=number(10, {"host": "a"}),
        )
        both = [(11, {"dc": "x", "host": "a"}), (12, {"dc": "y", "host": "a"})]
        assert request.math("$A + $B") == both
        assert request.math("$B + $A") == both

    def test_two_single_values_join_whatever_their_labels(self) -> None:
        request = Request(A=number(1, {"id": "1"}), B=number(2, {"id": "2"}))
        assert request.math("$A + $B") == [3]

    def test_what_finds_no_partner_is_dropped_with_a_notice(self) -> None:
        request = Request(A=[number(1, {"id": "1"}), number(3, {"id": "3"})], B=number(2, {"id": "1"}))
        (frame,) = request.frames(type="math", expression="$A + $B")
        assert frame.to_pylist() == [{"Q": 3}]
        (notice,) = frame.notices
        assert notice.text == "1 items dropped from union(s): {id=3}"

    def test_other_keys_do_not_join(self) -> None:
        request = Request(
            A=[number(1, {"ID": "1"}), number(3, {"ID": "3"})], B=number(2, {"id": "1", "fish": "cod"})
        )
        assert request.math("$A + $B") == []

    def test_values_with_different_keys_in_one_set(self) -> None:
        request = Request(
            A=[number(1, {"id": "1"}), number(2, {"id": "1", "fish": "cod"})],
            B=[number(10, {"id": "1", "fish": "cod"}), number(20, {"id": "1", "fish": "eel"})],
        )
        assert request.math("$A + $B") == [
            (11, {"fish": "cod", "id": "1"}),
            (21, {"fish": "eel", "id": "1"}),
            (12, {"fish": "cod", "id": "1"}),
        ]


def test_without_data_there_is_no_data() -> None:
    request = Request(A=number(1), B=[])
    (frame,) = request.frames(type="math", expression="$A + $B")
    assert (frame.name, frame.num_columns) == ("no data", 0)


def test_names_with_spaces_stand_in_braces() -> None:
    assert Request(**{"my query": number(4)}).math("${my query} / 2") == [2]


def test_the_result_is_called_like_its_ref_id() -> None:
    (frame,) = Request(A=series({1: 1}, {"host": "a"})).frames(type="math", expression="$A * 2")
    assert frame.schema.names == ["Time", "Q"]
    assert frame.fields[1].labels == {"host": "a"}
    assert frame.ref_id == "Q"
    assert frame.meta is not None
    assert frame.meta.type == "timeseries-multi"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "is empty"),
        ("1 +", "ends too early"),
        ("1 2", "unexpected '2' at position 2"),
        ("$A ? 1", "unexpected '?'"),
        ("sqrt(4)", "non existing function sqrt"),
        ("abs()", "unexpected ')'"),
        ("(1", "ends too early"),
        ("089", "no octal number"),
        ("(" * 200 + "1" + ")" * 200, "nested more than 100 levels"),
        ("!" * 5000 + "1", "nested more than 100 levels"),
        ("A + 1", "non existing function A"),
    ],
)
def test_wrong_formulas(expression: str, message: str) -> None:
    with pytest.raises(HeadwaterError, match=message.replace("?", r"\?").replace(")", r"\)")) as raised:
        Request(A=number(1)).math(expression)
    assert raised.value.status == 400


def test_a_formula_is_bounded_in_points() -> None:
    from headwater import CallContext, QueryLimits

    many = [number(index, {"a": str(index)}) for index in range(40)]
    context = CallContext(limits=QueryLimits(max_bytes=160))
    request = Request(A=many, B=[number(1)])
    answer = request.answer(context, Q={"type": "math", "expression": "$A + $B"})["Q"]
    assert answer.error is not None
    assert "more than 10 points" in str(answer.error)


PYTHON = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b}


@given(
    st.recursive(
        st.integers(0, 50).map(str),
        lambda inner: st.tuples(inner, st.sampled_from(sorted(PYTHON)), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        max_leaves=12,
    )
)
def test_arithmetic_is_pythons(text: str) -> None:
    (value,) = Request().math(text)
    assert value == pytest.approx(eval(text))


@given(st.text(max_size=30))
def test_any_text_is_a_formula_or_a_clear_error(text: str) -> None:
    with suppress(QueryRequestError):
        parse(text)


def test_a_thousand_series_join_by_label() -> None:
    times = {second: float(second) for second in range(10)}
    many = [series(times, {"host": str(index)}) for index in range(1000)]
    found = Request(A=many, B=many).frames(type="math", expression="$A - $B")
    assert len(found) == 1000
    assert all(not np.any(frame.table.column(1).to_numpy()) for frame in found)
    assert not math.isnan(float(found[0].table.column(1)[0].as_py()))
