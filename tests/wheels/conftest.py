from __future__ import annotations

from pathlib import Path

import pytest
from artefacts import Environment


@pytest.fixture(scope="session")
def clean(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment made from the wheels, without any source."""
    chosen = [wheels[name] for name in ("core", "server", "plugins/testdata")]
    return Environment.with_packages(tmp_path_factory.mktemp("clean"), *chosen)
