"""Words of the health check: Grafana's for everybody, details for administrators. Never a secret."""

from __future__ import annotations

from headwater.errors import DownstreamAuthError, DownstreamServerError, HeadwaterError
from headwater.sdk import CheckHealthResult
from headwater.sdk.sql import PoolState
from headwater_mysql.handshake import Session
from headwater_mysql.protocol.packets import ServerError

_NETWORK_HELP = "https://grafana.com/docs/grafana/latest/datasources/mysql/"
_ERROR_HELP = "https://dev.mysql.com/doc/mysql-errors/9.4/en/server-error-reference.html"


def describe_success(session: Session, decoder: str, pool: PoolState) -> CheckHealthResult:
    return CheckHealthResult.ok(
        "Database Connection OK",
        server="MariaDB" if session.is_mariadb else "MySQL",
        version=session.server_version,
        decoder=decoder,
        tls=session.tls_version or "none",
        openConnections=pool.open,
        idleConnections=pool.idle,
    )


def describe_failure(error: HeadwaterError) -> CheckHealthResult:
    """The public message is `error`'s own; the server's words are for administrators."""
    server_error = _server_error(error)
    if server_error is not None:
        return CheckHealthResult.failed(
            str(error),
            verboseMessage=(
                "Database error: Failed to connect to the MySQL server. "
                f"MySQL error number: {server_error.code}. Error message: {server_error.text}"
            ),
            errorDetailsLink=_ERROR_HELP,
        )
    if isinstance(error, (DownstreamAuthError, DownstreamServerError)):
        return CheckHealthResult.failed(str(error), verboseMessage=str(error), errorDetailsLink=_ERROR_HELP)
    cause = error.__cause__
    return CheckHealthResult.failed(
        str(error),
        verboseMessage=f"Network error: Failed to connect to the server. Error message: {cause or error}",
        errorDetailsLink=_NETWORK_HELP,
    )


def _server_error(error: BaseException) -> ServerError | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ServerError):
            return cause
        cause = cause.__cause__
    return None
