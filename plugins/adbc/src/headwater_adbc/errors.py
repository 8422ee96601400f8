"""What a driver's error means: whose fault it is, in words that are safe to show."""

from __future__ import annotations

import re
from typing import Final

import adbc_driver_manager as adbc

from headwater.errors import (
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamServerError,
    DownstreamTimeoutError,
    ErrorSource,
    HeadwaterError,
    QueryError,
    TextPosition,
    describe,
)
from headwater.sdk import at_offset

Status = adbc.AdbcStatusCode

_AUTHENTICATION: Final = frozenset({Status.UNAUTHENTICATED, Status.UNAUTHORIZED})
_OF_THE_STATEMENT: Final = frozenset(
    {Status.NOT_FOUND, Status.ALREADY_EXISTS, Status.INVALID_ARGUMENT, Status.INVALID_DATA, Status.INTEGRITY}
)
_NO_DATABASE: Final = re.compile(r'FATAL: +database ".*" does not exist')
_REFUSED: Final = re.compile(r'authentication|no pg_hba.conf entry|FATAL: +role ".*" does not exist')
_OTHER_FILE: Final = re.compile(r"not a valid DuckDB database file|sqlite_scanner")
_NO_DATABASE_FILE: Final = "the data source's file is no database of its kind"
_NEVER_CONNECTED: Final = re.compile(r"Error while dialing|handshake failed|server preface")
"""What Flight SQL's driver says of a connection when it is first used."""
_FULL: Final = re.compile(r"too many (?:clients|connections)|remaining connection slots")
_AROUND: Final = re.compile(
    r"^[A-Z_]+: |\[(?:libpq|SQLite|FlightSQL)\] |Failed to (?:prepare|execute|step) query: "
    r"|\s*\bquery(?: was)?: .*"
    r"|(?:\. Detail: [^()]*)? \(\w+; (?:Execute|DoGet|Prepare)[^()]*\)(?:\. Vendor code: \d+)?$",
    re.IGNORECASE | re.DOTALL,
)
_VALUE: Final = re.compile(r"ReadRecord failed at row \d+: (?:\[\w+\] )?(?P<why>.*)", re.DOTALL)
_PARAMETERS: Final = re.compile(r"parameter count mismatch: .*|Can't map Arrow type .*")
_AT_A_STEP: Final = "Failed to step query"
"""What SQLite says of a statement while it runs, always with the status of a failed file or connection."""
_CARET: Final = re.compile(r"^(?P<head>LINE (?P<line>\d+): )(?P<text>.*)\n(?P<before> *)\^", re.MULTILINE)
_MOST_CHARACTERS: Final = 1024


def from_driver(error: Exception, *, connecting: bool = False) -> HeadwaterError:
    """`error` as one of ours, with the driver's as its cause.

    What a driver says of connecting may quote the settings, so it is not shown; of a statement, it is.
    """
    if isinstance(error, HeadwaterError):
        return error
    if not isinstance(error, adbc.Error):
        return describe(error)
    explained = _connecting(error) if connecting else _running(error)
    explained.__cause__ = error
    return explained


def server_words(error: adbc.Error) -> str:
    """The server's own words, without the driver's around them."""
    text = _detail(error, "PG_DIAG_MESSAGE_PRIMARY") or _AROUND.sub("", str(error))
    hint = _detail(error, "PG_DIAG_MESSAGE_HINT")
    return f"{text.strip()[:_MOST_CHARACTERS]}{f' ({hint})' if hint else ''}"


def position_of(error: BaseException | None, sent: str) -> TextPosition | None:
    """The character of which PostgreSQL tells, or what stands above the caret of who shows the line."""
    if not isinstance(error, adbc.Error):
        return None
    if (offset := _detail(error, "PG_DIAG_STATEMENT_POSITION")).isdecimal():
        return at_offset(sent, int(offset) - 1)
    if (shown := _CARET.search(str(error))) is None:
        return None
    is_cut = shown["text"].startswith("...") or shown["text"].endswith("...")
    column = len(shown["before"]) - len(shown["head"]) + 1
    return TextPosition(int(shown["line"]), None if is_cut or column < 1 else column)


def _connecting(error: adbc.Error) -> HeadwaterError:
    state, text = error.sqlstate or "", str(error).replace("authentication handshake", "TLS handshake")
    if state == "3D000" or _NO_DATABASE.search(text):
        return DownstreamServerError("the data source's database does not exist", code="3D000")
    if error.status_code in _AUTHENTICATION or state.startswith("28") or _REFUSED.search(text):
        return DownstreamAuthError("failed to connect to server - it refused the data source's user")
    if state.startswith("53") or _FULL.search(text):
        return DownstreamConnectionError("failed to connect to server - it has too many connections")
    if "timeout" in text.lower() or error.status_code == Status.TIMEOUT:
        return DownstreamTimeoutError("failed to connect to server - no answer in time")
    if "certificate" in text or "SSL" in text or "TLS handshake" in text:
        return DownstreamConnectionError(
            "failed to connect to server - no TLS connection with a trusted certificate could be made",
            retryable=False,
        )
    if _OTHER_FILE.search(text):
        return DownstreamServerError(_NO_DATABASE_FILE)
    if "database file" in text or "Cannot open file" in text:
        return DownstreamConnectionError(
            "failed to open the database's file - please inspect the host's log for details"
        )
    if "Could not set lock" in text:
        return DownstreamConnectionError(
            "failed to open the database's file - another process has it open for writing"
        )
    return DownstreamConnectionError(
        "failed to connect to server - please inspect the host's log for details"
    )


def _running(error: adbc.Error) -> HeadwaterError:
    state, status = error.sqlstate or "", error.status_code
    words = server_words(error)
    if (status == Status.UNAUTHENTICATED and not state) or _NEVER_CONNECTED.search(words):
        return _connecting(error)
    if words == "file is not a database":  # SQLite looks at it when it has to
        return DownstreamServerError(_NO_DATABASE_FILE)
    if state == "57014" or status == Status.TIMEOUT:
        return DownstreamTimeoutError("the query reached the time limit that is set for it")
    if state == "25006" or "read-only" in words.lower() or "readonly" in words.lower():
        return QueryError(f"the data source only reads; the statement would write: {words}")
    if not state and (found := _VALUE.search(str(error))):
        why = found["why"].strip()[:_MOST_CHARACTERS]
        return QueryError(f"the database's driver cannot read a value: {why}; cast its column to text")
    if not state and (found := _PARAMETERS.search(str(error))):
        return QueryError(f"the values in params do not fit the statement: {found[0][:_MOST_CHARACTERS]}")
    if state.startswith(("57P", "08")) or (
        status == Status.IO and not state and _AT_A_STEP not in str(error)
    ):
        return DownstreamConnectionError("the connection to the server was lost during the query")
    if status in _AUTHENTICATION or state == "42501":
        return DownstreamServerError(
            f"db query error: {words}", code=state or None, status=403, source=ErrorSource.CALLER
        )
    if status == Status.NOT_IMPLEMENTED and not state:
        return QueryError(f"the database's driver cannot do this: {words}")
    if state[:2] in {"53", "54", "55", "40", "58", "XX"}:
        return DownstreamServerError(f"db query error: {words}", code=state, retryable=state.startswith("40"))
    if words == "database is locked":  # of SQLite, by somebody who writes
        return DownstreamServerError(f"db query error: {words}", retryable=True)
    if state or status in _OF_THE_STATEMENT:
        return DownstreamServerError(
            f"db query error: {words}", code=state or None, status=400, source=ErrorSource.CALLER
        )
    return DownstreamServerError(f"db query error: {words}")


def _detail(error: adbc.Error, key: str) -> str:
    found = next((value for name, value in error.details or () if name in (key, key.encode())), b"")
    return found.decode("utf-8", "replace")
