"""`examples/worker.py`: files at each run, and a quiet end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from servers.example_app import EXAMPLES
from servers.http_host import eventually

STOP_SECONDS = 20.0


@contextmanager
def worker(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "worker.py"), *arguments],
        stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_it_writes_a_file_at_each_run_and_stops_at_sigterm(tmp_path: Path) -> None:
    with worker(str(tmp_path), "--every", "0.3") as process:
        assert eventually(lambda: len(list(tmp_path.glob("*.parquet"))) >= 2)
        process.terminate()
        _, log = process.communicate(timeout=STOP_SECONDS)
    assert process.returncode == 0
    assert log.endswith("worker INFO stopped\n")
    assert all(pq.read_table(file).num_rows for file in tmp_path.glob("*.parquet"))
    assert not list(tmp_path.glob("*.part"))


def test_stopping_it_cancels_the_running_query_in_the_database(
    tmp_path: Path, sources: Path, busy: Callable[[], int]
) -> None:
    query = json.dumps({"rawSql": "SELECT SLEEP(120) /* busy */"})
    exports = tmp_path / "exports"
    with worker(
        str(exports), "--source", "shop", "--query", query, HEADWATER_PROVISIONING=str(sources)
    ) as process:
        assert eventually(lambda: busy() == 1)
        process.terminate()
        _, log = process.communicate(timeout=STOP_SECONDS)
    assert process.returncode == 0
    assert eventually(lambda: busy() == 0)
    assert "no file: The worker is stopping. (caller)" in log
    assert list(exports.iterdir()) == []
