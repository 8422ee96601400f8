"""How much of a proof a run wants, and the lines that it prints: for the conftest of each folder."""

from __future__ import annotations

import pytest

_LINES = pytest.StashKey[list[str]]()


def chosen(config: pytest.Config, name: str, *, usual: float, quick: float) -> float:
    """The value of an option, or what it is by default, or in a quick run."""
    given: float | None = config.getoption(name)
    return given if given is not None else quick if config.getoption("quick") else usual


def option_group(parser: pytest.Parser) -> pytest.OptionGroup:
    """Where a folder adds its own options to those of all proofs."""
    group = parser.getgroup("proofs")
    group.addoption("--quick", action="store_true", help="A tenth or less of everything: for the shape.")
    return group


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LINES] = []


@pytest.fixture
def report(request: pytest.FixtureRequest) -> list[str]:
    """Lines to print when all is over, as Markdown."""
    return request.config.stash[_LINES]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_LINES]:
        terminalreporter.write_line(line)
