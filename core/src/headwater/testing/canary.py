"""Fails a test whose output or log shows a canary: a made-up secret such as `canary-4f1c9e`.

Tests that give a plugin or a host a secret use such a value. This hook, imported into a `conftest.py`, then
watches everything that any test prints or logs, in plain text or in base64:

```python
from headwater.testing.canary import pytest_runtest_makereport
```
"""

from __future__ import annotations

import base64
import re
from collections.abc import Generator

import pytest

__all__ = ["find_canary", "pytest_runtest_makereport"]

_NAME = b"canary-"


def _spellings() -> Generator[str]:
    """The name itself, and the characters of its base64 that do not depend on its neighbours."""
    yield re.escape(_NAME.decode()) + "[0-9a-f]{6,}"
    for offset, first in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * offset + _NAME).decode().rstrip("=")
        yield re.escape(encoded[first:-1])


_CANARY = re.compile("|".join(_spellings()))


def find_canary(text: str) -> str | None:
    """The first canary in `text`, with some text around it."""
    match = _CANARY.search(text)
    return text[max(0, match.start() - 40) : match.end() + 40] if match else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    shown = find_canary("\n".join(content for _, content in report.sections))
    if shown is not None and report.passed and report.when == "call":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} shows a secret in its output or log: ...{shown}..."
    return report
