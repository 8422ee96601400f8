"""`headwater ds edit`, `export` and `import`."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

Run = Callable[..., CompletedProcess[str]]

CANARY = "canary-9b2e77c1"


@pytest.fixture
def with_secret(headwater: Run) -> None:
    add = ("ds", "add", "demo", "--type", "testdata", "--url", "http://old", "--secret", "apiKey=env:TOKEN")
    assert headwater(*add, TOKEN=CANARY).returncode == 0


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "export.key"
    file.write_bytes(base64.b64encode(bytes(range(32))))
    file.chmod(0o600)
    return file


def show(headwater: Run, name: str = "demo") -> dict[str, object]:
    shown: dict[str, object] = json.loads(headwater("ds", "show", name, "--json").stdout)
    return shown


@pytest.mark.usefixtures("with_secret")
def test_an_edit_changes_what_it_names_and_nothing_else(headwater: Run) -> None:
    before = show(headwater)

    first = headwater(
        "ds", "edit", "demo", "--url", "http://new", "--set", "seed=5", "--set", "healthError=503"
    )
    second = headwater("ds", "edit", "demo", "--unset", "healthError")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    after = show(headwater)
    assert (after["url"], after["jsonData"], after["version"]) == ("http://new", {"seed": 5}, 3)
    assert set(after["secrets"]) == {"apiKey"}  # type: ignore[call-overload]
    assert after["created"] == before["created"]
    headwater("ds", "edit", "demo", "--remove-secret", "apiKey", "--name", "renamed")
    assert show(headwater, "renamed")["secrets"] == {}
    headwater("ds", "edit", "renamed", "--secret", "apiKey=env:TOKEN", TOKEN=CANARY)
    assert set(show(headwater, "renamed")["secrets"]) == {"apiKey"}  # type: ignore[call-overload]


@pytest.mark.usefixtures("with_secret")
def test_an_edit_without_a_change_or_of_nobody_is_refused(headwater: Run) -> None:
    assert headwater("ds", "edit", "demo").returncode == 2
    assert headwater("ds", "edit", "nobody", "--url", "x").returncode == 2


@pytest.mark.usefixtures("with_secret")
def test_an_export_names_variables_instead_of_secrets(headwater: Run) -> None:
    exported = headwater("ds", "export", "demo")

    (demo,) = yaml.safe_load(exported.stdout)["datasources"]
    assert demo["url"] == "http://old"
    assert demo["secureJsonData"] == {"apiKey": "$__env{DEMO_APIKEY}"}
    assert CANARY not in exported.stdout


@pytest.mark.usefixtures("with_secret")
def test_an_export_with_a_key_moves_secrets_to_another_installation(
    headwater: Run, tmp_path: Path, key_file: Path
) -> None:
    file = tmp_path / "export.yaml"
    assert headwater("ds", "export", "-o", file, "--key", key_file).returncode == 0
    assert CANARY not in file.read_text()
    elsewhere = str(tmp_path / "elsewhere")

    without = headwater("ds", "import", file, HEADWATER_DATA_DIR=elsewhere)
    imported = headwater("ds", "import", file, "--key", key_file, HEADWATER_DATA_DIR=elsewhere)
    again = headwater("ds", "import", file, "--key", key_file, HEADWATER_DATA_DIR=elsewhere)

    assert without.returncode == 2
    assert "give the key that it was exported with" in without.stderr
    assert "added: demo" in imported.stderr
    assert "unchanged: demo" in again.stderr
    verified = headwater("secrets", "verify", HEADWATER_DATA_DIR=elsewhere)
    assert "1 secrets opened, 0 not." in verified.stderr


def test_a_grafana_file_is_imported(headwater: Run, tmp_path: Path) -> None:
    file = tmp_path / "datasources.yaml"
    file.write_text(
        "apiVersion: 1\ndatasources:\n- name: demo\n  type: testdata\n  secureJsonData: {apiKey: $TOKEN}\n"
    )

    checked = headwater("ds", "import", "--dry-run", file, TOKEN=CANARY)
    assert "1 data sources, 0 deletions: no fault." in checked.stderr
    assert headwater("ds", "list").stdout == ""
    assert "added: demo" in headwater("ds", "import", file, TOKEN=CANARY).stderr
    assert show(headwater)["readOnly"] is False


def test_a_read_only_import_is_changed_by_files_alone(headwater: Run, tmp_path: Path) -> None:
    file = tmp_path / "datasources.yaml"
    file.write_text("datasources: [{name: demo, type: testdata}]")
    headwater("ds", "import", "--read-only", file)

    edited = headwater("ds", "edit", "demo", "--url", "x")

    assert edited.returncode == 2
    assert "Cannot update read-only data source" in edited.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"datasources:\n- name: a\n  tpye: b\n",
            ":3:9: datasources[0].tpye: unknown key; did you mean type?",
        ),
        (b"datasources: [", "not YAML"),
        (b"\xff", "not UTF-8"),
        (b"datasources: [{name: a, type: t, url: $UNSET_X}]", "UNSET_X is not set"),
    ],
)
def test_a_fault_in_a_file_is_one_line_with_its_place(
    headwater: Run, tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)

    done = headwater("ds", "import", file)

    assert done.returncode == 2
    assert f"{file}" in done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
