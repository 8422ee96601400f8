"""Whatever is wrong: one or two lines that say what to do, the right exit code, nothing half-written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Headwater = Callable[..., subprocess.CompletedProcess[str]]


def says(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """The exit code, no data, no traceback, at most two lines, and in them the words."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Secrets are encrypted")]
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert 1 <= len(lines) <= 2, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_an_unknown_data_source_points_to_the_list(headwater: Headwater) -> None:
    says(headwater("query", "nope", "SELECT 1"), 2, "There is no data source 'nope'", "headwater ds list")


def test_a_group_without_a_command_shows_its_commands(headwater: Headwater) -> None:
    done = headwater("ds")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: headwater ds ")
    assert "error" not in done.stderr


@pytest.mark.parametrize("arguments", [["plugin", "list"], ["config", "show"], ["--help"]])
def test_a_reader_that_leaves_is_no_failed_query(arguments: list[str], data_dir: Path) -> None:
    gone, output = os.pipe()
    os.close(gone)
    with os.fdopen(output) as unread:
        done = subprocess.run(
            [sys.executable, "-m", "headwater_server", "--data-dir", data_dir, *arguments],
            stdout=unread,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_an_unknown_plugin_points_to_the_list(headwater: Headwater) -> None:
    says(
        headwater("ds", "add", "x", "--type", "nope"), 2, "'nope' is not registered", "headwater plugin list"
    )
    assert headwater("ds", "list", "--json").stdout.strip() == "[]"


def test_a_setting_of_the_wrong_type_adds_nothing(headwater: Headwater) -> None:
    done = headwater("ds", "add", "x", "--type", "testdata", "--set", "seed=x")
    says(done, 2, "jsonData.seed: expected a whole number, got text")
    assert headwater("ds", "list", "--json").stdout.strip() == "[]"


def test_a_broken_plugin_says_why_and_adds_nothing(headwater: Headwater, broken_plugin: Path) -> None:
    done = headwater("ds", "add", "x", "--type", "broken", PYTHONPATH=str(broken_plugin))
    says(done, 1, "broken-source", "BROKEN", "RuntimeError: the driver is missing")
    assert headwater("ds", "list", "--json").stdout.strip() == "[]"


@pytest.mark.usefixtures("demo")
def test_a_wrong_query_is_told_apart_from_a_failing_source(headwater: Headwater) -> None:
    says(headwater("query", "demo", "random_wlak"), 1, "did you mean 'random_walk'")
    says(headwater("query", "demo", "error", "--set", "error=connection"), 4, "cannot be reached")
    says(headwater("query", "demo", "error", "--set", "error=auth"), 3, "refused the credentials")
    says(headwater("query", "demo", "error", "--set", "error=limit"), 5, "asks for too much")
    bug = ("query", "demo", "error", "--set", "error=bug")
    says(headwater(*bug), 1, "RuntimeError: This scenario has a bug", "Set HEADWATER_DEBUG=1 to see where")
    assert "failures.py" in headwater(*bug, HEADWATER_DEBUG="1").stderr
    says(headwater("query", "demo", "slow", "--timeout", "0.1"), 5, "deadline")


@pytest.mark.usefixtures("demo")
def test_a_bad_query_key_is_named(headwater: Headwater) -> None:
    says(headwater("query", "demo", "logs", "--set", "rows=many"), 2, "rows: expected a whole number")
    says(headwater("query", "demo", "logs", "--param", "a=1"), 2, "params: unknown key", "--param is for")


def test_an_unknown_setting_or_secret_is_refused_when_the_data_source_is_added(
    headwater: Headwater,
) -> None:
    add = ("ds", "add", "odd", "--type", "testdata")
    says(headwater(*add, "--set", "sed=1"), 2, "jsonData.sed: unknown key; did you mean 'seed'?")
    secret = headwater(*add, "--secret", "apiKye=env:KEY", KEY="x")
    says(secret, 2, "secureJsonData.apiKye: unknown key; did you mean 'apiKey'?")
    later = headwater(*add, "--set", "sed=1", "--api-version", "99.0")
    assert later.returncode == 0, later.stderr


@pytest.mark.usefixtures("demo")
def test_an_unknown_query_key_is_refused(headwater: Headwater) -> None:
    done = headwater("query", "demo", "random_walk", "--set", "sereisCount=2")
    says(done, 2, "sereisCount: unknown key; did you mean 'seriesCount'?")


@pytest.mark.usefixtures("demo")
def test_a_wrong_key_is_refused_before_anything_is_done(headwater: Headwater, data_dir: Path) -> None:
    [key] = (data_dir / "keys").glob("*.key")
    key.write_text("A" * 43 + "=\n")
    says(headwater("query", "demo", "no_data"), 3, key.stem, "not the key", "backup")


@pytest.mark.usefixtures("demo")
def test_a_missing_key_is_refused_before_anything_is_done(headwater: Headwater, data_dir: Path) -> None:
    [key] = (data_dir / "keys").glob("*.key")
    key.unlink()
    says(headwater("ds", "list"), 3, key.stem, "not available", "backup")
    assert list((data_dir / "keys").glob("*.key")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.usefixtures("demo")
def test_a_key_that_others_can_read_is_refused(headwater: Headwater, data_dir: Path) -> None:
    [key] = (data_dir / "keys").glob("*.key")
    key.chmod(0o644)
    says(headwater("ds", "list"), 3, "open to other users", "chmod 600")


@pytest.mark.usefixtures("demo")
def test_a_locked_data_directory_says_so_and_adds_nothing(headwater: Headwater, data_dir: Path) -> None:
    with sqlite3.connect(data_dir / "headwater.db", isolation_level=None) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        done = headwater("ds", "add", "other", "--type", "testdata")
        connection.execute("ROLLBACK")
    connection.close()
    says(done, 4, "lock", "try again")
    assert "other" not in headwater("ds", "list").stdout


def test_a_data_directory_that_cannot_be_made_says_how_to_choose_another(
    headwater: Headwater, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = headwater("--data-dir", tmp_path / "file" / "below", "ds", "list")
    says(done, 4, "cannot be made", "--data-dir")


def test_a_database_of_something_else_is_left_alone(headwater: Headwater, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "headwater.db").write_bytes(b"these are my notes, not a database" * 100)
    before = (data_dir / "headwater.db").read_bytes()
    says(headwater("ds", "list"), 4, str(data_dir), "not a database")
    assert (data_dir / "headwater.db").read_bytes() == before


@pytest.mark.usefixtures("demo")
def test_an_unreadable_query_file_is_named(headwater: Headwater, tmp_path: Path) -> None:
    says(
        headwater("query", "demo", "-f", tmp_path / "none.sql"), 2, "none.sql cannot be read", "No such file"
    )
    says(headwater("query", "demo", "-f", tmp_path), 2, "cannot be read", "directory")


@pytest.mark.usefixtures("demo")
def test_text_that_is_not_utf_8_says_where(headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / "latin1.sql").write_bytes("SELECT 'é'".encode("latin-1"))
    says(headwater("query", "demo", "-f", tmp_path / "latin1.sql"), 2, "not UTF-8", "byte 0xe9 at offset 8")
    says(headwater("query", "demo", "-", stdin=b"\xff\xfe"), 2, "stdin is not UTF-8", "offset 0")


@pytest.mark.usefixtures("demo")
def test_a_taken_name_is_refused(headwater: Headwater) -> None:
    says(headwater("ds", "add", "demo", "--type", "testdata"), 2, "demo", "already exists", "another name")


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["query", "demo"], "as TEXT or with -f FILE"),
        (["query", "demo", "x", "-f", "y"], "one of them"),
        (["query", "demo", " "], "the query is empty"),
        (["query", "demo", "no_data", "-o", "excel"], "excel"),
        (["query", "demo", "no_data", "--from", "yesterday-ish"], "yesterday-ish"),
        (["query", "demo", "no_data", "--param", "novalue"], "not key=value"),
        (["query", "demo", "no_data", "--limit", "-1"], "-1"),
        (["nonsense"], "nonsense"),
        (["ds", "add", "x"], "--type"),
    ],
)
def test_usage_errors_exit_with_2(headwater: Headwater, arguments: list[str], words: str) -> None:
    says(headwater(*arguments), 2, words)


@pytest.mark.usefixtures("demo")
def test_a_query_that_fails_leaves_no_file(headwater: Headwater, tmp_path: Path) -> None:
    kept = tmp_path / "kept.csv"
    kept.write_text("yesterday's rows")
    for name in ("new.csv", "kept.csv", "new.parquet"):
        query = ("streaming_rows", "--set", "rows=100", "--set", "batchRows=10", "--set", "failAfterRows=55")
        says(headwater("query", "demo", *query, "--out", tmp_path / name), 1, "The data source failed")
    assert kept.read_text() == "yesterday's rows"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "kept.csv"]


@pytest.mark.usefixtures("demo")
def test_an_output_file_that_cannot_be_made_is_named(headwater: Headwater, tmp_path: Path) -> None:
    done = headwater("query", "demo", "no_data", "--out", tmp_path / "none" / "x.csv")
    says(done, 2, "x.csv cannot be written", "No such file")
    says(headwater("query", "demo", "no_data", "--out", tmp_path), 2, "is a directory")


@pytest.mark.parametrize("option", ["--allow-addresses", "--deny-addresses", "--only-addresses"])
@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0.0/8,10.0.0.1/8", "db.example", ","])
def test_an_address_that_is_no_network_stops_the_start(headwater: Headwater, option: str, text: str) -> None:
    done = headwater("serve", "--port", "0", option, text)
    assert done.returncode == 2, done.stderr
    assert f"Invalid value for {option}: " in done.stderr.replace("'", "")  # some releases of click quote it
    assert "network" in done.stderr
    assert "Traceback" not in done.stderr
