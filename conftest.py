"""For the tests of all distributions: a secret in any output or log is a failure."""

from collections import Counter
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

pytest.register_assert_rewrite("headwater.testing.stores")

from headwater.testing.canary import pytest_runtest_makereport  # noqa: E402, F401

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "untimed",
    hypothesis.settings(),  # what Hypothesis chose, such as fixed seeds in CI
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _structlog_as_it_was_found() -> Iterator[None]:
    """Where the core logs depends on whether structlog is configured: a test does that for itself alone."""
    yield
    structlog.reset_defaults()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line at the end for what was not tested because a server or a program could not be had."""
    wanting = Counter(
        reason.partition("server unavailable: ")[2]
        for report in terminalreporter.stats.get("skipped", [])
        if "server unavailable: " in (reason := str(report.longrepr[2]))
    )
    if wanting:
        missing = "; ".join(f"{count} tests: {reason}" for reason, count in wanting.items())
        terminalreporter.write_line(f"NOT TESTED: {missing}", red=True, bold=True)
