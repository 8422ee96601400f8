from __future__ import annotations

from pathlib import Path

import pytest
from artefacts import ROOT, build_wheel


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each distribution of this tree, by the distribution's folder."""
    projects = [*ROOT.glob("*/pyproject.toml"), *ROOT.glob("plugins/*/pyproject.toml")]
    target = tmp_path_factory.mktemp("wheels")
    return {
        project.parent.relative_to(ROOT).as_posix(): build_wheel(project.parent, target / project.parent.name)
        for project in projects
    }
