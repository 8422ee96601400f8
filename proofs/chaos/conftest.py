"""Options of the proofs whose lines stand on the page on reliability."""

from __future__ import annotations

import pytest

from options import option_group, pytest_configure, pytest_terminal_summary, report

__all__ = ["pytest_addoption", "pytest_configure", "pytest_terminal_summary", "report"]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = option_group(parser)
    group.addoption("--seeds", type=int, help="How often each kind of fault meets each server (50).")
    group.addoption("--cancels", type=int, help="How many queries of each server are left (500).")
    group.addoption("--gigabytes", type=float, help="Size of the answer to a slow client (2).")
    group.addoption("--kills", type=int, help="How many processes of each sort are killed (10).")
