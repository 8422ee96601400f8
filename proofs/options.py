"""How much of a proof a run wants."""

from __future__ import annotations

import pytest


def chosen(config: pytest.Config, name: str, *, usual: float, quick: float) -> float:
    """The value of an option, or what it is by default, or in a quick run."""
    given: float | None = config.getoption(name)
    return given if given is not None else quick if config.getoption("quick") else usual
