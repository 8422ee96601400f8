"""Fixtures for the tests of an application: `pytest_plugins = ["headwater.testing.fixtures"]` in conftest.py.

Not an entry point of pytest: that would load Headwater in every run of pytest where it is installed. Types
may be imported from here beside that, because no assertion needs to be rewritten: PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from headwater.host import Headwater

from . import fakes
from .fakes import Answers, FakeSource

__all__ = ["AddFakeSource"]


class AddFakeSource(Protocol):
    """Adds the fake data source `name` to the fixture `headwater`; see `headwater.testing.fake_source`."""

    def __call__(self, name: str, answers: Answers, *, text_key: str = "rawSql") -> FakeSource: ...


@pytest.fixture
def headwater() -> Iterator[Headwater]:
    """A host with nothing in it: no data source, and none of the installed plugins.

    Override it to give a test a host of the application's own; `fake_source` uses that one then.
    """
    with Headwater(block_plugins={"*"}) as host:
        yield host


@pytest.fixture
def fake_source(headwater: Headwater) -> AddFakeSource:
    """`fake_source("shop", {"SELECT 1": [{"n": 1}]})`: a data source with answers of the test's own."""

    def add(name: str, answers: Answers, *, text_key: str = "rawSql") -> FakeSource:
        return fakes.fake_source(headwater, name, answers, text_key=text_key)

    return add
