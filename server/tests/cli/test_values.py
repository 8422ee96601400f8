"""Values and parameters on the command line, against real servers: printed as the servers' own clients do."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.frames import Frame, FrameStream
from headwater_server.output import writer
from servers.clickhouse import start_clickhouse
from servers.mariadb import start_mariadb
from servers.mysql import start_mysql
from servers.mysql_family import DatabaseServer

from .conftest import run

Headwater = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory with `mariadb`, `mysql` and `clickhouse`."""
    directory = tmp_path_factory.mktemp("values") / "data"
    with start_mariadb() as mariadb, start_mysql() as mysql, start_clickhouse() as clickhouse:
        _add_database(directory, "mariadb", mariadb)
        _add_database(directory, "mysql", mysql)
        run(directory, "ds", "add", "clickhouse", "--type", "clickhouse", "--url", clickhouse.url)
        yield directory


def _add_database(directory: Path, name: str, server: DatabaseServer) -> None:
    added = run(
        directory, "ds", "add", name, "--type", "mysql", "--url", server.address, "--user", server.user,
        "--database", server.database, "--secret", "password=env:PASSWORD", PASSWORD=server.password,
    )  # fmt: skip
    added.check_returncode()


def _printed(sources: Path, source: str, expressions: dict[str, str]) -> list[list[str]]:
    """The values of one row as a table, CSV and JSON show them. `expressions` are SQL and its text."""
    query = "SELECT " + ", ".join(f"{sql} AS v{number}" for number, sql in enumerate(expressions))
    table, lines, row = (
        run(sources, "query", source, query, "-o", form) for form in ("table", "csv", "jsonl")
    )
    return [
        table.stdout.splitlines()[2].split(),
        list(csv.reader(io.StringIO(lines.stdout)))[1],
        [value if isinstance(value, str) else json.dumps(value) for value in json.loads(row.stdout).values()],
    ]


@pytest.mark.parametrize("source", ["mariadb", "mysql"])
def test_a_value_is_printed_as_mysqls_client_prints_it(sources: Path, source: str) -> None:
    expressions = {
        "CAST(0.00000001 AS DECIMAL(18,8))": "0.00000001",
        "CAST(0 AS DECIMAL(65,30))": "0." + "0" * 30,
        "CAST(-1.5 AS DECIMAL(65,30))": "-1.5" + "0" * 29,
        "CAST(1.1 AS FLOAT)": "1.1",
        "CAST('10:02:30' AS TIME)": "10:02:30",
        "CAST('-838:59:59' AS TIME)": "-838:59:59",
        "CAST('-00:00:00.25' AS TIME(6))": "-00:00:00.250000",
    }
    assert _printed(sources, source, expressions) == [list(expressions.values())] * 3


def test_a_value_is_printed_as_clickhouses_client_prints_it(sources: Path) -> None:
    expressions = {
        "toDecimal64('0.00000001', 8)": "0.00000001",
        "toDecimal256('0', 40)": "0." + "0" * 40,
        "toFloat32(1.1)": "1.1",
        "[toFloat32(1.1)]": "[1.1]",
    }
    assert _printed(sources, "clickhouse", expressions) == [list(expressions.values())] * 3


@pytest.mark.parametrize(
    ("array", "printed"),
    [
        (pa.array([0.1, None], pa.float16()), ["0.1", ""]),
        (pa.array([np.float32(3.4e38), np.float32("nan")]), ["3.4e+38", "nan"]),
        (pa.array([1.0, 1e-5]), ["1", "0.00001"]),
        (pa.array([Decimal("1E+2"), Decimal("-1E-7")], pa.decimal128(20, 7)), ["100.0000000", "-0.0000001"]),
        (pa.array([timedelta(days=40), None], pa.duration("s")), ["960:00:00", ""]),
        (pa.array([-1, 1_000_000_000], pa.duration("ns")), ["-00:00:00.000000001", "00:00:01"]),
        (pa.array([timedelta(seconds=1)]).dictionary_encode(), ["00:00:01"]),
    ],
)
def test_tables_and_csv_show_the_same_text(array: pa.Array, printed: list[str]) -> None:
    def written(format_name: str) -> list[str]:
        sink = io.BytesIO()
        frame = Frame.from_table(pa.table({"v": array, "end": ["|"] * len(array)}))
        writer(format_name)(FrameStream.from_frame(frame), sink)
        return sink.getvalue().decode().splitlines()

    assert [line[: line.index("|")].strip().replace("NULL", "") for line in written("table")[2:]] == printed
    assert [row[0] for row in list(csv.reader(written("csv")))[1:]] == printed


@pytest.mark.parametrize(
    ("source", "query", "parameters", "row"),
    [
        ("mysql", "SELECT :b AS b, :a AS a", ["a=1", "b=x"], {"b": "x", "a": 1}),
        ("mariadb", "SELECT 2 IN (:ids) AS v", ["ids=[1,2]"], {"v": 1}),
        ("clickhouse", "SELECT {b:String} AS b, {a:UInt8} AS a", ["a=1", "b=x"], {"b": "x", "a": 1}),
        ("clickhouse", "SELECT has({ids:Array(UInt8)}, 2) AS v", ["ids=[1,2]"], {"v": 1}),
        ("clickhouse", "SELECT 'b' IN {names:Array(String)} AS v", ['names=["a","b"]'], {"v": 1}),
    ],
)
def test_parameters_are_bound_by_name_lists_too(
    sources: Path, source: str, query: str, parameters: list[str], row: dict[str, object]
) -> None:
    options = [word for parameter in parameters for word in ("--param", parameter)]
    done = run(sources, "query", source, query, *options, "-o", "jsonl")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == row


def test_placeholders_without_names_say_how_they_are_bound(sources: Path) -> None:
    asked = ("query", "mysql", "SELECT ? AS a, ? AS b")
    refused = run(sources, *asked, "--param", "a=1", "--param", "b=x")
    assert (refused.returncode, "use :name" in refused.stderr) == (1, True), refused.stderr
    assert json.loads(run(sources, *asked, "--set", 'params=[1,"x"]', "-o", "jsonl").stdout) == {
        "a": 1,
        "b": "x",
    }
