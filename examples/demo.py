"""The whole path on a real engine: `python demo.py [FILE]`, with FILE a CSV, Parquet or JSON file of yours.

Runs the command line as a person would, in an empty data directory that is gone afterwards.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

WEATHER = Path(__file__).parent / "data" / "weather.csv"


def main() -> int:
    """Exit with 0 if every step did, else with the first other code."""
    own_file = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    if own_file is not None and not own_file.is_file():
        print(f"demo: {own_file} is not a file", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="headwater-demo-") as data_directory:
        for arguments in steps(own_file):
            status = headwater(arguments, data_directory)
            if status:
                return status
    return 0


def steps(own_file: Path | None) -> list[list[str]]:
    """The commands, without `headwater` itself."""
    weather = sql_text(WEATHER)
    stations = (
        "SELECT station, count() AS readings, round(avg(temperature_c), 1) AS mean_c, "
        "max(wind_ms) AS strongest_wind, round(sum(rain_mm), 1) AS rain_mm "
        f"FROM file({weather}) GROUP BY station ORDER BY station"
    )
    warmest_days = (
        "SELECT toStartOfDay(time) AS day, max(temperature_c) AS warmest "
        f"FROM file({weather}) GROUP BY day ORDER BY warmest DESC LIMIT 3"
    )
    found = [
        ["plugin", "list"],
        ["ds", "add", "lake", "--type", "clickhouse", "--url", "chdb://"],
        ["ds", "test", "lake"],
        ["query", "lake", stations, "--timing"],
        ["query", "lake", warmest_days, "-o", "jsonl"],
    ]
    if own_file is not None:
        file = f"file({sql_text(own_file)})"
        found += [
            ["query", "lake", f"DESCRIBE TABLE {file}"],
            ["query", "lake", f"SELECT * FROM {file} LIMIT 10"],
            ["query", "lake", f"SELECT count() AS rows FROM {file}", "--timing"],
        ]
    return found


def headwater(arguments: list[str], data_directory: str) -> int:
    print("\n$ headwater", *map(shell_word, arguments), flush=True)
    environment = {**os.environ, "HEADWATER_DATA_DIR": data_directory}
    return subprocess.run(["headwater", *arguments], env=environment, check=False).returncode


def shell_word(text: str) -> str:
    """`text` as a shell takes it; in double quotes where those read better."""
    return f'"{text}"' if "'" in text and not set('"$`\\') & set(text) else shlex.quote(text)


def sql_text(path: Path) -> str:
    """`path` as a ClickHouse string literal."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"


if __name__ == "__main__":
    sys.exit(main())
