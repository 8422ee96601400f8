"""Options of the proofs, and the lines that they print at the end, for the page on reliability."""

from __future__ import annotations

import pytest

_LINES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("proofs")
    group.addoption("--quick", action="store_true", help="A tenth or less of everything: for the shape.")
    group.addoption("--seeds", type=int, help="How often each kind of fault meets each server (50).")
    group.addoption("--cancels", type=int, help="How many queries of each server are left (500).")
    group.addoption("--gigabytes", type=float, help="Size of the answer to a slow client (2).")
    group.addoption("--kills", type=int, help="How many processes of each sort are killed (10).")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LINES] = []


@pytest.fixture
def report(request: pytest.FixtureRequest) -> list[str]:
    """Lines to print when all is over, as Markdown."""
    return request.config.stash[_LINES]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_LINES]:
        terminalreporter.write_line(line)
