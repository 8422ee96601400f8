"""Mutates what must not be wrong, and prints how much of it the tests notice.

    python -m mutation [--jobs 2] [--folder FOLDER] [--report] [ROOM …]

Outcomes are kept in FOLDER: mutants of functions that did not change are not tried twice, unless they lived.
Each survivor is printed that `answers.toml` has no answer to. Ends with status 1 where less than 85 % die.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from mutation.outcomes import Outcomes, forget_survivors, read_outcomes
from mutation.rooms import ROOMS, Room
from mutation.workspace import prepare

LEAST_SHARE = 0.85


def main() -> int:
    parser = argparse.ArgumentParser("mutation", description="Try the tests on changed code.")
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=", ".join(each.name for each in ROOMS))
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir(), "headwater-mutants"))
    parser.add_argument("--report", action="store_true", help="print what is known; run nothing")
    asked = parser.parse_args()
    chosen = [each for each in ROOMS if not asked.rooms or each.name in asked.rooms]
    print(f"{'room':12}{'mutants':>9}{'killed':>8}{'timed out':>11}{'lived':>7}{'answered':>10}{'share':>8}")
    outcomes = []
    for room in chosen:
        found = run(room, asked.folder / room.name, asked.jobs, only_report=asked.report)
        outcomes.append(report(room, found))
    for each in outcomes:
        for survivor in each.survivors:
            if not survivor.why:
                untested = "" if survivor.tested else "   (no test runs it)"
                print(f"\n{survivor.function}{untested}\n  - {survivor.old}\n  + {survivor.new}")
    return 0 if outcomes and all(each.share >= LEAST_SHARE for each in outcomes) else 1


def run(room: Room, folder: Path, jobs: int, *, only_report: bool) -> Outcomes:
    """Try the mutants of `room`; raises if its tests fail without any."""
    if not only_report:
        folder.mkdir(parents=True, exist_ok=True)
        prepare(room, folder)
        forget_survivors(folder)
        log = folder / "log.txt"
        with log.open("wb") as said:
            command = [*alone(), sys.executable, "-m", "mutmut", "run", "--max-children", str(jobs)]
            done = subprocess.run(command, cwd=folder, stdout=said, stderr=said, check=False)
        if done.returncode:
            raise SystemExit(f"{room.name}: mutmut could not run; see {log}")
    return read_outcomes(folder)


def alone() -> list[str]:
    """What starts a command where it sees its own processes only, if this system can do so.

    mutmut signals the number of a process when its time is over, whether it has ended long ago or not; by
    then the number may be another process's, of whoever.
    """
    command = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command += ["sh", "-c", '"$@"; exit $?', "sh"]  # the first process there inherits those that are left
    try:
        works = subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return []
    return command if works else []


def report(room: Room, outcomes: Outcomes) -> Outcomes:
    """Print the row of `room`."""
    print(
        f"{room.name:12}{outcomes.mutants:9,}{outcomes.killed:8,}{outcomes.timed_out:11,}{len(outcomes.survivors):7,}"
        f"{outcomes.answered:10,}{outcomes.share:8.1%}",
        flush=True,
    )
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
