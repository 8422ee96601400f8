"""Signing is Grafana's: its tool is called with the folder, and what it says is passed on."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.errors import PluginUnavailableError, ValidationError
from headwater_grafana.pack.signing import sign


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the path; a token is set."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("GRAFANA_ACCESS_POLICY_TOKEN", "glc_token")
    return folder


def install(folder: Path, script: str) -> None:
    tool = folder / "sign-plugin"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)


def test_the_tool_gets_the_folder_and_the_addresses_of_private_instances(tools: Path, tmp_path: Path) -> None:
    install(tools, f'echo "$@" > {tmp_path}/arguments')
    sign(tmp_path, ["https://a.example/", "https://b.example/"])
    assert (tmp_path / "arguments").read_text().split() == [
        "--distDir", str(tmp_path), "--rootUrls", "https://a.example/,https://b.example/",
    ]  # fmt: skip


def test_what_the_tool_refuses_is_passed_on(tools: Path, tmp_path: Path) -> None:
    install(tools, "echo 'the id belongs to somebody else' >&2; exit 1")
    with pytest.raises(PluginUnavailableError, match="the id belongs to somebody else"):
        sign(tmp_path)


def test_without_the_tool_the_error_says_how_to_get_it(tools: Path, tmp_path: Path) -> None:
    with pytest.raises(PluginUnavailableError, match="npm install --global @grafana/sign-plugin"):
        sign(tmp_path)


def test_without_a_token_nothing_is_started(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tools, f"touch {tmp_path}/started")
    monkeypatch.delenv("GRAFANA_ACCESS_POLICY_TOKEN")
    with pytest.raises(ValidationError, match="GRAFANA_ACCESS_POLICY_TOKEN"):
        sign(tmp_path)
    assert not (tmp_path / "started").exists()


def test_npx_is_not_let_ask_the_registry_whether_the_tool_is_installed(tools: Path, tmp_path: Path) -> None:
    npx = tools / "npx"
    npx.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    npx.chmod(0o755)
    sign(tmp_path)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line.startswith("--offline --no-install @grafana/sign-plugin") for line in asked] == [True, True]
