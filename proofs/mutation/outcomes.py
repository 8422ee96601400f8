"""What became of the mutants of one room, and the answers to those that lived."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from contextlib import chdir
from functools import cache
from pathlib import Path

from attrs import frozen

_ANSWERS = Path(__file__).parent / "answers.toml"
_UNTESTED = 33
_ALIVE = frozenset({0, _UNTESTED})
"""Exit statuses of pytest, and one of mutmut's own for what no test runs."""
_TIMED_OUT = frozenset({-24, 24, 36, 152, 255})


@frozen
class Survivor:
    """A mutant that no test told from the code: `old` became `new` in `function`, which is `tested` at all.

    `why` is the answer that is kept: why it is no fault of the tests.
    """

    function: str
    old: str
    new: str
    tested: bool
    why: str


@frozen
class Outcomes:
    """Counts of one room. A mutant that makes the tests run for ever is killed, as far as the machine is not
    only busy: `timed_out` of the `killed` were given up."""

    mutants: int
    killed: int
    timed_out: int
    survivors: tuple[Survivor, ...]

    @property
    def answered(self) -> int:
        return sum(bool(each.why) for each in self.survivors)

    @property
    def share(self) -> float:
        """Of the mutants that are no equal of the code, those that were killed."""
        return self.killed / max(1, self.mutants - self.answered)


def read_outcomes(folder: Path) -> Outcomes:
    """Of the mutants in a workspace, as far as they were run."""
    from mutmut.configuration import reset_config

    ran = {name: status for name, status in _statuses(folder) if status is not None}
    alive = {name: status for name, status in ran.items() if status in _ALIVE}
    with chdir(folder):
        reset_config()  # mutmut's, which is of the folder that was read before
        survivors = [_survivor(name, status) for name, status in alive.items()]
    timed_out = sum(status in _TIMED_OUT for status in ran.values())
    return Outcomes(len(ran), len(ran) - len(survivors), timed_out, tuple(survivors))


def forget_survivors(folder: Path) -> None:
    """Have mutmut try again what lived: there may be better tests, which call more than they did."""
    (folder / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    for file in _records(folder):
        record = json.loads(file.read_text())
        codes = record["exit_code_by_key"]
        record["exit_code_by_key"] = {
            name: None if status in _ALIVE else status for name, status in codes.items()
        }
        file.write_text(json.dumps(record))


def _statuses(folder: Path) -> Iterator[tuple[str, int | None]]:
    for file in _records(folder):
        yield from json.loads(file.read_text())["exit_code_by_key"].items()


def _records(folder: Path) -> list[Path]:
    return sorted((folder / "mutants" / "src").rglob("*.meta"))


def _survivor(name: str, status: int) -> Survivor:
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    function = name.rpartition("__mutmut_")[0].replace("xǁ", "").replace("ǁ", ".").replace(".x_", ".")
    lines = [line for line in get_diff_for_mutant(name).splitlines() if not line.startswith(("---", "+++"))]
    old, new = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return Survivor(function, old, new, status != _UNTESTED, _answers().get((function, old, new), ""))


@cache
def _answers() -> dict[tuple[str, str, str], str]:
    kept = tomllib.loads(_ANSWERS.read_text()).get("answer", []) if _ANSWERS.exists() else []
    return {(each["in"], each["old"], each["new"]): each["why"] for each in kept}
