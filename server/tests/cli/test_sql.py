"""`headwater sql`: one SELECT over data sources, here and over a host elsewhere."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

JOIN = """
SELECT a.id, b.city AS town
FROM demo('{"scenario": "streaming_rows", "rows": 1000, "seed": 7}') a
JOIN demo.streaming_rows b USING (id) WHERE a.id < 3 ORDER BY id
"""

pytestmark = pytest.mark.usefixtures("demo")


def test_rows_of_two_sources_are_joined(headwater: Run) -> None:
    done = headwater("sql", JOIN, "-o", "jsonl", "--timing")
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [0, 1, 2]
    assert done.stderr.startswith("3 rows")


def test_a_statement_from_a_file_with_a_parameter_into_a_file(headwater: Run, tmp_path: Path) -> None:
    statement = tmp_path / "towns.sql"
    statement.write_text(
        "SELECT city, count(*) AS n FROM demo.streaming_rows WHERE city = $city GROUP BY ALL"
    )
    written = tmp_path / "towns.parquet"
    headwater("sql", "-f", statement, "--param", "city=Bern", "--out", written).check_returncode()
    assert pyarrow.parquet.read_table(written).column("city").to_pylist() == ["Bern"]


@pytest.mark.parametrize(
    ("statement", "message", "code"),
    [
        ("SELECT * FROM nope.orders", "There is no data source 'nope'", 1),
        ("SELECT nope FROM demo.no_data", 'column "nope" not found', 1),
        ("COPY (SELECT 1) TO 'x.csv'", "Only SELECT statements", 1),
        (" ", "the query is empty", 2),
    ],
)
def test_what_is_wrong_is_one_sentence(headwater: Run, statement: str, message: str, code: int) -> None:
    done = headwater("sql", statement)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_explain_says_what_was_asked_of_the_sources(headwater: Run) -> None:
    done = headwater("sql", "EXPLAIN ANALYZE SELECT id FROM demo.streaming_rows WHERE id >= 995")
    assert "pushed down filters: id >= 995" in done.stdout
    assert "fetched: 5 rows" in done.stdout
