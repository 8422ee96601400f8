"""Errors on the wire: text, status and source for Grafana; the whole error for Headwater."""

from __future__ import annotations

import json
from typing import Protocol

import grpc
from google.protobuf.message import DecodeError

from headwater.errors import (
    DeadlineExceededError,
    DownstreamError,
    ErrorSource,
    HeadwaterError,
    HostExhaustedError,
    LimitExceededError,
    MethodNotImplementedError,
    PluginNotRegisteredError,
    PluginRequestCanceledError,
    PluginRequestFailedError,
    PluginResourceExhaustedError,
    PluginUnavailableError,
    QueryError,
    ValidationError,
)
from headwater.plugins import from_data, to_data

from .rpc_status_pb2 import ErrorInfo, Status

NATIVE_ERROR = "headwater-error-bin"
DETAILS = "grpc-status-details-bin"

_CODES: tuple[tuple[type[HeadwaterError], grpc.StatusCode], ...] = (
    (PluginRequestCanceledError, grpc.StatusCode.CANCELLED),
    (DeadlineExceededError, grpc.StatusCode.DEADLINE_EXCEEDED),
    (MethodNotImplementedError, grpc.StatusCode.UNIMPLEMENTED),
    (PluginNotRegisteredError, grpc.StatusCode.NOT_FOUND),
    (ValidationError, grpc.StatusCode.INVALID_ARGUMENT),
    (QueryError, grpc.StatusCode.INVALID_ARGUMENT),
    (LimitExceededError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (HostExhaustedError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (PluginResourceExhaustedError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (PluginUnavailableError, grpc.StatusCode.FAILED_PRECONDITION),
)


class Outcome(Protocol):
    """What DataResponse and QueryChunkedDataResponse have in common."""

    error: str
    error_source: str
    status: int
    native_error: bytes


class RemoteError(Exception):
    """The cause of an error in a plugin's process: the type and text of an exception there."""


def write_outcome(message: Outcome, error: HeadwaterError, *, native: bool) -> None:
    """Put `error` into an answer."""
    message.error = str(error)
    message.error_source = error.source.wire
    message.status = error.status
    if native:
        message.native_error = error_bytes(error)


def read_outcome(message: Outcome) -> HeadwaterError | None:
    """The error of an answer, None if it has none."""
    if message.native_error:
        return error_from(message.native_error)
    if not message.error:
        return None
    status = message.status if 400 <= message.status < 600 else 500
    if message.error_source == ErrorSource.DOWNSTREAM:
        return DownstreamError(message.error, status=status)
    return PluginRequestFailedError(message.error, status=status)


def error_bytes(error: HeadwaterError) -> bytes:
    """`error` and, in words, its cause."""
    cause = error.__cause__
    described = {"error": to_data(error)}
    if cause is not None:
        described["cause"] = f"{type(cause).__module__}.{type(cause).__qualname__}: {cause}"
    return json.dumps(described).encode()


def error_from(data: bytes) -> HeadwaterError:
    """What `error_bytes` wrote."""
    try:
        described = json.loads(data)
        error = from_data(described["error"], HeadwaterError)
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as fault:
        failed = PluginRequestFailedError("The plugin's process sent an error that cannot be read.")
        failed.__cause__ = fault
        return failed
    if "cause" in described:
        error.__cause__ = RemoteError(described["cause"])
    return error


def abort(rpc: grpc.ServicerContext, error: HeadwaterError, *, native: bool) -> None:
    """End a call with `error`. Raises, as gRPC's own `abort` does."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.UNKNOWN)
    details = Status(code=code.value[0], message=str(error))
    details.details.add().Pack(ErrorInfo(reason="error", metadata={"errorSource": error.source.wire}))
    trailer: list[tuple[str, str | bytes]] = [(DETAILS, details.SerializeToString())]
    if native:
        trailer.append((NATIVE_ERROR, error_bytes(error)))
    rpc.set_trailing_metadata(tuple(trailer))
    rpc.abort(code, str(error))


def source_of(details: bytes) -> str:
    """The error source in a call's status details; empty if they name none, or cannot be read."""
    try:
        for each in Status.FromString(details).details:
            info = ErrorInfo()
            if each.Unpack(info) and "errorSource" in info.metadata:
                return info.metadata["errorSource"]
    except DecodeError:
        pass
    return ""
