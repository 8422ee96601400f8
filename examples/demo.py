"""The whole path on a real engine: `python demo.py [FILE] [--no-serve]`, FILE a CSV, Parquet or JSON file.

Runs the command line as a person would, in an empty data directory that is gone afterwards, and then opens
the host with its Explore page. On a terminal the host stays until Ctrl-C, else it stops once it has answered.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

WEATHER = Path(__file__).parent / "data" / "weather.csv"
OWN = "own_file"
FIRST = "SELECT * FROM weather LIMIT 100"
"""What the page asks when it opens."""
START_SECONDS = 60.0


def main() -> int:
    """Exit with 0 if every step did, else with the first other code."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--no-serve"]
    stay = "--no-serve" not in sys.argv and sys.stdin.isatty() and sys.stdout.isatty()
    own_file = Path(arguments[0]).resolve() if arguments else None
    if own_file is not None and not own_file.is_file():
        print(f"demo: {own_file} is not a file", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="headwater-demo-") as data_directory:
        for step in steps(own_file, Path(data_directory, "lake")):
            status = headwater(step, data_directory)
            if status:
                return status
        open_page(data_directory, stay=stay)
    return 0


def steps(own_file: Path | None, engine: Path) -> list[list[str]]:
    """The commands, without `headwater` itself. The files become tables of the engine, which keeps them."""
    stations = (
        "SELECT station, count() AS readings, round(avg(temperature_c), 1) AS mean_c, "
        "max(wind_ms) AS strongest_wind, round(sum(rain_mm), 1) AS rain_mm "
        "FROM weather GROUP BY station ORDER BY station"
    )
    warmest_days = (
        "SELECT toStartOfDay(time) AS day, max(temperature_c) AS warmest "
        "FROM weather GROUP BY day ORDER BY warmest DESC LIMIT 3"
    )
    writes = "allowWrites="  # only while the tables are made
    found = [
        ["plugin", "list"],
        ["ds", "add", "lake", "--type", "clickhouse", "--url", f"chdb://{engine}", "--set", writes + "true"],
        ["query", "lake", f"CREATE VIEW weather AS SELECT * FROM file({sql_text(WEATHER)})"],
    ]
    if own_file is not None:
        view = f"CREATE VIEW {OWN} AS SELECT * FROM file({sql_text(own_file)})"
        found.append(["query", "lake", view])
    found += [
        ["ds", "edit", "lake", "--set", writes + "false"],
        ["ds", "test", "lake"],
        ["query", "lake", stations, "--timing"],
        ["query", "lake", warmest_days, "-o", "jsonl"],
    ]
    if own_file is not None:
        found += [
            ["schema", "lake", OWN],
            ["query", "lake", f"SELECT * FROM {OWN} LIMIT 10"],
            ["query", "lake", f"SELECT count() AS rows FROM {OWN}", "--timing"],
        ]
    return found


def headwater(arguments: list[str], data_directory: str) -> int:
    print("\n$ headwater", *map(shell_word, arguments), flush=True)
    return subprocess.run(["headwater", *arguments], env=environment(data_directory), check=False).returncode


def open_page(data_directory: str, *, stay: bool) -> None:
    """Show where the Explore page is; `stay` keeps it open until Ctrl-C."""
    with host(data_directory) as link:
        page = f"{link}&{urlencode({'query': FIRST}, quote_via=quote)}"
        print(f"\nThe host is well. Its Explore page, signed in:\n\n  {page}\n", flush=True)
        if not stay:
            return
        print("Ctrl-C ends it.", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print()


@contextmanager
def host(data_directory: str) -> Iterator[str]:
    """A host on a free port of loopback; yields the link to its page. Raises RuntimeError if it fails."""
    port = free_port()
    arguments = ["serve", "--port", str(port)]
    print("\n$ headwater", *arguments, flush=True)
    log = Path(data_directory, "serve.log")
    with log.open("wb") as output:
        # A session of its own: Ctrl-C is for this process, which then ends the host.
        process = subprocess.Popen(
            ["headwater", *arguments],
            env=environment(data_directory),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_well(process, f"http://127.0.0.1:{port}", log)
        link = re.search(r"http://\S+/#token=\S+", log.read_text(errors="replace"))
        if link is None:
            raise RuntimeError(f"The host printed no link:\n{log.read_text(errors='replace')}")
        yield link[0]
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_well(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return when the host says it is well, and its page is there."""
    deadline = time.monotonic() + START_SECONDS
    while not (answers(f"{url}/healthz", "") and answers(f"{url}/", "<script")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The host did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)


def answers(url: str, content: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=5) as response:
            return content in response.read().decode()
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(data_directory: str) -> dict[str, str]:
    """The demo is about this machine, whatever host the user works with otherwise."""
    kept = {
        name: value for name, value in os.environ.items() if name not in ("HEADWATER_HOST", "HEADWATER_TOKEN")
    }
    return {**kept, "HEADWATER_DATA_DIR": data_directory}


def shell_word(text: str) -> str:
    """`text` as a shell takes it; in double quotes where those read better."""
    return f'"{text}"' if "'" in text and not set('"$`\\') & set(text) else shlex.quote(text)


def sql_text(path: Path) -> str:
    """`path` as a ClickHouse string literal."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"


if __name__ == "__main__":
    sys.exit(main())
