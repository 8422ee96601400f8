"""Resample: series at the start of the range, 0 s, and then once a window until its end, 16 s."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import HeadwaterError

from .conftest import Request, number, series, values

POINTS = series({2: 2, 4: 3, 7: 1, 9: 2}, {"host": "a"})


def resampled(window: str, downsampler: str, upsampler: str, points: Any = POINTS) -> Any:
    frames = Request(A=points).frames(
        type="resample", expression="A", window=window, downsampler=downsampler, upsampler=upsampler
    )
    ((value, labels),) = values(frames)
    assert labels == {"host": "a"}
    return value


@pytest.mark.parametrize(
    ("downsampler", "upsampler", "result"),
    [
        ("mean", "pad", {0: None, 5: 2.5, 10: 1.5, 15: 2}),
        ("max", "fillna", {0: None, 5: 3, 10: 2, 15: None}),
        ("min", "fillna", {0: None, 5: 2, 10: 1, 15: None}),
        ("sum", "fillna", {0: None, 5: 5, 10: 3, 15: None}),
        ("mean", "fillna", {0: None, 5: 2.5, 10: 1.5, 15: None}),
        ("count", "fillna", {0: None, 5: 2, 10: 2, 15: None}),
        ("last", "backfilling", {0: 2, 5: 3, 10: 2, 15: None}),
    ],
)
def test_downsampling(downsampler: str, upsampler: str, result: Any) -> None:
    assert resampled("5s", downsampler, upsampler) == result


def test_upsampling() -> None:
    sparse = series({2: 2, 7: 1}, {"host": "a"})
    pad = {0: None, 2: 2, 4: 2, 6: 2, 8: 1, 10: 1, 12: 1, 14: 1, 16: 1}
    back = {0: 2, 2: 2, 4: 1, 6: 1, 8: 1, 10: None, 12: None, 14: None, 16: None}
    none = {0: None, 2: 2, 4: None, 6: None, 8: 1, 10: None, 12: None, 14: None, 16: None}
    assert resampled("2s", "mean", "pad", sparse) == pad
    assert resampled("2s", "mean", "backfilling", sparse) == back
    assert resampled("2s", "mean", "fillna", sparse) == none


def test_the_last_value_of_a_window_may_be_null() -> None:
    holes = series({2: 2, 4: None, 7: 1}, {"host": "a"})
    assert resampled("5s", "last", "fillna", holes) == {0: None, 5: None, 10: 1, 15: None}


@pytest.mark.parametrize("downsampler", ["mean", "sum", "min", "max", "median", "std", "first", "last"])
def test_a_window_of_nulls_is_null(downsampler: str) -> None:
    holes = series({2: 2, 7: None, 12: float("nan")}, {"host": "a"})
    found = resampled("5s", downsampler, "fillna", holes)
    assert (found[0], found[10]) == (None, None)
    assert found[15] != found[15]  # NaN is a value


@pytest.mark.parametrize("downsampler", ["mean", "last", "first"])
@pytest.mark.parametrize("upsampler", ["pad", "backfilling"])
def test_a_null_is_no_gap_to_fill(downsampler: str, upsampler: str) -> None:
    holes = series({4: 2, 8: None, 14: 3}, {"host": "a"})
    assert resampled("5s", downsampler, upsampler, holes) == {
        0: 2 if upsampler == "backfilling" else None, 5: 2, 10: None, 15: 3
    }  # fmt: skip


def test_series_with_other_times_can_be_added_once_resampled() -> None:
    request = Request(A=series({1: 1, 6: 2}), B=series({2: 10, 8: 20}))
    window = {"type": "resample", "window": "5s", "downsampler": "last", "upsampler": "pad"}
    answer = request.answer(
        C={"expression": "A", **window},
        D={"expression": "B", **window},
        Q={"type": "math", "expression": "$C + $D"},
    )
    assert values(answer["Q"].frames) == [{0: None, 5: 11, 10: 22, 15: 22}]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"window": "1m"}, "time range is shorter than the interval"),
        ({"window": ""}, "duration"),
        ({"window": "0s"}, "positive"),
        ({"downsampler": "foo"}, "downsampling foo not implemented"),
        ({"upsampler": "foo"}, "upsampling foo not implemented"),
        ({"window": "1ms", "expression": "N"}, "can only resample type series, got type number"),
    ],
)
def test_wrong_resampling(keys: dict[str, str], message: str) -> None:
    query = {"expression": "A", "window": "5s", "downsampler": "mean", "upsampler": "pad", **keys}
    with pytest.raises(HeadwaterError, match=message):
        Request(A=POINTS, N=number(1)).frames(type="resample", **query)


def test_points_are_bounded() -> None:
    from headwater import CallContext, QueryLimits

    query = {"type": "resample", "expression": "A", "window": "1s"}
    context = CallContext(limits=QueryLimits(max_bytes=160))
    error = Request(A=POINTS).answer(context, Q=query)["Q"].error
    assert error is not None
    assert "take a longer window" in str(error)
