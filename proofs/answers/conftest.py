"""Options of the proofs, and the lines that they print at the end, for the page on performance."""

from __future__ import annotations

import pytest

_LINES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("proofs")
    group.addoption("--quick", action="store_true", help="A tenth or less of everything: for the shape.")
    group.addoption("--rounds", type=int, help="How often 64 clients ask one question at once (500).")
    group.addoption("--values", type=int, help="How many hostile values each data source is given (10000).")
    group.addoption("--refreshes", type=int, help="How often the dashboard is drawn again (60).")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LINES] = []


@pytest.fixture
def report(request: pytest.FixtureRequest) -> list[str]:
    """Lines to print when all is over, as Markdown."""
    return request.config.stash[_LINES]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_LINES]:
        terminalreporter.write_line(line)
