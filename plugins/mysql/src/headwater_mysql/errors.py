"""What went wrong, in words that are safe to show, with whose fault it is.

The server's own words are shown where they can hold no secret, as `error_texts` decides. Everything else is
sanitised. Whoever runs the host finds the words in its log, and as the error's cause.
"""

from __future__ import annotations

import re
import ssl
from typing import Final

from headwater.errors import (
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamProtocolError,
    DownstreamServerError,
    DownstreamTimeoutError,
    ErrorSource,
    HeadwaterError,
    HostExhaustedError,
    QueryError,
    TextPosition,
    describe,
    exhausted,
)
from headwater_mysql.error_texts import shown_text
from headwater_mysql.protocol.packets import MalformedPacketError, ServerError
from headwater_mysql.protocol.results import LocalInfileRefusedError

SEE_LOG: Final = "please inspect the host's log for details"

UNSUPPORTED_IN_PREPARED: Final = frozenset({1047, 1295, 1461})
"""Unknown command (a proxy), not supported in prepared form, no room for more prepared statements."""

_AUTHENTICATION: Final = frozenset({1044, 1045, 1251, 1524, 1698, 1820, 1862, 3118, 3955, 4151})
_CONNECTION_LIMIT: Final = frozenset({1040, 1203, 1226})
_CONNECTION_LOST: Final = frozenset({1053, 1077, 1078, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1927, 4031})
_STATEMENT_TIMEOUT: Final = frozenset({1969, 3024})
_READ_ONLY: Final = frozenset({1792, 1836})
_TIME_ZONE: Final = 1298
_RETRYABLE: Final = frozenset({1205, 1213, 1317, 1412, 1615, 3572})
_NEAR: Final = re.compile(r"near '(?P<words>.*)' at line (?P<line>\d+)", re.DOTALL)
_NOT_THE_STATEMENT: Final = _RETRYABLE | {_TIME_ZONE, 1114, 1196, 1206, 1637}
"""Shown, but not for a fault of the statement: locks, kills, what is full, and the data source's settings."""


def from_server(error: ServerError) -> HeadwaterError:
    """What an ERR packet means to the caller."""
    explained = _explain(error)
    explained.__cause__ = error
    return explained


def is_out_of_connections(error: HeadwaterError) -> bool:
    """Whether the server, its account or this host has no room for one more connection."""
    if isinstance(error, HostExhaustedError):
        return True
    return isinstance(error.__cause__, ServerError) and error.__cause__.code in _CONNECTION_LIMIT


def _explain(error: ServerError) -> HeadwaterError:
    code = error.code
    if code in _AUTHENTICATION:
        return DownstreamAuthError(f"the server refused the data source's user (MySQL error {code})")
    if code == 1049:
        return DownstreamServerError("the data source's database does not exist", code=code, name=error.state)
    if code in _CONNECTION_LIMIT:
        return DownstreamConnectionError(f"the server has too many connections (MySQL error {code})")
    if code in _CONNECTION_LOST:
        return lost_connection()
    if code in _STATEMENT_TIMEOUT:
        return DownstreamTimeoutError("the query reached the time limit that the server sets for it")
    if code in _READ_ONLY:
        return QueryError("the data source only reads; the statement would write")
    return _described(error)


def _described(error: ServerError) -> DownstreamServerError:
    """An error without a class of its own: the server's words if they may be shown, and whose fault it is."""
    code, text = error.code, shown_text(error)
    if text is None:
        words = f"query failed - {SEE_LOG} (MySQL error {code})"
    else:
        words = f"Error {code} ({error.state}): {text}"
    if code == _TIME_ZONE:
        words += " - give an offset such as +01:00, or load the server's time zone tables"
    if text is None or code in _NOT_THE_STATEMENT:
        return DownstreamServerError(
            f"db query error: {words}", code=code, name=error.state, retryable=code in _RETRYABLE
        )
    return DownstreamServerError(
        f"db query error: {words}", code=code, name=error.state, status=400, source=ErrorSource.CALLER
    )


def locate(error: HeadwaterError, sent: str) -> TextPosition | None:
    """Where in the statement the server found the fault: it tells the line, and the words that follow it."""
    found = _NEAR.search(str(error))
    if found is None:
        return None
    line = int(found["line"])
    words, lines = found["words"].split("\n")[0], sent.split("\n")
    if not 0 < line <= len(lines):
        return None
    column = lines[line - 1].find(words) if words else -1
    is_certain = column >= 0 and lines[line - 1].find(words, column + 1) < 0
    return TextPosition(line, column + 1 if is_certain else None)


def from_failure(error: Exception) -> HeadwaterError:
    """What a failure of an open connection means. Errors that are already ours pass through."""
    match error:
        case HeadwaterError():
            return error
        case ServerError():
            return from_server(error)
        case MalformedPacketError():
            explained: HeadwaterError = DownstreamProtocolError(f"the server's answer is malformed: {error}")
        case TimeoutError():
            explained = DownstreamTimeoutError("the server did not answer in time")
        case LocalInfileRefusedError():
            explained = DownstreamProtocolError("the server asked for a local file, which it never gets")
        case OSError():
            explained = lost_connection()
        case _:
            return describe(error)
    explained.__cause__ = error
    return explained


def from_connecting(error: Exception, seconds: float) -> HeadwaterError:
    """What a failed attempt to connect means. `seconds`: how long it was allowed to take."""
    if (missing := exhausted(error)) is not None:
        return missing
    match error:
        case HeadwaterError():
            return error
        case ServerError():
            return from_server(error)
        case TimeoutError():
            explained: HeadwaterError = DownstreamTimeoutError(
                f"failed to connect to server - no answer within {seconds:g} s"
            )
        case ssl.SSLCertVerificationError():
            explained = DownstreamConnectionError(
                f"failed to connect to server - its TLS certificate is not accepted: {error.verify_message}",
                retryable=False,
            )
        case ssl.SSLError():
            explained = DownstreamConnectionError(
                "failed to connect to server - no TLS connection could be made", retryable=False
            )
        case MalformedPacketError():
            explained = DownstreamProtocolError(
                f"failed to connect to server - its answer is malformed: {error}"
            )
        case ConnectionRefusedError():
            explained = DownstreamConnectionError("failed to connect to server - connection refused")
        case OSError():
            explained = DownstreamConnectionError(f"failed to connect to server - {SEE_LOG}")
        case _:
            explained = DownstreamProtocolError(f"failed to connect to server - {SEE_LOG}")
    explained.__cause__ = error
    return explained


def lost_connection() -> DownstreamConnectionError:
    return DownstreamConnectionError("the connection to the server was lost during the query")
