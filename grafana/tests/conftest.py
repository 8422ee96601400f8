"""Go programs on HashiCorp's go-plugin, for both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from servers.go_programs import build_go_program


@pytest.fixture(scope="session")
def go_host_program() -> Path:
    return build_go_program("host")


@pytest.fixture(scope="session")
def go_plugin_program() -> Path:
    return build_go_program("plugin")
