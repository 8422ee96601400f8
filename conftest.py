"""For the tests of all distributions: a secret in any output or log is a failure."""

from collections.abc import Iterator

import pytest
import structlog

pytest.register_assert_rewrite("headwater.testing.stores")

from headwater.testing.canary import pytest_runtest_makereport  # noqa: E402, F401


@pytest.fixture(autouse=True)
def _structlog_as_it_was_found() -> Iterator[None]:
    """Where the core logs depends on whether structlog is configured: a test does that for itself alone."""
    yield
    structlog.reset_defaults()
