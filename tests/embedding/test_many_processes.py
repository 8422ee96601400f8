"""`examples/many_processes.py`."""

from __future__ import annotations

import subprocess
import sys

from servers.example_app import EXAMPLES


def test_processes_read_every_row_once_and_show_no_secret() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "many_processes.py")], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.startswith("8 tasks of ")
    assert "consistency snapshot" in done.stdout
    assert done.stdout.endswith("400,000 rows\n")
    assert "s3cret" not in done.stdout
