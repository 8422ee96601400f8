"""The inputs that are kept for the fuzzer do no harm, and every target has some."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.target import CORPUS, WrongError, all_targets, target
from headwater.errors import QueryError


@pytest.mark.parametrize("name", all_targets())
def test_the_kept_inputs_of_a_target_do_no_harm(name: str) -> None:
    one = all_targets()[name]
    seeds = sorted(one.seeds.iterdir())
    assert seeds
    for seed in seeds:
        assert seed.stat().st_size <= one.max_bytes
        one.run(seed.read_bytes())


def test_no_inputs_are_kept_for_what_is_no_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(all_targets())


def test_each_target_is_told_from_one_that_fails() -> None:
    @target(QueryError)
    def one(data: bytes) -> None:
        if data == b"refused":
            raise QueryError("no")
        if data == b"wrong":
            raise KeyError(Path("x"))
        assert data != b"broken", "it is broken"

    assert one.run(b"taken")
    assert not one.run(b"refused")
    with pytest.raises(WrongError, match="KeyError is no documented error"):
        one.run(b"wrong")
    with pytest.raises(WrongError, match="it is broken"):
        one.run(b"broken")
