"""The watch over the whole suite notices what it is there for."""

from __future__ import annotations

import base64

import pytest

from headwater.testing.canary import find_canary

pytest_plugins = "pytester"

CANARY = "canary-" + "0badc0de"

LEAKS = {
    "print": f"print('password={CANARY}')",
    "stderr": f"import sys; print('{CANARY}', file=sys.stderr)",
    "log": f"import logging; logging.getLogger('x').warning('%s', '{CANARY}')",
    "base64": f"import base64; print(base64.b64encode(b'user:{CANARY}'))",
    "traceback": f"""
    import logging
    try:
        raise ValueError('{CANARY}')
    except ValueError:
        logging.exception('x')
    """,
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_test_that_shows_a_canary_fails(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str], leak: str
) -> None:
    pytester.makeconftest("from headwater.testing.canary import pytest_runtest_makereport")
    pytester.makepyfile(f"def test_leaks():\n    {leak}\ndef test_does_not():\n    print('nothing')")

    # In a process of its own where it logs, because logs are not kept apart within one.
    run = pytester.runpytest_subprocess if "logging" in leak else pytester.runpytest_inprocess
    result = run("-p", "no:cacheprovider")

    capsys.readouterr()  # what the inner run printed, which this test's own watch would find
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*test_leaks shows a secret in its output or log*"])


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
def test_a_canary_is_found_in_base64_at_any_offset(before: str) -> None:
    assert find_canary(base64.b64encode(f"{before}{CANARY}".encode()).decode())
    assert find_canary(base64.b64encode(before.encode() * 20).decode()) is None


def test_talk_about_canaries_is_no_canary() -> None:
    assert find_canary("a canary in a coal mine, canary-bird, canary-test") is None
