"""Make weather.csv: invented hourly readings of four stations, the same at every run."""

from __future__ import annotations

import csv
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

STATIONS = {
    "harbour": (9.0, 2.0, 5.5),
    "valley": (7.5, 6.0, 2.0),
    "ridge": (2.0, 4.0, 9.0),
    "town": (8.5, 4.5, 3.0),
}
"""Mean temperature in °C, half its daily swing, and mean wind in m/s."""
START, DAYS = datetime(2026, 3, 1, tzinfo=UTC), 31


def main() -> None:
    chance = random.Random(20260301)  # noqa: S311
    with (Path(__file__).parent / "weather.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "station", "temperature_c", "humidity_pct", "wind_ms", "rain_mm"])
        for hour in range(DAYS * 24):
            front = 3 * math.sin(2 * math.pi * hour / (24 * 9))  # a warm and a cold spell every nine days
            for station in STATIONS:
                rows.writerow(reading(station, hour, front, chance))


def reading(station: str, hour: int, front: float, chance: random.Random) -> list[object]:
    mean, swing, wind = STATIONS[station]
    daily = -swing * math.cos(2 * math.pi * (hour % 24 - 3) / 24)
    temperature = mean + front + daily + chance.gauss(0, 0.6)
    humidity = min(100, max(25, 72 - 2.5 * daily - 2 * front + chance.gauss(0, 4)))
    rain = max(0.0, chance.gauss(-1.8 - front / 4, 1.4)) if humidity > 70 else 0.0
    gusts = max(0.0, wind + 0.4 * abs(front) + chance.gauss(0, 1.2))
    # Sensors fail: about one humidity reading in a hundred is missing.
    shown = "" if chance.random() < 0.01 else round(humidity)
    time = (START + timedelta(hours=hour)).strftime("%Y-%m-%d %H:%M:%S")
    return [time, station, f"{temperature:.1f}", shown, f"{gusts:.1f}", f"{rain:.1f}"]


if __name__ == "__main__":
    main()
