"""What is built of this tree, once for all tests that need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from built import DISTRIBUTIONS, ROOT, Artefacts, build


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artefacts]:
    """The sdist of each distribution, and the wheel made from it, by the distribution's folder."""
    return {folder: build(ROOT / folder, tmp_path_factory.mktemp("dist")) for folder in DISTRIBUTIONS}


@pytest.fixture(scope="session")
def wheels(artefacts: dict[str, Artefacts]) -> dict[str, Path]:
    """The wheel of each distribution, by the distribution's folder."""
    return {folder: built.wheel for folder, built in artefacts.items()}
