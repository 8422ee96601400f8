"""For every test of the workspace."""

import pytest

# Before any test imports them: what the kit asserts is then explained as in a test.
pytest.register_assert_rewrite("headwater.testing", "servers")
