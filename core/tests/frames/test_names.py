"""Columns that are renamed never end with one name."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from headwater.frames import unique_names


@pytest.mark.parametrize(
    ("wanted", "taken", "names"),
    [
        (["a", "b"], [], ["a", "b"]),
        (["a", "a", "a"], [], ["a", "a_2", "a_3"]),
        (["a", "a", "a_2"], [], ["a", "a_3", "a_2"]),
        (["a", "b"], ["a", "a_2"], ["a_3", "b"]),
        (["", ""], [], ["", "_2"]),
    ],
)
def test_a_name_that_repeats_gets_a_number(wanted: list[str], taken: list[str], names: list[str]) -> None:
    assert unique_names(wanted, taken) == names


NAMES = st.lists(st.text("a_23", max_size=4), max_size=12)


@given(wanted=NAMES, taken=NAMES)
def test_all_are_different_and_the_first_of_each_stays(wanted: list[str], taken: list[str]) -> None:
    names = unique_names(wanted, taken)
    assert len({*names, *taken}) == len(names) + len(set(taken))
    for index, name in enumerate(wanted):
        if name not in wanted[:index] and name not in taken:
            assert names[index] == name


def test_ten_thousand_of_one_name_take_no_square_of_the_time() -> None:
    assert unique_names(["a"] * 10_000)[-1] == "a_10000"
