"""Durations as Grafana, Go and PromQL write them; in milliseconds."""

from __future__ import annotations

import re

from headwater.errors import QueryError

_UNITS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 7 * 86_400_000,
    "M": int(365.25 / 12 * 86_400_000),
    "y": int(365.25 * 86_400_000),
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ms|[smhdwMy])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_DAY = 86_400_000

# Up to a bound (exclusive, ms) an interval becomes the second number.
_ROUNDED = (
    (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1_500, 1_000), (3_500, 2_000),
    (7_500, 5_000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000), (45_000, 30_000),
    (90_000, 60_000), (210_000, 120_000), (450_000, 300_000), (750_000, 600_000), (1_050_000, 900_000),
    (1_500_000, 1_200_000), (2_700_000, 1_800_000), (5_400_000, 3_600_000), (9_000_000, 7_200_000),
    (16_200_000, 10_800_000), (32_400_000, 21_600_000), (_DAY, 43_200_000), (2 * _DAY, _DAY),
    (7 * _DAY, _DAY), (21 * _DAY, 7 * _DAY), (2 * 365 * _DAY, 30 * _DAY),
)  # fmt: skip


def parse_interval(text: str) -> int:
    """`1m30s`, `>10s` or bare seconds. Raises QueryError for anything else, and for nothing at all."""
    plain = text.strip().lstrip("<>").strip()
    if plain.isdecimal():
        plain += "s"
    if not _WHOLE.fullmatch(plain):
        raise QueryError(f"{text!r} is not a duration such as 15s, 5m or 1h30m.")
    milliseconds = round(sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(plain)))
    if milliseconds <= 0:
        raise QueryError(f"The duration {text!r} is shorter than a millisecond.")
    return milliseconds


def round_interval(interval: int) -> int:
    """The nearest interval that reads well, by Grafana's table."""
    if interval <= 10:
        return 1
    return next((rounded for bound, rounded in _ROUNDED if interval < bound), 365 * _DAY)


def format_interval(interval: int) -> str:
    """In the largest unit that fits, rounded down, as Grafana does; at least `1ms`."""
    for unit, size in (("y", 365 * _DAY), ("d", _DAY), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if interval >= size:
            return f"{interval // size}{unit}"
    return f"{max(1, interval)}ms"


def go_duration(interval: int) -> str:
    """Go's text of a duration, such as `1m0s`; fractions of a second as `1500ms`, which PromQL can read."""
    if interval % 1000:
        return f"{interval}ms"
    minutes, seconds = divmod(interval // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
