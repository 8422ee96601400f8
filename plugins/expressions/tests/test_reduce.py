"""Reduce: each series becomes a number."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import QueryError

from .conftest import Request, number, series, values

NAN, INF = float("nan"), float("inf")
PLAIN = series({1: 4, 2: 1, 3: 3, 4: 8}, {"host": "a"})
HOLES = series({1: 2, 2: None, 3: NAN, 4: INF, 5: 4})


@pytest.mark.parametrize(
    ("reducer", "result"),
    [
        ("mean", 4),
        ("min", 1),
        ("max", 8),
        ("sum", 16),
        ("count", 4),
        ("last", 8),
        ("first", 4),
        ("median", 3.5),
        ("std", 2.5495097567963922),
    ],
)
def test_reducers(reducer: str, result: float) -> None:
    frames = Request(A=PLAIN).frames(type="reduce", expression="A", reducer=reducer)
    assert values(frames) == [(pytest.approx(result), {"host": "a"})]


@pytest.mark.parametrize(
    ("reducer", "mode", "result"),
    [
        ("sum", "", NAN),
        ("sum", "strict", NAN),
        ("mean", "", NAN),
        ("min", "", NAN),
        ("max", "", NAN),
        ("count", "", 5),
        ("last", "", 4),
        ("sum", "dropNN", 6),
        ("mean", "dropNN", 3),
        ("count", "dropNN", 2),
        ("sum", "replaceNN", 36),
        ("min", "replaceNN", 2),
        ("max", "replaceNN", 10),
        ("count", "replaceNN", 5),
    ],
)
def test_modes(reducer: str, mode: str, result: float) -> None:
    settings = {"mode": mode, "replaceWithValue": 10}
    frames = Request(A=HOLES).frames(type="reduce", expression="$A", reducer=reducer, settings=settings)
    assert values(frames) == [pytest.approx(result, nan_ok=True)]


@pytest.mark.parametrize(
    ("reducer", "mode", "result"),
    [("sum", "", 0), ("count", "", 0), ("mean", "", NAN), ("last", "", NAN), ("mean", "dropNN", None)],
)
def test_series_without_points(reducer: str, mode: str, result: float | None) -> None:
    """An operator leaves such a series where two have no time in common."""
    request = Request(A=series({1: 1}), B=series({2: 1}))
    answer = request.answer(
        M={"type": "math", "expression": "$A + $B"},
        Q={"type": "reduce", "expression": "M", "reducer": reducer, "settings": {"mode": mode}},
    )
    (value,) = values(answer["Q"].frames)
    assert value == (result if result is None else pytest.approx(result, nan_ok=True))


def test_a_last_null_stays_null() -> None:
    frames = Request(A=series({1: 1, 2: None})).frames(type="reduce", expression="A", reducer="last")
    assert values(frames) == [None]


def test_numbers_are_reduced_already() -> None:
    (frame,) = Request(A=number(7)).frames(type="reduce", expression="A", reducer="mean")
    assert values([frame]) == [7]
    assert "already reduced" in frame.notices[0].text


@pytest.mark.parametrize(
    ("mode", "result"),
    [
        ("", [7, None, NAN, INF]),
        ("strict", [7, None, NAN, INF]),
        ("dropNN", [7]),
        ("replaceNN", [7, 10, 10, 10]),
    ],
)
def test_modes_apply_to_numbers(mode: str, result: list[Any]) -> None:
    numbers = [number(each, {"at": str(index)}) for index, each in enumerate([7, None, NAN, INF])]
    settings = {"mode": mode, "replaceWithValue": 10}
    frames = Request(A=numbers).frames(type="reduce", expression="A", reducer="mean", settings=settings)
    found = [value for value, _ in values(frames)]
    assert found == [each if each is None else pytest.approx(each, nan_ok=True) for each in result]
    assert bool(frames[0].notices) == (mode in ("", "strict"))


def test_no_data_stays_no_data() -> None:
    (frame,) = Request(A=[]).frames(type="reduce", expression="A", reducer="mean")
    assert frame.name == "no data"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"expression": "A", "reducer": "foo"}, "reduction foo not implemented"),
        ({"expression": "", "reducer": "mean"}, "needs the ref id of its input"),
    ],
)
def test_wrong_reductions(keys: dict[str, str], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        Request(A=PLAIN).frames(type="reduce", **keys)


def test_scalars_cannot_be_reduced() -> None:
    answer = Request().answer(
        A={"type": "math", "expression": "1 + 1"}, Q={"type": "reduce", "expression": "A", "reducer": "mean"}
    )
    assert str(answer["Q"].error) == "can only reduce type series, got type scalar"
