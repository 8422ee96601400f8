"""`headwater key` and `headwater secrets`: changing the key of a running installation."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]

CANARY = "canary-5e1f00d9"


@pytest.fixture
def with_secret(headwater: Run) -> None:
    """A data source `demo` with a secret `apiKey`."""
    done = headwater("ds", "add", "demo", "--type", "testdata", "--secret", "apiKey=env:TOKEN", TOKEN=CANARY)
    assert done.returncode == 0, done.stderr
    assert "back that folder up" in done.stderr


def keys_of(headwater: Run) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = json.loads(headwater("key", "list", "--json").stdout)
    return listed


@pytest.mark.usefixtures("with_secret")
def test_the_key_is_changed_step_by_step(headwater: Run) -> None:
    (old,) = keys_of(headwater)
    new = headwater("key", "add").stdout.strip()

    refused = headwater("key", "retire", str(old["key"]))
    assert refused.returncode == 3
    assert "activate another key first" in refused.stderr
    assert headwater("key", "activate", new).returncode == 0
    refused = headwater("key", "retire", str(old["key"]))
    assert refused.returncode == 3
    assert "still wraps 1 data key" in refused.stderr
    assert "1 rewrapped, 0 were so already, 0 failed" in headwater("secrets", "rewrap").stderr
    assert "0 rewrapped, 1 were so already, 0 failed" in headwater("secrets", "rewrap").stderr
    verified = headwater("secrets", "verify")
    assert (verified.returncode, verified.stderr.strip()) == (0, "1 secrets opened, 0 not.")
    assert headwater("key", "retire", str(old["key"]), "--forget").returncode == 0

    states = [
        (key["key"], key["state"], key["found in"] != "nowhere", key["data keys"])
        for key in keys_of(headwater)
    ]
    assert states == [(old["key"], "retired", False, 0), (new, "active", True, 1)]
    assert headwater("query", "demo", "random_walk").returncode == 0


@pytest.mark.usefixtures("with_secret")
def test_a_lost_key_is_named_and_its_return_heals_everything(headwater: Run, data_dir: Path) -> None:
    (key,) = keys_of(headwater)
    shutil.move(data_dir / "keys", data_dir / "away")

    verified = headwater("secrets", "verify")
    assert verified.returncode == 3
    assert f"apiKey (key_missing, key {key['key']})" in verified.stdout
    assert keys_of(headwater)[0]["found in"] == "nowhere"
    listed = headwater("ds", "list")
    assert listed.returncode == 3
    assert f"Key '{key['key']}' is not available" in listed.stderr
    assert not list((data_dir / "keys").glob("*.key")) if (data_dir / "keys").exists() else True

    shutil.rmtree(data_dir / "keys", ignore_errors=True)
    shutil.move(data_dir / "away", data_dir / "keys")
    assert headwater("secrets", "verify").returncode == 0


@pytest.mark.usefixtures("with_secret")
def test_another_key_under_the_same_id_is_refused(headwater: Run, data_dir: Path) -> None:
    (file,) = (data_dir / "keys").glob("*.key")
    file.write_text("A" * 43 + "=\n")

    listed = headwater("ds", "list")

    assert listed.returncode == 3
    assert "is not the key that the store was encrypted with" in listed.stderr


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.usefixtures("with_secret")
def test_a_key_file_that_others_may_read_is_refused_with_the_remedy(headwater: Run, data_dir: Path) -> None:
    (file,) = (data_dir / "keys").glob("*.key")
    file.chmod(0o644)

    listed = headwater("ds", "list")

    assert listed.returncode == 3
    assert f"chmod 600 {file}" in listed.stderr


@pytest.mark.usefixtures("with_secret")
def test_a_key_may_come_from_the_environment(headwater: Run) -> None:
    key = {"HEADWATER_KEK_FROM_ENV": "B" * 42 + "A="}
    headwater("key", "add", "from-env", **key)
    headwater("key", "activate", "from-env", **key)
    headwater("secrets", "rewrap", **key)

    assert headwater("secrets", "verify", **key).returncode == 0
    assert headwater("secrets", "verify").returncode == 3


@pytest.mark.usefixtures("with_secret")
def test_one_or_all_data_sources_get_a_new_data_key(headwater: Run) -> None:
    assert "1 data sources anew" in headwater("secrets", "rotate", "demo").stderr
    assert "1 data sources anew" in headwater("secrets", "rotate", "--all").stderr
    assert headwater("secrets", "rotate").returncode == 2
    assert headwater("secrets", "rotate", "nobody").returncode == 2
    assert headwater("secrets", "verify").returncode == 0


@pytest.mark.usefixtures("with_secret")
def test_no_command_shows_the_secret(headwater: Run, data_dir: Path) -> None:
    commands = (
        ("secrets", "status"),
        ("secrets", "status", "--json"),
        ("secrets", "verify"),
        ("secrets", "rewrap"),
        ("secrets", "rotate", "--all"),
        ("key", "list", "--json"),
        ("ds", "show", "demo", "--json"),
        ("ds", "list", "--json"),
        ("ds", "export"),
        ("ds", "test", "demo"),
        ("query", "demo", "error", "-o", "json"),
        ("query", "demo", "random_walk", "-o", "json"),
        ("doctor",),
    )

    for command in commands:
        done = headwater(*command, HEADWATER_DEBUG="1")
        assert CANARY not in done.stdout + done.stderr, command
    stored = b"".join(path.read_bytes() for path in data_dir.rglob("*") if path.is_file())
    assert CANARY.encode() not in stored


def test_an_unknown_key_is_a_clear_error(headwater: Run) -> None:
    for command in ("activate", "retire"):
        done = headwater("key", command, "k9")
        assert done.returncode == 3
        assert "'k9'" in done.stderr
    assert headwater("key", "add", "Not An Id").returncode == 3
