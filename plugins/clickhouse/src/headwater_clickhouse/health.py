"""The health check: can a query run, and if not, what kind of fault is it."""

from __future__ import annotations

from headwater.calls import CallContext
from headwater.errors import (
    DeadlineExceededError,
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamTimeoutError,
    HeadwaterError,
    PluginUnavailableError,
    ValidationError,
)
from headwater.models import CheckHealthResult

from .engine import Engine, Statement, only_row
from .errors import ClickHouseError

_VERSION = "SELECT version() AS version"
_SESSION = "SELECT currentUser() AS user, currentDatabase() AS database, timezone() AS tz"
#: The first release that answers `FORMAT ArrowStream`.
_FIRST_WITH_ARROW = (20, 4)


def check_health(engine: Engine, context: CallContext) -> CheckHealthResult:
    """OK with version, user and database; or ERROR with one of the categories of `category`."""
    try:
        # Alone and first: the rest is not known to old servers, of which the version tells.
        (version,) = only_row(engine.rows(Statement(_VERSION), context), "version")
        if is_too_old(version):
            return CheckHealthResult.failed(too_old(version), category="server", version=version)
        user, database, zone = only_row(engine.rows(Statement(_SESSION), context), "user", "database", "tz")
    except HeadwaterError as error:
        context.check()
        return failed(error)
    return CheckHealthResult.ok(
        "Data source is working",
        version=version,
        engine=engine.kind,
        user=user,
        database=database,
        timeZone=zone,
        **engine.health_details(),
    )


def failed(error: HeadwaterError) -> CheckHealthResult:
    kind = category(error)
    details = {"category": kind}
    if isinstance(error, ClickHouseError):
        details |= {"code": str(error.code), "name": error.name or ""}
    return CheckHealthResult.failed(f"[{kind}] {error}", **details)


def category(error: HeadwaterError) -> str:
    """One of auth, network, tls, timeout, config, server, unknown."""
    if isinstance(error, DownstreamAuthError) or (isinstance(error, ClickHouseError) and error.code == 164):
        return "auth"
    if isinstance(error, DownstreamTimeoutError | DeadlineExceededError):
        return "timeout"
    if isinstance(error, DownstreamConnectionError):
        return "tls" if str(error).startswith("TLS ") else "network"
    if isinstance(error, ValidationError | PluginUnavailableError):
        return "config"
    return "server" if isinstance(error, ClickHouseError) else "unknown"


def is_too_old(version: str) -> bool:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return bool(numbers) and numbers < _FIRST_WITH_ARROW


def too_old(version: str) -> str:
    return (
        f"ClickHouse {version} is too old: it cannot answer in Arrow. "
        f"Use {'.'.join(map(str, _FIRST_WITH_ARROW))} or newer."
    )
