"""A program starts without pandas, and is none the worse for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

START = "from headwater.frames import start_arrow_without_pandas as start; import sys"
USE = "import pyarrow as pa; print(pa.array(pa.table({'a': ['x', None]}).to_pandas()['a']).null_count)"


def printed(*lines: str) -> list[str]:
    code = "\n".join((START, *lines))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_pyarrow_starts_without_pandas_and_finds_it_when_it_is_used() -> None:
    pytest.importorskip("pandas")
    assert printed("start(); print('pandas' in sys.modules)", USE) == ["False", "1"]


def test_pandas_that_is_there_already_stays_known() -> None:
    pytest.importorskip("pandas")
    assert printed("import pandas; start()", USE) == ["1"]


def test_where_no_pandas_is_installed_its_import_says_so_as_always() -> None:
    assert printed(
        "start(); sys.path.clear()",
        "try: import pandas",
        "except ModuleNotFoundError as error: print(error)",
    ) == ["No module named 'pandas'"]
