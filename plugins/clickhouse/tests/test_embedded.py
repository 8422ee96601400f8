"""The engine in this process: one per process and path, shared, cancellable, and honest about its limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater import CallContext, Headwater
from headwater.errors import (
    DownstreamConnectionError,
    HeadwaterError,
    PluginUnavailableError,
    QueryCanceledError,
    QueryError,
    ValidationError,
)
from headwater_clickhouse.embedded_process import MEMORY, engine_path

pytest.importorskip("chdb")


@pytest.fixture
def memory(host: Headwater) -> Headwater:
    host.add_data_source(name="ch", type="clickhouse", url="chdb://")
    return host


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, because an engine's path is settled once per process."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("statement", "left_behind"),
    [
        ("SET max_block_size = 77", "getSetting('max_block_size') = 77"),
        ("USE system", "currentDatabase() = 'system'"),
        ("CREATE TEMPORARY TABLE passing (a Int8)", "count() > 0 FROM system.tables WHERE is_temporary"),
    ],
)
def test_a_statement_leaves_nothing_to_the_next_query(
    host: Headwater, statement: str, left_behind: str
) -> None:
    host.add_data_source(name="ch", type="clickhouse", url="chdb://", json_data={"allowWrites": True})
    host.query("ch", statement)
    assert host.query("ch", f"SELECT {left_behind}").table.column(0).to_pylist() == [0]


def test_tables_in_memory_stay_while_connections_go(host: Headwater) -> None:
    host.add_data_source(name="ch", type="clickhouse", url="chdb://", json_data={"allowWrites": True})
    host.query("ch", "CREATE TABLE kept (a Int8) ENGINE = Memory")
    host.query("ch", "INSERT INTO kept VALUES (7)")
    with pytest.raises(QueryError):
        host.query("ch", "SELECT throwIf(a = 7) FROM kept")
    assert host.query("ch", "SELECT a FROM kept").table.column("a").to_pylist() == [7]


def test_an_engine_in_memory_has_an_example_to_look_at(memory: Headwater) -> None:
    [listed] = json.loads(memory.call_resource("ch", "tables").body)
    stations = memory.query("ch", "SELECT DISTINCT station FROM example_weather ORDER BY station").table
    latest = memory.query("ch", "SELECT time FROM example_weather WHERE $__timeFilter(time)").table

    assert (listed["name"], listed["engine"]) == ("example_weather", "View")
    assert stations.column("station").to_pylist() == ["harbour", "ridge", "valley"]
    assert 3 * 59 <= latest.num_rows <= 3 * 61


def test_files_of_the_working_folder_are_tables_with_their_columns(
    memory: Headwater, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "last month's.csv").write_text("day,rain\n2026-03-01,1.5\n")
    (tmp_path / "notes.txt").write_text("no table")
    (tmp_path / "folder.csv").mkdir()
    monkeypatch.chdir(tmp_path)

    listed = json.loads(memory.call_resource("ch", "tables").body)
    columns = json.loads(memory.call_resource("ch", "columns", query_string="table=last month's.csv").body)
    rows = memory.query("ch", 'SELECT rain FROM "last month\'s.csv"').table

    assert [each["name"] for each in listed if each["engine"] == "File"] == ["last month's.csv"]
    assert [(each["name"], each["type"]) for each in columns] == [
        ("day", "Nullable(Date)"),
        ("rain", "Nullable(Float64)"),
    ]
    assert rows.to_pylist() == [{"rain": 1.5}]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("chdb://", MEMORY),
        ("chdb:", MEMORY),
        ("chdb://:memory:", MEMORY),
        ("chdb:///data/ch", "/data/ch"),
        ("/data/../data/ch/", "/data/ch"),
        ("./ch", str(Path.cwd() / "ch")),
        ("~/ch", str(Path.home() / "ch")),
    ],
)
def test_a_url_names_memory_or_a_folder(url: str, path: str) -> None:
    assert engine_path(url) == path


def test_options_in_the_url_are_refused() -> None:
    with pytest.raises(ValidationError, match="customSettings"):
        engine_path("chdb://x?readonly=0")


def test_a_file_is_queried_by_name(memory: Headwater, tmp_path: Path) -> None:
    (tmp_path / "cities.csv").write_text("city,people\nBern,134794\nBasel,173863\n")
    table = memory.query(
        "ch", f"SELECT city, people FROM file('{tmp_path}/cities.csv') ORDER BY people"
    ).table
    assert table.to_pylist() == [{"city": "Bern", "people": 134794}, {"city": "Basel", "people": 173863}]


def test_nothing_can_be_written(memory: Headwater, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    for sql in (
        f"INSERT INTO FUNCTION file('{target}') SELECT 1",
        f"SELECT 1 INTO OUTFILE '{target}'",
        "CREATE TABLE t (a Int8) ENGINE = Memory",
    ):
        with pytest.raises(QueryError):
            memory.query("ch", sql)
    assert not target.exists()


def test_settings_belong_to_their_data_source(host: Headwater) -> None:
    for threads in ("2", "3"):
        custom = [{"setting": "max_threads", "value": threads}]
        host.add_data_source(
            name=threads, type="clickhouse", url="chdb://", json_data={"customSettings": custom}
        )
    for _ in range(3):
        for threads in ("2", "3"):
            (row,) = host.query(threads, "SELECT toString(getSetting('max_threads')) AS v").table.to_pylist()
            assert row["v"] == threads


def test_a_database_that_does_not_exist_is_named(host: Headwater) -> None:
    host.add_data_source(name="ch", type="clickhouse", url="chdb://", database="nowhere")
    with pytest.raises(QueryError, match="nowhere"):
        host.query("ch", "SELECT 1")


def test_data_sources_share_tables_in_memory(host: Headwater) -> None:
    host.add_data_source(name="w", type="clickhouse", url="chdb://", json_data={"allowWrites": True})
    host.add_data_source(name="r", type="clickhouse", url="chdb:")
    host.query("w", "CREATE OR REPLACE TABLE shared (a Int8) ENGINE = Memory")
    host.query("w", "INSERT INTO shared VALUES (7)")
    assert host.query("r", "SELECT a FROM shared").table.to_pylist() == [{"a": 7}]


def test_queries_run_side_by_side_on_one_engine(memory: Headwater) -> None:
    results: list[Any] = []

    def run(number: int) -> None:
        sql = f"SELECT sum(number) + {number} AS v FROM numbers(1000000)"
        results.extend(memory.query("ch", sql).table.column("v").to_pylist())

    threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [499999500000 + number for number in range(16)]


def only_this_query_runs(memory: Headwater) -> bool:
    """A cancelled query returns to its caller at once; the engine follows."""
    for _ in range(200):
        if memory.query("ch", "SELECT count() AS n FROM system.processes").table.to_pylist() == [{"n": 1}]:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(sipHash64(number)) FROM numbers(100000000000)",
        "SELECT number FROM system.numbers WHERE sipHash64(number) = 1",
    ],
    ids=["before its first row", "without rows"],
)
def test_a_cancelled_query_ends(memory: Headwater, sql: str) -> None:
    context = CallContext()
    timer = threading.Timer(0.3, context.cancel)
    timer.start()
    start = time.monotonic()
    with pytest.raises(QueryCanceledError):
        memory.query("ch", sql, context=context)
    assert time.monotonic() - start < 2
    assert only_this_query_runs(memory)


def test_a_query_cancelled_before_it_began_never_runs(memory: Headwater) -> None:
    context = CallContext()
    context.cancel()
    with pytest.raises(QueryCanceledError):
        memory.query("ch", "SELECT sum(sipHash64(number)) FROM numbers(100000000000)", context=context)
    assert only_this_query_runs(memory)


def test_a_stream_can_be_left_early(memory: Headwater) -> None:
    with memory.stream("ch", "SELECT number FROM system.numbers") as stream:
        assert next(stream).num_rows > 0
    assert only_this_query_runs(memory)


def test_a_stream_takes_little_memory() -> None:
    code = (
        "import resource\n"
        "from headwater import Headwater\n"
        "with Headwater(allow_plugins=['clickhouse']) as host:\n"
        "    host.add_data_source(name='ch', type='clickhouse', url='chdb://')\n"
        "    host.query('ch', 'SELECT 1')\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    with host.stream('ch', 'SELECT number, toString(number) FROM numbers(20000000)') as stream:\n"
        "        rows = sum(batch.num_rows for batch in stream)\n"
        "    print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    rows, megabytes = run_python(code).stdout.split()[-2:]
    assert int(rows) == 20_000_000
    assert int(megabytes) < 300  # the result is about 600 MB


def test_an_error_does_not_spoil_the_next_query(memory: Headwater) -> None:
    for sql in ("SELECT throwIf(number = 3) FROM numbers(10)", "SELECT nope", "SELECT 1 FORMAT CSV"):
        with pytest.raises(QueryError):
            memory.query("ch", sql)
        assert memory.query("ch", "SELECT 5 AS v").table.to_pylist() == [{"v": 5}]


HANDLERS = """
import signal
from pathlib import Path
from headwater import Headwater
signal.signal(signal.SIGINT, signal.default_int_handler)
with Headwater(allow_plugins=['clickhouse']) as host:
    host.add_data_source(name='ch', type='clickhouse', url='chdb://')
    host.query('ch', 'SELECT 1')
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    caught = int(Path('/proc/self/status').read_text().split('SigCgt:')[1].split()[0], 16)
    for number in (signal.SIGTERM, signal.SIGTSTP):
        assert not caught >> (number - 1) & 1, number
"""


def test_the_hosts_signal_handlers_stay_its_own() -> None:
    """In a process of its own: a test run that a shell put in the background ignores SIGINT."""
    done = subprocess.run([sys.executable, "-c", HANDLERS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_health_names_the_engine_and_its_path(memory: Headwater) -> None:
    health = memory.check_health("ch")
    assert (health.status, health.details["engine"], health.details["path"]) == (1, "embedded", MEMORY)


OPEN_FOLDER = """
import sys
from headwater import Headwater
with Headwater(allow_plugins=['clickhouse']) as host:
    host.add_data_source(name='ch', type='clickhouse', url={url!r}, json_data={{'allowWrites': True}})
    {body}
"""


def test_a_folder_keeps_its_tables(tmp_path: Path) -> None:
    folder = f"chdb://{tmp_path}/data"
    create = "host.query('ch', 'CREATE TABLE t ENGINE = MergeTree ORDER BY a AS SELECT 42 AS a')"
    assert run_python(OPEN_FOLDER.format(url=folder, body=create)).returncode == 0
    read = "print(host.query('ch', 'SELECT a FROM t').table.to_pylist())"
    assert run_python(OPEN_FOLDER.format(url=folder, body=read)).stdout.strip().endswith("[{'a': 42}]")


@pytest.fixture
def held_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that another process has open."""
    folder = tmp_path / "held"
    body = "host.query('ch', 'SELECT 1'); print('open', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", OPEN_FOLDER.format(url=str(folder), body=body)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    while process.stdout.readline().strip() != "open":
        assert process.poll() is None
    yield folder
    process.stdin.close()
    process.wait(20)
    process.stdout.close()


def test_a_folder_in_use_is_explained(host: Headwater, held_folder: Path) -> None:
    host.add_data_source(name="ch", type="clickhouse", url=str(held_folder))
    with pytest.raises(DownstreamConnectionError, match="another process has it open"):
        host.query("ch", "SELECT 1")
    assert host.check_health("ch").message.startswith("[network]")


def test_a_second_path_in_one_process_is_explained_and_possible_later(
    host: Headwater, tmp_path: Path
) -> None:
    host.add_data_source(name="memory", type="clickhouse", url="chdb://")
    host.add_data_source(name="folder", type="clickhouse", url=str(tmp_path / "data"))
    host.query("memory", "SELECT 1")
    with pytest.raises(DownstreamConnectionError, match=r"once per process.*in-memory"):
        host.query("folder", "SELECT 1")
    host.close()
    with Headwater(allow_plugins=["clickhouse"]) as other:
        other.add_data_source(name="folder", type="clickhouse", url=str(tmp_path / "data"))
        assert other.query("folder", "SELECT 1 AS v").num_rows == 1


def test_a_file_in_place_of_the_folder_is_explained(host: Headwater, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a\n1\n")
    host.add_data_source(name="ch", type="clickhouse", url=str(file))
    with pytest.raises(ValidationError, match="is a file"):
        host.query("ch", "SELECT 1")


FORK = """
import os
from headwater import CallContext
from headwater_clickhouse.embedded import EmbeddedEngine
from headwater_clickhouse.engine import Statement
engine = EmbeddedEngine(':memory:')
engine.rows(Statement('SELECT 1'), CallContext())
if os.fork() == 0:
    try:
        engine.rows(Statement('SELECT 2'), CallContext())
    except Exception as error:
        os.write(1, str(error).encode())
    os._exit(0)
os.wait()
engine.close()
"""


def test_a_forked_child_is_told_that_the_engine_is_gone() -> None:
    assert "does not survive a fork" in run_python(FORK).stdout


def test_without_the_extra_the_way_to_it_is_named(memory: Headwater, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater_clickhouse.embedded_process._process.driver", None)
    monkeypatch.setitem(sys.modules, "chdb", None)
    with pytest.raises(PluginUnavailableError, match=r"headwater-clickhouse\[embedded\]"):
        memory.query("ch", "SELECT 1")


def test_an_unreadable_file_is_the_callers_affair(memory: Headwater) -> None:
    with pytest.raises(HeadwaterError) as caught:
        memory.query("ch", "SELECT * FROM file('/nowhere/at/all.csv')")
    assert "/nowhere/at/all.csv" in str(caught.value)
    assert os.linesep * 2 not in str(caught.value)
