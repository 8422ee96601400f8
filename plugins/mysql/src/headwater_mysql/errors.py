"""What went wrong, in words that are safe to show, with whose fault it is.

The server's own words are shown only where they repeat the caller's SQL (Grafana shows 1064, 1054 and
1146; the others here say no more than those). Everything else is sanitised: the words may hold user names,
hosts and values. Whoever runs the host finds them in its log, and as the error's cause.
Numbers: https://dev.mysql.com/doc/mysql-errors/9.4/en/server-error-reference.html
and https://mariadb.com/kb/en/mariadb-error-code-reference/.
"""

from __future__ import annotations

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
    QueryError,
)
from headwater_mysql.protocol.packets import MalformedPacketError, ServerError
from headwater_mysql.protocol.results import LocalInfileRefusedError

SEE_LOG: Final = "please inspect the host's log for details"

UNSUPPORTED_IN_PREPARED: Final = frozenset({1047, 1295, 1461})
"""Unknown command (a proxy), not supported in prepared form, no room for more prepared statements."""

_CALLERS_SQL: Final = frozenset(
    {1052, 1054, 1055, 1056, 1060, 1064, 1066, 1109, 1111, 1140, 1146, 1222, 1248, 1305, 1318, 1582, 1630}
)
_AUTHENTICATION: Final = frozenset({1044, 1045, 1251, 1524, 1698, 1820, 1862, 3118, 3955, 4151})
_CONNECTION_LIMIT: Final = frozenset({1040, 1203, 1226})
_CONNECTION_LOST: Final = frozenset({1053, 1077, 1078, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1927, 4031})
_STATEMENT_TIMEOUT: Final = frozenset({1969, 3024})
_READ_ONLY: Final = frozenset({1290, 1792, 1836})
_RETRYABLE: Final = frozenset({1205, 1213, 1317})


def from_server(error: ServerError) -> HeadwaterError:
    """What an ERR packet means to the caller."""
    explained = _explain(error)
    explained.__cause__ = error
    return explained


def _explain(error: ServerError) -> HeadwaterError:
    code = error.code
    if code in _CALLERS_SQL:
        return DownstreamServerError(
            f"db query error: Error {code} ({error.state}): {error.text}",
            code=code, name=error.state, status=400, source=ErrorSource.CALLER,
        )  # fmt: skip
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
    return DownstreamServerError(
        f"db query error: query failed - {SEE_LOG} (MySQL error {code})",
        code=code, name=error.state, retryable=code in _RETRYABLE,
    )  # fmt: skip


def from_failure(error: Exception) -> HeadwaterError:
    """What a failure of an open connection means. Errors that are already ours pass through."""
    match error:
        case HeadwaterError():
            return error
        case ServerError():
            return from_server(error)
        case MalformedPacketError():
            explained: HeadwaterError = DownstreamProtocolError(f"the server's answer is malformed: {error}")
        case LocalInfileRefusedError():
            explained = DownstreamProtocolError("the server asked for a local file, which it never gets")
        case _:
            explained = lost_connection()
    explained.__cause__ = error
    return explained


def from_connecting(error: Exception, seconds: float) -> HeadwaterError:
    """What a failed attempt to connect means. `seconds`: how long it was allowed to take."""
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
