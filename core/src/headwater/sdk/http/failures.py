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
    if any(map(_breaks_http, _causes(error))):
        return DownstreamProtocolError(f"{origin} does not answer in HTTP.")
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
        case _:
            return DownstreamConnectionError(f"The connection to {origin} failed.")


def _breaks_http(cause: BaseException) -> bool:
    """Not so an answer that ends too early."""
    if isinstance(cause, u.InvalidChunkLength | u.InvalidHeader):
        return True
    ended = isinstance(cause, ConnectionError | http.client.IncompleteRead)
    return isinstance(cause, http.client.HTTPException) and not ended


def _tls_reason(error: BaseException) -> str:
    """OpenSSL's short reason, such as `certificate verify failed: self-signed certificate`."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"certificate verify failed: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError) and cause.reason:
            return cause.reason.replace("_", " ").lower()
    return "handshake failed"


def _causes(error: BaseException) -> list[BaseException]:
    """`error` and those it was raised from, or with, as urllib3 has them in its arguments."""
    found: list[BaseException] = []
    pending: list[BaseException] = [error]
    while pending:
        current = pending.pop()
        if current not in found:
            found.append(current)
            pending += [arg for arg in current.args if isinstance(arg, BaseException)]
            pending += [cause for cause in (current.__cause__,) if cause is not None]
    return found
