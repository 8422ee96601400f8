"""Fuzzes targets one after the other, each in a process of its own, and prints what came of it.

    python -m fuzz [--seconds 5] [--folder FOLDER] [TARGET …]

`TARGET` may be the beginning of a name: `mysql` for all of `mysql.…`. What covers something new is kept in
FOLDER and taken up by the next run; an input that fails stands there as `crash-…`, and ends with status 1.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from attrs import frozen

from fuzz.target import Target, all_targets

_HANG_SECONDS = 60
"""After that libFuzzer ends a target itself: long, as it is not the process' own time."""
_RSS_MIB = 2048
_START_SECONDS = 120


@frozen
class Outcome:
    """What libFuzzer said of one target."""

    target: str
    executions: int
    covered: int
    corpus: int
    peak_mib: int
    seconds: float
    failure: str = ""


def main() -> int:
    parser = argparse.ArgumentParser("fuzz", description="Fuzz what reads bytes from outside.")
    parser.add_argument("targets", nargs="*", help="targets, or beginnings of their names; all by default")
    parser.add_argument("--seconds", type=int, default=5, help="for each target (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir(), "headwater-fuzz"))
    parser.add_argument("--list", action="store_true", help="print the names of the targets")
    asked = parser.parse_args()
    chosen = [
        each
        for name, each in all_targets().items()
        if not asked.targets or name.startswith(tuple(asked.targets))
    ]
    if asked.list or not chosen:
        print(*all_targets(), sep="\n")
        return 0 if asked.list else 2
    print(f"{'target':32}{'executions':>12}{'per second':>12}{'edges':>8}{'kept':>7}{'peak MiB':>10}")
    outcomes = [run(each, asked.folder / each.name, asked.seconds) for each in chosen]
    print(f"{'all':32}{sum(each.executions for each in outcomes):12,}")
    failed = [each for each in outcomes if each.failure]
    for each in failed:
        print(f"\n{each.target} failed; its input is in {asked.folder / each.target}:\n{each.failure}")
    return 1 if failed else 0


def run(target: Target, folder: Path, seconds: int) -> Outcome:
    """Fuzz `target` for `seconds` and print its row of the table."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "fuzz.worker", target.name, str(folder), f"-max_total_time={seconds}",
        f"-timeout={_HANG_SECONDS}", f"-rss_limit_mb={_RSS_MIB}", "-print_final_stats=1",
    ]  # fmt: skip
    started = time.monotonic()
    failed, said = _end_of(command, seconds + _START_SECONDS)
    outcome = Outcome(
        target.name,
        _number(r"number_of_executed_units: *(\d+)", said),
        _number(r"cov: (\d+)", said),
        _number(r"corp: (\d+)", said),
        _number(r"peak_rss_mb: *(\d+)", said),
        time.monotonic() - started,
        _failure(said) if failed else "",
    )
    rate = outcome.executions / max(seconds, 1)
    print(
        f"{outcome.target:32}{outcome.executions:12,}{rate:12,.0f}{outcome.covered:8,}{outcome.corpus:7,}"
        f"{outcome.peak_mib:10,}{'   FAILED' if outcome.failure else ''}",
        flush=True,
    )
    return outcome


def _end_of(command: list[str], seconds: float) -> tuple[bool, str]:
    """Whether it failed, which it has too if it does not end in time; and what it printed."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        printed = (error.stdout or b"").decode(errors="replace")
        return True, f"{printed}\nIt did not end within {seconds:.0f} s."
    return done.returncode != 0, done.stdout.decode(errors="replace")


def _number(pattern: str, text: str) -> int:
    """The last that matches."""
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def _failure(said: str) -> str:
    """Python's traceback, without libFuzzer's own account."""
    start = said.find("Traceback (most recent call last)")
    return said[start if start >= 0 else -3000 :][:6000]


if __name__ == "__main__":
    sys.exit(main())
