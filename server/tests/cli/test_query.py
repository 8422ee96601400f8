from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

Headwater = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("demo")
ROWS = ("query", "demo", "streaming_rows", "--set", "rows=5", "--set", "seed=1")


def test_the_default_is_a_plain_table_when_nobody_watches(headwater: Headwater) -> None:
    lines = headwater(*ROWS).stdout.splitlines()
    assert lines[0].split() == ["id", "time", "city", "value"]
    assert set(lines[1]) == {"-", " "}
    assert len(lines) == 7


def test_every_text_format_holds_the_same_rows(headwater: Headwater) -> None:
    as_json = json.loads(headwater(*ROWS, "-o", "json").stdout)
    as_lines = [json.loads(line) for line in headwater(*ROWS, "-o", "jsonl").stdout.splitlines()]
    as_csv = list(csv.DictReader(io.StringIO(headwater(*ROWS, "-o", "csv").stdout)))
    assert as_json == as_lines
    assert [{**row, "id": int(row["id"]), "value": float(row["value"])} for row in as_csv] == as_json
    assert as_json[0]["time"] == "2023-11-14T22:13:20.000Z"


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_binary_formats_keep_every_type(headwater: Headwater, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"rows.{suffix}"
    done = headwater(*ROWS, "--out", out)
    assert (done.returncode, done.stdout) == (0, "")
    table = pa.parquet.read_table(out) if suffix == "parquet" else pa.ipc.open_stream(out).read_all()
    assert table.schema.field("time").type == pa.timestamp("ms", tz="UTC")
    assert table.column("id").to_pylist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv", "parquet", "arrow"])
def test_every_arrow_type_can_be_written_in_every_format(
    headwater: Headwater, tmp_path: Path, format_: str
) -> None:
    done = headwater("query", "demo", "all_types", "-o", format_, "--out", tmp_path / "types")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "types").stat().st_size > 1000


def test_json_rounds_nothing_and_tells_nan_from_null(headwater: Headwater) -> None:
    query = '{"scenario": "all_types", "types": ["int64", "float64", "decimal128", "timestamp_ns", "binary"]}'
    rows = json.loads(headwater("query", "demo", query, "-o", "json").stdout)
    assert rows[2]["int64"] == 2**63 - 1
    assert rows[2]["decimal128"] == "9" * 36 + ".99"
    assert rows[2]["timestamp_ns"] == "2262-04-11T23:47:16.854775807"
    assert (rows[3]["float64"], rows[4]["float64"]) == (None, "NaN")
    assert rows[0]["binary"] == "aGVhZHdhdGVy"


def test_a_key_that_holds_text_is_text_whatever_it_looks_like(headwater: Headwater) -> None:
    asked = headwater("query", "demo", "error", "--set", "message=2024")
    assert asked.stderr == "error: 2024\n"


def test_several_series_become_one_table_with_their_labels_as_columns(headwater: Headwater) -> None:
    query = ("query", "demo", "random_walk", "--set", "seriesCount=2", "--from", "0", "--to", "3000")
    rows = [json.loads(line) for line in headwater(*query, "-o", "jsonl").stdout.splitlines()]
    assert [(row["time"], row["series"]) for row in rows] == [
        (f"1970-01-01T00:00:0{second}.000Z", f"walk-{number}") for number in range(2) for second in range(3)
    ]


def test_columns_of_one_name_are_told_apart_by_their_labels(headwater: Headwater) -> None:
    query = ("query", "demo", "random_walk", "--set", "seriesCount=2", "--set", "format=wide", "-o", "csv")
    header = headwater(*query).stdout.splitlines()[0]
    assert next(csv.reader([header])) == ["time", 'value{series="walk-0"}', 'value{series="walk-1"}']


def test_the_query_may_come_from_a_file_or_stdin(headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / "query").write_text("no_data", encoding="utf-8-sig")
    expected = '"id","time","city","value"\n'
    assert headwater("query", "demo", "-f", tmp_path / "query", "-o", "csv").stdout == expected
    assert headwater("query", "demo", "-", "-o", "csv", stdin="no_data").stdout == expected


def test_a_limit_is_said_on_stderr(headwater: Headwater) -> None:
    done = headwater(*ROWS, "--limit", "2", "-o", "csv")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 3)
    assert "limited to 2" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals")
def test_a_long_table_in_a_terminal_is_cut_and_says_how_to_get_all(data_dir: Path) -> None:
    import pty

    terminal, stdout = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "headwater_server", "query", "demo", "streaming_rows", "--set", "rows=1500"],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "HEADWATER_DATA_DIR": str(data_dir), "TERM": "dumb"},
    ) as process:
        os.close(stdout)
        shown = _read_to_end(terminal)
        assert process.stderr is not None
        assert b"--limit 0" in process.stderr.read()
    assert b" 999 " in shown
    assert b" 1000 " not in shown


def _read_to_end(terminal: int) -> bytes:
    read = b""
    try:
        while piece := os.read(terminal, 65536):
            read += piece
    except OSError:  # what a terminal says when nobody writes to it any more
        pass
    os.close(terminal)
    return read


@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv"])
@pytest.mark.parametrize("to_file", [False, True])
def test_what_a_program_reads_is_never_cut(
    headwater: Headwater, tmp_path: Path, format_: str, to_file: bool
) -> None:
    out = tmp_path / "rows"
    where = ("--out", out) if to_file else ()
    done = headwater("query", "demo", "streaming_rows", "--set", "rows=1500", "-o", format_, *where)
    lines = (out.read_text() if to_file else done.stdout).splitlines()
    assert len(lines) == {"table": 1502, "json": 1502, "jsonl": 1500, "csv": 1501}[format_]
    assert done.stderr == ""


@pytest.mark.parametrize("name", ["r.tsv", "x.xlsx", "walks.parqet", "rows"])
def test_a_file_whose_suffix_names_no_format_is_refused(
    headwater: Headwater, tmp_path: Path, name: str
) -> None:
    done = headwater(*ROWS, "--out", tmp_path / name)
    assert done.returncode == 2
    for known in (".csv", ".parquet", ".txt", "--output"):
        assert known in done.stderr
    assert not (tmp_path / name).exists()


def test_timing_goes_to_stderr(headwater: Headwater) -> None:
    done = headwater(*ROWS, "--timing", "-o", "jsonl")
    assert "5 rows" in done.stderr
    assert len(done.stdout.splitlines()) == 5


def test_control_characters_do_not_reach_the_terminal(headwater: Headwater) -> None:
    escape = json.dumps({"scenario": "csv", "csvContent": "a\n\x1b[2Jboo\n"})
    assert headwater("query", "demo", escape).stdout.splitlines()[2] == r"\x1b[2Jboo"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_cancels_the_query_and_leaves_no_file(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "endless.csv"
    process = subprocess.Popen(
        [sys.executable, "-m", "headwater_server", "query", "demo", "endless", "--out", str(out)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HEADWATER_DATA_DIR": str(data_dir)},
    )
    with process:
        while not any(path.suffix == ".part" and path.stat().st_size for path in tmp_path.iterdir()):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, narration = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Cancelling" in narration
    assert "Traceback" not in narration
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    ("query", "stream", "line"),
    [
        ('{"scenario": "csv", "csvContent": "n\\n7\\n"}', "stdout", b'{"n":7}\n'),
        ('{"scenario": "error", "error": "connection"}', "stderr", None),
        ('{"scenario": "error", "error": "caller"}', "stderr", None),
    ],
    ids=["rows", "a source that is down for a while", "a query that fails"],
)
def test_a_watched_query_runs_again_until_ctrl_c(
    data_dir: Path, query: str, stream: str, line: bytes | None
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "headwater_server", "query", "demo", query, "--watch", "10ms", "-o", "jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "HEADWATER_DATA_DIR": str(data_dir)},
    )
    with process:
        lines = getattr(process, stream)
        first = lines.readline()
        assert first
        assert line in (None, first)
        assert lines.readline() == first
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nowhere", "random_walk", "--watch", "1s"), 2, "nowhere"),
        (("demo", '{"scenaro": "csv"}', "--watch", "1s"), 2, "scenario"),
        (("demo", '{"scenario": "error", "error": "auth"}', "--watch", "1s"), 3, "error"),
        (("demo", "random_walk", "--watch", "soon"), 2, "write 5s or 1m"),
        (("demo", "random_walk", "--watch", "0s"), 2, "more than no time"),
        (("demo", "random_walk", "--watch", "5s", "--out", "a.csv"), 2, "--watch or --out"),
    ],
)
def test_what_is_to_be_mended_here_ends_watching(
    headwater: Headwater, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = headwater("query", *arguments)
    assert (done.returncode, said in done.stderr) == (code, True)


def test_a_reader_that_goes_away_ends_the_query_without_a_word(data_dir: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "headwater_server", "query", "demo", "endless", "-o", "jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "HEADWATER_DATA_DIR": str(data_dir)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        assert process.stdout.readline().startswith(b'{"id":0')
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


def test_a_long_stream_is_written_in_bounded_memory(headwater: Headwater, tmp_path: Path) -> None:
    """4 million rows are some 140 MB of Arrow; the process may take far less than that beyond its start."""
    code = (
        "import resource, sys; from headwater_server.cli.main import main\n"
        "try: main(prog_name='headwater')\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )

    def peak(rows: int) -> int:
        done = subprocess.run(
            [sys.executable, "-c", code, "query", "demo", "streaming_rows", "--set", f"rows={rows}",
             "--set", "batchRows=65536", "--out", str(tmp_path / "rows.arrow")],
            capture_output=True, text=True, check=True,
            env={**os.environ, "HEADWATER_DATA_DIR": str(tmp_path / "data")},
        )  # fmt: skip
        return int(done.stderr.splitlines()[-1])

    assert peak(4_000_000) - peak(100_000) < 70_000
