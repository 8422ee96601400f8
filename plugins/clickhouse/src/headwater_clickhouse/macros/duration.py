"""Durations as Go writes them: `1h30m`, `250ms`, `1.5s`; and days and weeks, which users expect too."""

from __future__ import annotations

import re
from fractions import Fraction

from headwater.errors import MacroError

# Not `headwater.frames.times.intervals`: that follows Grafana, where days and weeks stand alone and whole
# (`1d`), and months and years exist. Here `1d12h` and `0.5d` are durations, and `1M`, of no fixed length,
# is none.
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w)")
_MILLISECONDS = {
    "ns": Fraction(1, 1_000_000), "us": Fraction(1, 1000), "µs": Fraction(1, 1000), "ms": Fraction(1),
    "s": Fraction(1000), "m": Fraction(60_000), "h": Fraction(3_600_000), "d": Fraction(86_400_000),
    "w": Fraction(604_800_000),
}  # fmt: skip


def parse_duration_ms(text: str) -> int:
    """Whole milliseconds, rounded down; negative with a leading minus. Raises MacroError."""
    body = text.strip()
    sign = -1 if body.startswith("-") else 1
    body = body.lstrip("+-")
    total, position = Fraction(0), 0
    while match := _PART.match(body, position):
        total += Fraction(match[1]) * _MILLISECONDS[match[2]]
        position = match.end()
    if position != len(body) or (not body):
        raise MacroError(f"{text!r} is not a duration such as 30s, 5m or 1h30m")
    return sign * int(total)
