"""Options of the proofs whose lines stand on the page on performance."""

from __future__ import annotations

import pytest

from options import option_group, pytest_configure, pytest_terminal_summary, report

__all__ = ["pytest_addoption", "pytest_configure", "pytest_terminal_summary", "report"]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = option_group(parser)
    group.addoption("--rounds", type=int, help="How often 64 clients ask one question at once (500).")
    group.addoption("--values", type=int, help="How many hostile values each data source is given (10000).")
    group.addoption("--refreshes", type=int, help="How often the dashboard is drawn again (60).")
