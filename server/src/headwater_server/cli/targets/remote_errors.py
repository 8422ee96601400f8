"""Errors that a host wrote, as the classes they had there: exit codes do not depend on where a query ran."""

from __future__ import annotations

from typing import Any

import orjson

from headwater.errors import (
    DataSourceExistsError,
    DataSourceNotFoundError,
    DataSourceReadOnlyError,
    DataSourceVersionConflictError,
    DeadlineExceededError,
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamProtocolError,
    DownstreamServerError,
    DownstreamTimeoutError,
    EncryptionKeyError,
    ErrorSource,
    FrameError,
    HeadwaterError,
    LimitExceededError,
    MacroError,
    MethodNotImplementedError,
    PluginNotRegisteredError,
    PluginRequestCanceledError,
    PluginRequestFailedError,
    PluginUnavailableError,
    QueryError,
    SecretUnavailableError,
    StoreError,
    StoreLockedError,
    ValidationError,
)

_KINDS: tuple[type[HeadwaterError], ...] = (
    DataSourceExistsError, DataSourceNotFoundError, DataSourceReadOnlyError, DataSourceVersionConflictError,
    DeadlineExceededError, DownstreamAuthError, DownstreamConnectionError, DownstreamProtocolError,
    DownstreamServerError, DownstreamTimeoutError, EncryptionKeyError, FrameError, LimitExceededError,
    MacroError, MethodNotImplementedError, PluginNotRegisteredError, PluginRequestCanceledError,
    PluginRequestFailedError, PluginUnavailableError, QueryError, SecretUnavailableError, StoreError,
    StoreLockedError, ValidationError,
)  # fmt: skip
_BY_MESSAGE_ID = {kind.message_id: kind for kind in _KINDS} | {"request.tooMany": LimitExceededError}


def host_error(body: Any, status: int, origin: str) -> HeadwaterError:
    """The error in the JSON `body` that came with `status`."""
    if not isinstance(body, dict) or not isinstance(message := body.get("message"), str):
        return DownstreamProtocolError(f"{origin} answers with status {status}; is it a Headwater host?")
    message_id = body.get("messageId")
    if message_id == "auth.unauthorized":
        return DownstreamAuthError(
            f"{origin} does not know the token; set HEADWATER_TOKEN, or give --token-file."
        )
    if message_id == "auth.forbidden":
        return DownstreamAuthError(f"{origin} refuses: {message}", status=403)
    kind = _BY_MESSAGE_ID.get(str(message_id))
    return HeadwaterError(message, status=status) if kind is None else kind(message)


def raise_refusal(body: bytes, status: int, origin: str) -> None:
    """Raise the host's own error; what a plugin answered, whatever its status, is left to the caller."""
    if status < 400:
        return
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    if isinstance(parsed, dict) and {"messageId", "statusCode"} <= parsed.keys():
        raise host_error(parsed, status, origin)


def query_error(error: HeadwaterError) -> HeadwaterError:
    """A failed query's error. Answers to queries have Grafana's form, which keeps only status and blame."""
    message, status = str(error), error.status
    if status == LimitExceededError.status:
        return LimitExceededError(message)
    if status == PluginRequestCanceledError.status:
        return PluginRequestCanceledError(message)
    if error.source != ErrorSource.DOWNSTREAM:
        return error
    if status in (401, 403):
        return DownstreamAuthError(message, status=status)
    if status == DownstreamConnectionError.status:
        return DownstreamConnectionError(message)
    return DownstreamTimeoutError(message) if status == DownstreamTimeoutError.status else error
