"""Threshold, and the classic conditions of alerts."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import HeadwaterError
from headwater.frames import labels_fingerprint

from .conftest import Request, number, series, values


def threshold(kind: str, *params: float, **more: Any) -> dict[str, Any]:
    condition = {"evaluator": {"type": kind, "params": list(params)}, **more}
    return {"type": "threshold", "expression": "A", "conditions": [condition]}


@pytest.mark.parametrize(
    ("kind", "params", "fires"),
    [
        ("gt", [5], [0, 0, 1]),
        ("lt", [5], [1, 0, 0]),
        ("gte", [5], [0, 1, 1]),
        ("lte", [5], [1, 1, 0]),
        ("eq", [5], [0, 1, 0]),
        ("ne", [5], [1, 0, 1]),
        ("within_range", [1, 5], [0, 0, 0]),
        ("within_range", [9, 0], [1, 1, 0]),
        ("within_range_included", [1, 5], [1, 1, 0]),
        ("outside_range", [1, 5], [0, 0, 1]),
        ("outside_range_included", [1, 5], [1, 1, 1]),
    ],
)
def test_thresholds(kind: str, params: list[float], fires: list[float]) -> None:
    request = Request(A=series({1: 1, 2: 5, 3: 9}))
    assert values(request.frames(**threshold(kind, *params))) == [dict(zip([1, 2, 3], fires, strict=True))]


def test_a_threshold_keeps_labels_and_nulls() -> None:
    request = Request(A=[number(9, {"host": "a"}), number(None, {"host": "b"})])
    assert values(request.frames(**threshold("gt", 5))) == [(1, {"host": "a"}), (None, {"host": "b"})]


def test_what_fires_already_stops_at_the_other_limit() -> None:
    """Hysteresis: 80 is not above 90, but b, which fires, stops only below 70."""
    firing = str(labels_fingerprint({"host": "b"}))
    fields = [{"name": "fingerprints", "type": "number", "typeInfo": {"frame": "uint64"}}]
    loaded = {"schema": {"fields": fields}, "data": {"values": [[int(firing)]]}}
    request = Request(A=[number(80, {"host": "a"}), number(80, {"host": "b"})])
    query = threshold("gt", 90, unloadEvaluator={"type": "lt", "params": [70]}, loadedDimensions=loaded)
    assert values(request.frames(**query)) == [(0, {"host": "a"}), (1, {"host": "b"})]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (threshold("above", 1), "expected threshold function to be one of"),
        (threshold("gt"), "incorrect number of arguments for threshold function gt: got 0 but need 1"),
        (threshold("within_range", 1), "got 1 but need 2"),
        ({"type": "threshold", "expression": "A"}, "exactly one condition"),
    ],
)
def test_wrong_thresholds(query: dict[str, Any], message: str) -> None:
    with pytest.raises(HeadwaterError, match=message):
        Request(A=number(1)).frames(**query)


def condition(ref_id: str, reducer: str, kind: str, *params: float, operator: str = "and") -> dict[str, Any]:
    return {
        "evaluator": {"type": kind, "params": list(params)},
        "operator": {"type": operator},
        "query": {"params": [ref_id]},
        "reducer": {"params": [], "type": reducer},
        "type": "query",
    }


def classic(request: Request, *conditions: dict[str, Any]) -> float | None:
    (frame,) = request.frames(type="classic_conditions", conditions=list(conditions))
    value: float | None = frame.table.column(0)[0].as_py()
    return value


@pytest.mark.parametrize(
    ("reducer", "result"),
    [
        ("avg", 20 / 3),
        ("sum", 20),
        ("min", 2),
        ("max", 12),
        ("count", 4),
        ("last", 6),
        ("median", 6),
        ("diff", 4),
        ("diff_abs", 4),
        ("percent_diff", 200),
        ("percent_diff_abs", 200),
        ("count_non_null", 3),
    ],
)
def test_reducers_of_conditions(reducer: str, result: float) -> None:
    """Nulls do not count, but for `count`."""
    request = Request(A=series({1: 2, 2: 12, 3: None, 4: 6}))
    assert classic(request, condition("A", reducer, "within_range", result - 0.001, result + 0.001)) == 1


def test_conditions_are_joined_from_first_to_last() -> None:
    request = Request(A=series({1: 1}), B=series({1: 10}))
    low, high = condition("A", "last", "gt", 5), condition("B", "last", "gt", 5)
    assert classic(request, low) == 0
    assert classic(request, high) == 1
    assert classic(request, low, high) == 0
    assert classic(request, low, {**high, "operator": {"type": "or"}}) == 1
    assert classic(request, high, {**low, "operator": {"type": "or"}}, low) == 0


def test_one_series_of_several_suffices_and_is_told() -> None:
    request = Request(A=[series({1: 1}, {"host": "a"}), series({1: 10}, {"host": "b"})])
    (frame,) = request.frames(type="classic_conditions", conditions=[condition("A", "last", "gt", 5)])
    assert values([frame]) == [1]
    assert frame.meta is not None
    assert frame.meta.custom == [{"metric": "host=b", "value": "10", "labels": {"host": "b"}}]


def test_without_data() -> None:
    request = Request(A=[], B=series({1: None}), C=series({1: 9}))
    assert classic(request, condition("A", "last", "gt", 5)) is None
    assert classic(request, condition("B", "last", "gt", 5)) is None
    assert classic(request, condition("A", "last", "no_value")) == 1
    assert classic(request, condition("B", "last", "no_value")) == 1
    assert classic(request, condition("C", "last", "no_value")) == 0


def test_without_data_for_some_of_the_conditions() -> None:
    """`and` has no data where no condition has any; `or` where one has none, whatever the others say."""
    request = Request(A=[], C=series({1: 9}))
    fires, nothing = condition("C", "last", "gt", 5), condition("A", "last", "gt", 5)
    assert classic(request, fires, nothing) == 0
    assert classic(request, fires, {**nothing, "operator": {"type": "or"}}) is None
    assert classic(request, condition("A", "last", "no_value"), nothing) == 0


@pytest.mark.parametrize(
    ("first", "last", "reducer", "result"),
    [
        (0, 5, "percent_diff", "+Inf"),
        (0, -5, "percent_diff", "-Inf"),
        (0, -5, "percent_diff_abs", "+Inf"),
        (0, 0, "percent_diff", "0"),
        (-4, -2, "percent_diff", "50"),
        (1, 1e22, "percent_diff", "1" + "0" * 24),
    ],
)
def test_a_change_from_zero_is_infinite(first: float, last: float, reducer: str, result: str) -> None:
    request = Request(A=series({1: first, 2: last}))
    (frame,) = request.frames(type="classic_conditions", conditions=[condition("A", reducer, "ne", 7)])
    assert frame.meta is not None
    assert [match["value"] for match in frame.meta.custom] == [result]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ([], "at least one condition"),
        ([condition("A", "foo", "gt", 1)], "reducer foo is not known"),
        ([condition("A", "last", "foo", 1)], "evaluator foo is not known"),
        ([condition("A", "last", "gt")], "evaluator gt needs a number"),
        ([condition("A", "last", "within_range", 1)], "needs two numbers"),
        ([{**condition("A", "last", "gt", 1), "query": {}}], "needs the ref id of its query"),
    ],
)
def test_wrong_conditions(conditions: list[Any], message: str) -> None:
    with pytest.raises(HeadwaterError, match=message):
        classic(Request(A=series({1: 1})), *conditions)


def test_conditions_take_data_sources_only() -> None:
    answer = Request(A=series({1: 1})).answer(
        M={"type": "math", "expression": "$A + 1"},
        Q={"type": "classic_conditions", "conditions": [condition("M", "last", "gt", 1)]},
    )
    assert str(answer["Q"].error) == "only data source queries may be inputs to a classic condition"
