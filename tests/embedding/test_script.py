"""`examples/script.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from servers.example_app import EXAMPLES


def test_it_prints_a_summary_and_writes_the_rows(tmp_path: Path) -> None:
    target = tmp_path / "rows.parquet"
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "script.py"), str(target)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.endswith("100,000 rows in rows.parquet\n")
    assert len(done.stdout.splitlines()) == 9
    assert pq.read_table(target).num_rows == 100_000
