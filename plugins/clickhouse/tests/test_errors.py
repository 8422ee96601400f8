"""ClickHouse's exception texts become typed errors that keep code and name."""

from __future__ import annotations

import pytest

from headwater.errors import (
    DownstreamAuthError,
    DownstreamServerError,
    DownstreamTimeoutError,
    ErrorSource,
    HeadwaterError,
    LimitExceededError,
    QueryError,
)
from headwater_clickhouse.errors import ClickHouseError, server_error

CLOUD_ADVICE = "\n\nIf you use ClickHouse Cloud, the password can be reset at …\n\n."
CASES = {
    "with a version": (
        "Code: 60. DB::Exception: Unknown table 't'. (UNKNOWN_TABLE) (version 26.7.2.1)",
        (QueryError, 60, "UNKNOWN_TABLE"),
        "ClickHouse: Unknown table 't'. [UNKNOWN_TABLE (code 60)]",
    ),
    "with advice for another product": (
        f"Code: 516. DB::Exception: bob: Authentication failed{CLOUD_ADVICE} (AUTHENTICATION_FAILED)\n",
        (DownstreamAuthError, 516, "AUTHENTICATION_FAILED"),
        "ClickHouse: bob: Authentication failed. [AUTHENTICATION_FAILED (code 516)]",
    ),
    "with brackets in the version": (
        "Code: 241. DB::Exception: (total) exceeded. (MEMORY_LIMIT_EXCEEDED) (version 25.1.1 (official))",
        (LimitExceededError, 241, "MEMORY_LIMIT_EXCEEDED"),
        "ClickHouse: (total) exceeded. [MEMORY_LIMIT_EXCEEDED (code 241)]",
    ),
    "a server's time limit": (
        "Code: 159. DB::Exception: Timeout exceeded. (TIMEOUT_EXCEEDED)",
        (DownstreamTimeoutError, 159, "TIMEOUT_EXCEEDED"),
        "ClickHouse: Timeout exceeded. [TIMEOUT_EXCEEDED (code 159)]",
    ),
    "nested": (
        "Code: 62. DB::Exception: Code: 62. DB::Exception: No. (SYNTAX_ERROR) (version 26.9). (SYNTAX_ERROR)",
        (QueryError, 62, "SYNTAX_ERROR"),
        "ClickHouse: No. [SYNTAX_ERROR (code 62)]",
    ),
    "of an old server": (
        "Code: 73, e.displayText() = DB::Exception: Unknown format ArrowStream, e.what() = DB::Exception",
        (QueryError, 73, None),
        "ClickHouse: Unknown format ArrowStream. [(code 73)]",
    ),
    "with a stack trace": (
        "Code: 1001. DB::Exception: boom, Stack trace (when copying this message, always include):\n0. x",
        (DownstreamServerError, 1001, None),
        "ClickHouse: boom. [(code 1001)]",
    ),
    "something else entirely": ("oh no", (DownstreamServerError, None, None), "ClickHouse: oh no."),
}


@pytest.mark.parametrize("case", CASES)
def test_an_exception_text_is_understood(case: str) -> None:
    text, (kind, code, name), message = CASES[case]
    error = server_error(text)
    assert isinstance(error, kind)
    assert isinstance(error, ClickHouseError)
    assert (error.code, error.name, str(error)) == (code, name, message)


@pytest.mark.parametrize(
    ("code", "source", "status"),
    [
        (47, ErrorSource.CALLER, 400),
        (497, ErrorSource.DOWNSTREAM, 403),
        (516, ErrorSource.DOWNSTREAM, 401),
        (202, ErrorSource.CALLER, 429),
        (159, ErrorSource.DOWNSTREAM, 504),
        (999, ErrorSource.DOWNSTREAM, 500),
    ],
)
def test_an_error_says_whose_fault_it_is(code: int, source: ErrorSource, status: int) -> None:
    error = server_error(f"Code: {code}. DB::Exception: x. (X)")
    assert (error.source, error.status) == (source, status)


def test_only_passing_faults_are_worth_a_retry() -> None:
    def retryable(code: int) -> bool:
        error: HeadwaterError = server_error(f"Code: {code}. DB::Exception: x. (X)")
        return error.retryable

    assert [code for code in (60, 202, 241, 279, 516, 999) if retryable(code)] == [202, 279, 999]


def test_a_long_text_is_cut() -> None:
    assert len(str(server_error("Code: 62. DB::Exception: " + "x" * 100_000))) < 3000


@pytest.mark.parametrize(
    "repeated", [" ", "If you use ClickHouse Cloud,", " (AB)", "Code: 1. ", "(version (", "(version ()"]
)
def test_a_text_of_any_repetition_is_read_once(repeated: str) -> None:
    # As much as is read of an error's body; patterns that look back and forth would take minutes.
    text = "Code: 60. DB::Exception: boom" + repeated * (65_536 // len(repeated)) + "x"
    assert len(str(server_error(text))) < 3_000
