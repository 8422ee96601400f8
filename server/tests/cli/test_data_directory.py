"""Where data sources and keys are kept, and what is said where there is no such place."""

from __future__ import annotations

import base64
import json
import pwd
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from headwater.errors import ValidationError
from headwater_server.data_directory import DataDirectory

Headwater = Callable[..., subprocess.CompletedProcess[str]]
NOWHERE = "/dev/null/data"
"""A directory that nobody can make, root neither."""


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the user database does not know, as in a container that runs as any uid."""

    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for variable in ("HOME", "XDG_DATA_HOME", "HEADWATER_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_directory_a_sentence_says_what_to_set() -> None:
    with pytest.raises(ValidationError, match=r"HEADWATER_DATA_DIR: .* no home directory: name a folder"):
        DataDirectory.named(None)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_directory_a_named_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert DataDirectory.named("/srv/headwater").path == Path("/srv/headwater")
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/share")
    assert DataDirectory.named(None).path == Path("/srv/share/headwater")
    monkeypatch.setenv("HEADWATER_DATA_DIR", "/srv/chosen")
    assert DataDirectory.named(None).path == Path("/srv/chosen")


def test_an_empty_name_is_refused_by_name(headwater: Headwater) -> None:
    for arguments, environment, name in (
        (("ds", "list"), {"HEADWATER_DATA_DIR": ""}, "HEADWATER_DATA_DIR"),
        (("--data-dir", "", "ds", "list"), {}, "--data-dir"),
        (("ds", "list"), {"HEADWATER_DATA_DIR": "", "XDG_DATA_HOME": "", "HOME": ""}, "HEADWATER_DATA_DIR"),
    ):
        done = headwater(*arguments, **environment)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"error: {name}: is empty; name a folder, or leave it out\n"


@pytest.mark.usefixtures("homeless")
def test_an_empty_home_is_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    with pytest.raises(ValidationError, match="no home directory"):
        DataDirectory.named(None)


def test_what_needs_no_data_directory_asks_for_none(headwater: Headwater) -> None:
    plugins = headwater("plugin", "list", HEADWATER_DATA_DIR="")
    assert plugins.returncode == 0, plugins.stderr


def test_nothing_is_written_there_if_store_and_keys_are_elsewhere(
    headwater: Headwater, tmp_path: Path
) -> None:
    elsewhere = {
        "HEADWATER_DATA_DIR": NOWHERE,
        "HEADWATER_STORE_URL": f"sqlite:///{tmp_path / 'store.db'}",
        "HEADWATER_KEK_K1": base64.b64encode(bytes(32)).decode(),
    }
    added = headwater(
        "ds", "add", "demo", "--type", "testdata", "--secret", "apiKey=env:KEY", KEY="x", **elsewhere
    )
    assert added.returncode == 0, added.stderr
    asked = headwater(
        "query", "demo", json.dumps({"scenario": "csv", "csvContent": "n\n7\n"}), "-o", "jsonl", **elsewhere
    )
    assert json.loads(asked.stdout) == {"n": 7}, asked.stderr


def test_a_key_that_cannot_be_made_there_says_so(headwater: Headwater, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'store.db'}"
    done = headwater("ds", "list", HEADWATER_DATA_DIR=NOWHERE, HEADWATER_STORE_URL=store)
    assert done.returncode == 3
    assert f"{NOWHERE}/keys" in done.stderr
