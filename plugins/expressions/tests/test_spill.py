"""A statement that needs more memory than it may take goes on on disk, as far as it may."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater import CallContext
from headwater.errors import LimitExceededError
from headwater_expressions.sql import Engine, EngineLimits

ROWS = 3_000_000
MEMORY = 64 * 1024 * 1024
SORT = "SELECT n, hash(n) AS a, hash(a) AS b, hash(b) AS c FROM A ORDER BY a"


def sort(limits: EngineLimits) -> tuple[int, int]:
    """How many rows came in order, and the bytes on disk when the first had come."""
    table = pa.table({"n": np.arange(ROWS)})
    with Engine(limits) as engine, CallContext() as context:
        stream = engine.run(engine.parse(SORT), {0: table}, context)
        rows, on_disk, last = 0, 0, 0
        for batch in stream:
            found = batch.column("a").to_numpy()
            assert last <= found[0]
            assert (found[1:] >= found[:-1]).all()
            rows, last = rows + len(found), found[-1]
            if limits.spill_directory is not None and not on_disk:
                on_disk = sum(file.stat().st_size for file in limits.spill_directory.rglob("*"))
        return rows, on_disk


def test_rows_beyond_the_memory_go_to_disk_and_are_gone_afterwards(tmp_path: Path) -> None:
    rows, on_disk = sort(EngineLimits(memory_bytes=MEMORY, spill_directory=tmp_path))
    assert rows == ROWS
    assert on_disk > 0
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


@pytest.mark.parametrize("directory", [True, False], ids=["a full directory", "no directory"])
def test_what_fits_nowhere_is_refused(tmp_path: Path, directory: bool) -> None:
    spill = tmp_path if directory else None
    limits = EngineLimits(memory_bytes=MEMORY, spill_bytes=8 * 1024 * 1024, spill_directory=spill)
    with pytest.raises(LimitExceededError, match="needs more memory than it may take"):
        sort(limits)
