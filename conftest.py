"""For the tests of all distributions: a secret in any output or log is a failure."""

import pytest

pytest.register_assert_rewrite("headwater.testing.stores")

from headwater.testing.canary import pytest_runtest_makereport  # noqa: E402, F401
