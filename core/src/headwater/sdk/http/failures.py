"""Every way an HTTP exchange fails, as the error of ours that says whose fault it is."""

from __future__ import annotations

import http.client
import ssl

import urllib3.exceptions as u

from headwater.calls.context import CallContext
from headwater.errors import (
    DownstreamConnectionError,
    DownstreamProtocolError,
    DownstreamTimeoutError,
    HeadwaterError,
    ValidationError,
    exhausted,
)

TRANSPORT_ERRORS = (u.HTTPError, OSError, http.client.HTTPException)


def translate(error: Exception, origin: str, context: CallContext | None) -> HeadwaterError:
    """The typed error for `error`, which happened while talking to `origin` (`scheme://host:port`).

    A socket that the cancellation closed looks like a broken connection, so the call's own state wins.
    """
    if context is not None and (ended := context.cancel_reason) is not None:
        return ended
    if (missing := exhausted(error)) is not None:
        return missing
    match error:
        case u.NameResolutionError():
            return DownstreamConnectionError(f"The name of {origin} cannot be resolved.")
        case u.NewConnectionError():  # a ConnectTimeoutError to urllib3
            detail = getattr(error.__cause__, "strerror", None) or "connection failed"
            return DownstreamConnectionError(f"Cannot connect to {origin}: {detail}.")
        case u.ConnectTimeoutError():
            return DownstreamTimeoutError(f"{origin} did not accept a connection in time.")
        case u.ReadTimeoutError() | TimeoutError():
            return DownstreamTimeoutError(f"{origin} did not answer in time.")
        case u.ProxyError():
            return DownstreamConnectionError(f"The proxy could not reach {origin}.")
        case u.SSLError() | ssl.SSLError():
            return DownstreamConnectionError(
                f"TLS with {origin} failed: {_tls_reason(error)}.", retryable=False
            )
        case u.DecodeError():
            return DownstreamProtocolError(f"The answer of {origin} is not in the encoding it declares.")
        case u.LocationValueError():
            return ValidationError("this is not a URL", path="url")
        case u.ProtocolError() | http.client.IncompleteRead() | ConnectionError():
            return DownstreamConnectionError(f"{origin} broke off before its answer was complete.")
        case http.client.HTTPException():
            return DownstreamProtocolError(f"{origin} does not answer in HTTP.")
        case _:
            return DownstreamConnectionError(f"The connection to {origin} failed.")


def _tls_reason(error: BaseException) -> str:
    """OpenSSL's short reason, such as `certificate verify failed: self-signed certificate`."""
    pending: list[BaseException] = [error]
    while pending:
        current = pending.pop()
        if isinstance(current, ssl.SSLCertVerificationError):
            return f"certificate verify failed: {current.verify_message}"
        if isinstance(current, ssl.SSLError) and current.reason:
            return current.reason.replace("_", " ").lower()
        pending.extend(arg for arg in current.args if isinstance(arg, BaseException))
        if current.__cause__ is not None:
            pending.append(current.__cause__)
    return "handshake failed"
