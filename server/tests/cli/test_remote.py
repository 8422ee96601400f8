"""The command line against a host in another process: the same verbs, rows and exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from attrs import frozen

from servers.process import ServerProcess, accepts_connections, free_port

Run = Callable[..., subprocess.CompletedProcess[str]]
ROWS = ("query", "demo", "streaming_rows", "--set", "rows=5", "--set", "seed=1")


@frozen
class Host:
    url: str
    token: str
    audit_log: Path
    directory: Path

    @property
    def environment(self) -> Mapping[str, str]:
        return {"HEADWATER_HOST": self.url, "HEADWATER_TOKEN": self.token}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("host")
    environment = {"HEADWATER_DATA_DIR": str(folder / "data")}
    command = [sys.executable, "-m", "headwater_server"]
    add = [*command, "ds", "add", "demo", "--type", "testdata"]
    subprocess.run(add, env={**os.environ, **environment}, check=True, capture_output=True)
    port = free_port()
    serve = [*command, "serve", "--port", str(port), "--audit-log", str(folder / "audit.jsonl")]
    with ServerProcess(serve, ready=lambda: accepts_connections(port), environment=environment) as process:
        token = re.search(r"hwsa_\S+", process.log.read_text())
        assert token, process.log.read_text()
        yield Host(f"http://127.0.0.1:{port}", token[0], folder / "audit.jsonl", folder / "data")


@pytest.fixture
def remote(headwater: Run, host: Host) -> Run:
    """`headwater` with the host and its admin token in the environment."""
    return lambda *arguments, **more: headwater(*arguments, **{**host.environment, **more})


def test_a_data_source_lives_on_the_host_from_add_to_rm(remote: Run, data_dir: Path) -> None:
    added = remote(
        "ds", "add", "far", "--type", "testdata", "--uid", "far1", "--set", "seed=7", "--secret",
        "apiKey=env:KEY", KEY="canary",
    )  # fmt: skip
    assert (added.returncode, added.stderr) == (0, "Added far (uid far1).\n")
    assert "far" in [each["name"] for each in json.loads(remote("ds", "list", "--json").stdout)]
    shown = json.loads(remote("ds", "show", "far", "--json").stdout)
    assert (shown["jsonData"], shown["secrets"], shown["isDefault"]) == (
        {"seed": 7},
        {"apiKey": "ok"},
        False,
    )
    tested = remote("ds", "test", "far")
    assert (tested.returncode, tested.stdout.splitlines()[0]) == (0, "OK: Test data is ready.")
    assert remote("ds", "rm", "far1").returncode == 0
    assert remote("ds", "show", "far").returncode == 2
    assert not data_dir.exists()


@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv"])
@pytest.mark.usefixtures("demo")
def test_rows_are_the_same_as_those_of_a_data_directory(headwater: Run, remote: Run, format_: str) -> None:
    far, near = remote(*ROWS, "-o", format_), headwater(*ROWS, "-o", format_)
    assert (far.returncode, far.stderr) == (0, "")
    assert far.stdout == near.stdout


@pytest.mark.usefixtures("demo")
def test_types_that_json_lacks_arrive_as_they_are(headwater: Run, remote: Run, tmp_path: Path) -> None:
    types = ["uint64", "decimal128", "timestamp_us", "duration_ms", "binary", "list", "dictionary"]
    query = json.dumps({"scenario": "all_types", "types": types})
    for run, name in ((headwater, "near"), (remote, "far")):
        done = run("query", "demo", query, "--out", tmp_path / f"{name}.arrow")
        assert done.returncode == 0, done.stderr
    near, far = (pa.ipc.open_stream(tmp_path / f"{name}.arrow").read_all() for name in ("near", "far"))
    assert far.equals(near)


@pytest.mark.usefixtures("demo")
def test_an_answer_of_several_series_is_the_same_but_for_the_digits_of_its_times(
    headwater: Run, remote: Run
) -> None:
    query = (
        "query",
        "demo",
        "random_walk",
        "--set",
        "seriesCount=3",
        "--from",
        "0",
        "--to",
        "3000",
        "-o",
        "csv",
    )
    far, near = remote(*query, "-o", "csv").stdout, headwater(*query, "-o", "csv").stdout
    assert len(near.splitlines()) == 10
    assert far.replace("000000Z", "Z") == near


def test_an_answer_without_rows_has_its_columns(remote: Run) -> None:
    assert remote("query", "demo", "no_data", "-o", "csv").stdout == '"id","time","city","value"\n'


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("query", "nope", "SELECT 1"), 2, "There is no data source 'nope'"),
        (("query", "demo", "random_wlak"), 1, "did you mean 'random_walk'"),
        (("query", "demo", "error", "--set", "error=connection"), 4, "cannot be reached"),
        (("query", "demo", "error", "--set", "error=auth"), 3, "refused the credentials"),
        (("query", "demo", "error", "--set", "error=limit"), 5, "asks for too much"),
        (("query", "demo", "error", "--set", "error=bug"), 1, "RuntimeError"),
        (("query", "demo", "slow", "--timeout", "0.5"), 5, "deadline"),
        (("ds", "add", "demo", "--type", "testdata"), 2, "demo"),
        (("ds", "add", "x", "--type", "nope"), 2, "'nope' is not registered"),
        (("plugin", "info", "nope"), 2, "'nope' is not registered"),
    ],
)
def test_errors_of_the_host_have_the_same_exit_codes(
    remote: Run, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = remote(*arguments)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_token_and_a_wrong_address_say_so(headwater: Run, host: Host) -> None:
    wrong = headwater("ds", "list", HEADWATER_HOST=host.url, HEADWATER_TOKEN="hwsa_wrong")
    assert (wrong.returncode, "does not know the token" in wrong.stderr) == (3, True)
    nobody = headwater("--host", f"http://127.0.0.1:{free_port()}", "ds", "list")
    assert (nobody.returncode, "Cannot connect" in nobody.stderr) == (4, True)
    assert headwater("--host", "ftp://x", "ds", "list").returncode == 2


def test_the_token_may_come_from_a_file(headwater: Run, host: Host, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{host.token}\n")
    done = headwater("--host", host.url, "--token-file", tmp_path / "token", *ROWS, "-o", "csv")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 6)


def test_a_token_of_two_lines_is_refused_by_the_name_of_its_file(
    headwater: Run, host: Host, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{host.token}\nX-Injected: 1\n")
    done = headwater("--host", host.url, "--token-file", file, "ds", "list")
    assert done.returncode == 2
    assert done.stderr == f"error: {file}: holds a line break or another control character\n"


def test_a_token_that_may_only_query_is_enough_for_a_query(headwater: Run, host: Host) -> None:
    made = headwater(
        "--data-dir", host.directory, "token", "create", "viewer", "--role", "viewer",
    )  # fmt: skip
    viewer = {"HEADWATER_HOST": host.url, "HEADWATER_TOKEN": made.stdout.strip()}
    assert headwater(*ROWS, **viewer).returncode == 0
    assert headwater("ds", "rm", "demo", "-y", **viewer).returncode == 3


def test_plugins_and_schema_are_the_hosts(remote: Run) -> None:
    plugins = json.loads(remote("plugin", "list", "--json").stdout)
    assert "testdata" in [each["id"] for each in plugins if each["state"] == "READY"]
    shown = remote("plugin", "info", "testdata").stdout
    assert "scenario" in shown
    assert "It connects to nothing" in shown
    assert "streaming_rows" in remote("schema", "demo").stdout


@pytest.mark.parametrize(
    "arguments", [("key", "list"), ("secrets", "status"), ("token", "list"), ("serve",), ("ds", "export")]
)
def test_what_needs_the_data_directory_says_so(
    remote: Run, data_dir: Path, arguments: tuple[str, ...]
) -> None:
    done = remote(*arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert f"`headwater {' '.join(arguments)}` works on a data directory only" in done.stderr
    assert not data_dir.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_cancels_the_query_at_the_host(host: Host, tmp_path: Path) -> None:
    query = ["query", "demo", "endless", "--out", f"{tmp_path}/endless.csv"]
    process = subprocess.Popen(
        [sys.executable, "-m", "headwater_server", *query],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **host.environment},
    )  # fmt: skip
    before = len(_ended_early(host))
    with process:
        while not any(path.suffix == ".part" and path.stat().st_size for path in tmp_path.iterdir()):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, narration = process.communicate(timeout=30)
    assert process.returncode == 130, narration
    assert "Cancelling" in narration
    assert list(tmp_path.iterdir()) == []
    deadline = time.monotonic() + 10
    while len(_ended_early(host)) == before:
        assert time.monotonic() < deadline, host.audit_log.read_text()
        time.sleep(0.05)


def test_a_long_answer_is_written_in_bounded_memory(host: Host, tmp_path: Path) -> None:
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
            capture_output=True, text=True, check=True, env={**os.environ, **host.environment},
        )  # fmt: skip
        return int(done.stderr.splitlines()[-1])

    assert peak(4_000_000) - peak(100_000) < 70_000


def _ended_early(host: Host) -> list[dict[str, object]]:
    """Queries in the host's audit log that sent rows, but not all."""
    lines = host.audit_log.read_text().splitlines() if host.audit_log.exists() else []
    return [each for each in map(json.loads, lines) if each["rows"] and each["outcome"] != "ok"]


def test_a_select_over_the_data_sources_of_the_host(remote: Run) -> None:
    done = remote("sql", "SELECT count(*) AS n, max(id) AS last FROM demo.streaming_rows", "-o", "jsonl")
    assert done.stdout, done.stderr
    assert json.loads(done.stdout) == {"n": 1000, "last": 999}
