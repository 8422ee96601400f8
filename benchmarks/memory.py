"""Resident memory of processes, in MiB, as Linux counts it."""

from __future__ import annotations

from pathlib import Path

SELF = "self"


def resident_mib(pid: int | str = SELF) -> float:
    """Now."""
    return _status(pid, "VmRSS")


def peak_mib(pid: int | str = SELF) -> float:
    """The most since the process began, or since `forget_peak`. Its alone: `ru_maxrss` would carry over what
    the parent had at its fork."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int | str = SELF) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int | str, key: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(key)
