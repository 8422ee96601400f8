from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Headwater = Callable[..., subprocess.CompletedProcess[str]]


def test_the_first_start_makes_a_key_and_says_so_once(headwater: Headwater, data_dir: Path) -> None:
    first = headwater("ds", "add", "demo", "--type", "testdata")
    [key] = (data_dir / "keys").glob("*.key")
    assert key.stem in first.stderr
    assert str(data_dir / "keys") in first.stderr
    assert "back that folder up" in first.stderr
    assert key.stem not in headwater("ds", "list").stderr
    assert data_dir.stat().st_mode & 0o777 == 0o700
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_data_source_lives_from_add_to_rm(headwater: Headwater) -> None:
    added = headwater("ds", "add", "demo", "--type", "testdata", "--uid", "u1", "--set", "seed=7")
    assert added.returncode == 0
    assert "Added demo (uid u1)." in added.stderr
    [listed] = json.loads(headwater("ds", "list", "--json").stdout)
    assert (listed["name"], listed["type"], listed["uid"]) == ("demo", "testdata", "u1")
    shown = json.loads(headwater("ds", "show", "demo", "--json").stdout)
    assert shown["jsonData"] == {"seed": 7}
    tested = headwater("ds", "test", "u1")
    assert (tested.returncode, tested.stdout.splitlines()[0]) == (0, "OK: Test data is ready.")
    assert headwater("ds", "rm", "demo").returncode == 0
    assert headwater("ds", "show", "demo").returncode == 2


@pytest.mark.parametrize(("written", "kept"), [("2024", "2024"), ("true", "true"), ('"2024"', "2024")])
def test_a_setting_that_holds_text_is_text_whatever_it_looks_like(
    headwater: Headwater, written: str, kept: str
) -> None:
    headwater("ds", "add", "ill", "--type", "testdata", "--set", f"healthError={written}")
    assert headwater("ds", "test", "ill").stdout.strip() == f"ERROR: {kept}"


def test_a_type_given_by_alias_stays_as_it_was_given(headwater: Headwater) -> None:
    added = headwater("ds", "add", "olap", "--type", "grafana-clickhouse-datasource", "--url", "chdb://")
    assert added.returncode == 0, added.stderr
    [listed] = json.loads(headwater("ds", "list", "--json").stdout)
    assert listed["type"] == "grafana-clickhouse-datasource"
    asked = headwater("query", "olap", "SELECT 7 AS n", "-o", "jsonl")
    assert json.loads(asked.stdout) == {"n": 7}, asked.stderr
    assert headwater("ds", "rm", "olap", "--yes").returncode == 0


def test_a_failing_health_check_exits_with_4(headwater: Headwater) -> None:
    headwater("ds", "add", "ill", "--type", "testdata", "--set", "healthError=out of order")
    tested = headwater("ds", "test", "ill")
    assert (tested.returncode, tested.stdout.strip()) == (4, "ERROR: out of order")


def test_secrets_come_from_files_and_the_environment_and_are_never_shown(
    headwater: Headwater, tmp_path: Path, data_dir: Path
) -> None:
    (tmp_path / "key").write_text("canary-from-file\n")
    headwater("ds", "add", "a", "--type", "testdata", "--secret", f"apiKey=@{tmp_path / 'key'}")
    headwater("ds", "add", "b", "--type", "testdata", "--secret", "apiKey=env:KEY", KEY="canary-from-env")
    for name in ("a", "b"):
        shown = headwater("ds", "show", name)
        assert "secrets.apiKey  ok" in shown.stdout
        assert "apiKey: set" in headwater("ds", "test", name).stdout
        assert "canary" not in shown.stdout + shown.stderr
    assert b"canary" not in b"".join(path.read_bytes() for path in data_dir.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("apiKey=hunter2", "does not belong on the command line"),
        ("apiKey=env:NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE is not set"),
        ("apiKey=@/nonexistent/key", "cannot be read"),
        ("apiKey", "no terminal to ask"),
    ],
)
def test_a_secret_is_never_taken_from_the_arguments(headwater: Headwater, secret: str, words: str) -> None:
    done = headwater("ds", "add", "a", "--type", "testdata", "--secret", secret)
    assert done.returncode == 2
    assert words in done.stderr
    assert "hunter2" not in done.stderr


def test_plugins_are_listed_with_their_state_and_a_broken_one_with_its_reason(
    headwater: Headwater, broken_plugin: Path
) -> None:
    listed = headwater("plugin", "list", "--json", PYTHONPATH=str(broken_plugin))
    states = {record["id"]: record for record in json.loads(listed.stdout)}
    assert states["testdata"]["state"] == "READY"
    assert states["broken"]["state"] == "BROKEN"
    assert "the driver is missing" in states["broken"]["reason"]


def test_plugin_info_names_settings_secrets_and_query_keys(headwater: Headwater) -> None:
    shown = headwater("plugin", "info", "testdata").stdout
    assert "It connects to nothing" in shown
    assert all(word in shown for word in ("healthError", "apiKey", "seriesCount", "multi | wide | long"))
    assert (
        json.loads(headwater("plugin", "info", "testdata", "--json").stdout)["query_text_key"] == "scenario"
    )


@pytest.mark.usefixtures("demo")
def test_schema_lists_tables_and_columns(headwater: Headwater) -> None:
    tables = json.loads(headwater("schema", "demo", "--json").stdout)
    assert "random_walk" in [table["name"] for table in tables]
    columns = json.loads(headwater("schema", "demo", "logs", "--json").stdout)
    assert columns[0] == {"name": "timestamp", "type": "timestamp[ms, tz=UTC]", "nullable": True}


@pytest.mark.usefixtures("demo")
def test_doctor_finds_nothing_wrong_with_a_good_installation(headwater: Headwater) -> None:
    done = headwater("doctor", "--json")
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert findings["store"]["message"] == "1 data sources"
    assert findings["plugin testdata"]["status"] == "ok"


@pytest.mark.usefixtures("demo")
def test_doctor_names_a_missing_key_and_exits_with_3(headwater: Headwater, data_dir: Path) -> None:
    [key] = (data_dir / "keys").glob("*.key")
    key.unlink()
    done = headwater("doctor", "--json")
    errors = [finding for finding in json.loads(done.stdout) if finding["status"] == "error"]
    assert done.returncode == 3
    assert [key.stem in error["message"] for error in errors] == [True]
