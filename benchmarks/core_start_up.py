"""Start-up: importing the core, the command line's help, and a first query, each in a fresh interpreter."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable

from timing import print_table, time_side_by_side


def main() -> None:
    with tempfile.TemporaryDirectory() as data_directory:
        os.environ["HEADWATER_DATA_DIR"] = data_directory
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
        subprocess.run(
            [sys.executable, "-m", "headwater_server", "ds", "add", "demo", "--type", "testdata"],
            check=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        seconds = time_side_by_side(
            {
                "python -c pass": fresh("-c", "pass"),
                "import headwater": fresh("-c", "import headwater"),
                "import headwater; headwater.Headwater": fresh("-c", "import headwater; headwater.Headwater"),
                "import pyarrow": fresh("-c", "import pyarrow"),
                "headwater --help": fresh("-m", "headwater_server", "--help"),
                "headwater query demo no_data": fresh("-m", "headwater_server", "query", "demo", "no_data"),
            },
            rounds=15,
        )
    print_table("Fresh interpreters", seconds)
    bare = statistics.median(seconds["python -c pass"])
    for name, aim in (("import headwater", 60), ("headwater --help", 150)):
        added = 1e3 * (statistics.median(seconds[name]) - bare)
        print(f"  {name}: {added:.0f} ms over bare python (aim: {aim} ms)")


def fresh(*arguments: str) -> Callable[[], object]:
    command = [sys.executable, *arguments]
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
