"""`headwater backup` and `restore`, as an operator runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Headwater = Callable[..., subprocess.CompletedProcess[str]]
CSV = '"a"\n7\n'


@pytest.fixture
def shop(headwater: Headwater) -> None:
    headwater(
        "ds", "add", "shop", "--type", "testdata", "--secret", "apiKey=env:PASSWORD", PASSWORD="canary-canary"
    ).check_returncode()


@pytest.mark.usefixtures("shop")
def test_a_store_and_its_keys_on_another_machine(
    headwater: Headwater, data_dir: Path, tmp_path: Path
) -> None:
    made = headwater("backup", tmp_path / "store", "--keys", tmp_path / "keys")
    checked = headwater("restore", "--dry-run", tmp_path / "store")
    shutil.rmtree(data_dir)
    restored = headwater("restore", tmp_path / "store", "--keys", tmp_path / "keys")

    assert made.returncode == checked.returncode == restored.returncode == 0, restored.stderr
    assert made.stdout == checked.stdout == restored.stdout
    assert made.stdout.startswith("sha256:")
    assert "1 data sources, 1 secrets" in made.stderr
    assert headwater("secrets", "verify").stderr == "1 secrets opened, 0 not.\n"
    assert "canary" not in made.stderr + restored.stderr


@pytest.mark.usefixtures("shop")
def test_without_keys_it_says_which_are_missing(headwater: Headwater, data_dir: Path, tmp_path: Path) -> None:
    made = headwater("backup", tmp_path / "store")
    key = next((data_dir / "keys").glob("*.key")).stem
    shutil.rmtree(data_dir)
    restored = headwater("restore", tmp_path / "store")

    assert f"Without the keys: {key}." in made.stderr
    assert f"Secrets cannot be opened without: {key}." in restored.stderr
    assert restored.returncode == 3


@pytest.mark.usefixtures("shop")
def test_a_store_in_use_is_replaced_only_when_that_is_said(headwater: Headwater, tmp_path: Path) -> None:
    headwater("backup", tmp_path / "store").check_returncode()
    refused = headwater("restore", tmp_path / "store")

    assert (refused.returncode, "not empty" in refused.stderr) == (4, True)
    assert headwater("restore", "--replace", tmp_path / "store").returncode == 0


def test_where_no_store_is_there_is_no_empty_backup(
    headwater: Headwater, data_dir: Path, tmp_path: Path
) -> None:
    refused = headwater("backup", tmp_path / "store")

    assert (refused.returncode, "There is no store in" in refused.stderr) == (4, True)
    assert not (tmp_path / "store").exists()
    assert not data_dir.exists()


@pytest.mark.usefixtures("shop")
def test_keys_do_not_take_the_place_of_the_backup(headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "store")
    refused = headwater("backup", tmp_path / "store", "--keys", tmp_path / "link")

    assert refused.returncode == 2
    assert "Keys go to a file of their own" in refused.stderr
    assert not (tmp_path / "store").exists()


@pytest.mark.usefixtures("shop")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the platform has no named pipes")
def test_a_pipe_or_device_stays_what_it_is(headwater: Headwater, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused = headwater("backup", tmp_path / "pipe")

    assert (refused.returncode, "is no regular file" in refused.stderr) == (2, True)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.usefixtures("shop")
def test_a_link_leads_to_the_backup(headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(tmp_path / "store")
    assert headwater("backup", tmp_path / "latest").returncode == 0
    assert (tmp_path / "latest").is_symlink()
    assert headwater("restore", "--dry-run", tmp_path / "store").returncode == 0


def test_a_damaged_file_changes_nothing(headwater: Headwater, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("nonsense")
    refused = headwater("restore", tmp_path / "store")

    assert refused.returncode == 2
    assert "is no backup of Headwater" in refused.stderr
    assert not data_dir.exists()
