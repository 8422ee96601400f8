"""Every error that leaves Headwater, each saying whose fault it is.

```
HeadwaterError
├── PluginNotRegisteredError            404  host        no such plugin
├── PluginAlreadyRegisteredError        409  host        two plugins claim one id
├── PluginUnavailableError              500  plugin      installed but not usable; says why
├── MethodNotImplementedError           404  plugin      the plugin has no such hook or route
├── PluginRequestCanceledError          499  caller      the caller went away
│   └── QueryCanceledError
├── PluginRequestFailedError            500  plugin      a bug in the plugin; cause attached
├── PluginResourceExhaustedError        500  downstream  more than the plugin's process can take
├── PluginHealthCheckError              500  downstream  the health check itself could not run
├── DataSourceNotFoundError             404  caller
├── DataSourceExistsError               409  caller      name or uid taken
├── DataSourceReadOnlyError             403  caller      provisioned from a file
├── DataSourceVersionConflictError      409  caller      edited by someone else meanwhile
├── ReadTaskError                       409  caller      a read task that fits this host no more
├── NamedQueryNotFoundError             404  caller
├── NamedQueryExistsError               409  caller      id taken
├── NamedQueryReadOnlyError             403  caller      provisioned from a file
├── NamedQueryVersionConflictError      409  caller      edited by someone else meanwhile
├── NamedQueryFailedError               502  downstream  to those who may run it and not read it
├── SecretUnavailableError              500  host        a stored secret cannot be opened
├── EncryptionKeyError                  500  host        a key is missing, wrong, badly protected or in use
├── StoreError                          500  host        the data-source store failed
│   └── StoreLockedError                503  host        retryable
├── HostExhaustedError                  503  host        retryable
├── ValidationError                     400  caller      malformed input; `path` names the field
├── QueryError                          400  caller      the query is wrong
│   ├── QueryRequestError                           the request around the queries is wrong
│   └── MacroError
├── FrameError                          400  plugin      a frame that cannot be encoded, decoded or reshaped
├── LimitExceededError                  422  caller      rows, bytes or concurrency
├── DeadlineExceededError               504  downstream  the query ran out of time
└── DownstreamError                     502  downstream
    ├── DownstreamConnectionError       502  downstream  retryable
    ├── DownstreamAuthError             401  downstream
    ├── DownstreamTimeoutError          504  downstream  retryable
    ├── DownstreamServerError           500  downstream  the server's own error (`code`, `name`)
    └── DownstreamProtocolError         502  downstream  the answer makes no sense
```

`str(error)` is shown to clients: it never holds a secret, a DSN or a stack. The driver's own exception
stays reachable as `__cause__`. Message ids and statuses follow Grafana's plugin errors where it has one.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Self

import attrs


class ErrorSource(StrEnum):
    """Whose fault an error is."""

    PLUGIN = "plugin"
    DOWNSTREAM = "downstream"
    CALLER = "caller"
    HOST = "host"

    @property
    def wire(self) -> str:
        """Grafana's spelling, which knows only `plugin` and `downstream`.

        A caller's mistake counts as `downstream` there: nobody who maintains the plugin can mend it.
        """
        return "downstream" if self in (ErrorSource.DOWNSTREAM, ErrorSource.CALLER) else "plugin"

    @classmethod
    def from_http_status(cls, status: int) -> ErrorSource:
        """Blame for an HTTP answer of `status`: statuses that a wrong request causes are the plugin's."""
        plugin_statuses = {405, 406, 412, 413, 414, 416, 417, 426, 431, 501}
        return cls.PLUGIN if status in plugin_statuses else cls.DOWNSTREAM


@attrs.frozen
class TextPosition:
    """A place in the text of a query. Lines and columns, of characters, count from 1; no column: the line."""

    line: int
    column: int | None = None


class HeadwaterError(Exception):
    """Base of all errors. `message` is public; the class gives defaults that an instance may override.

    `position` is where in the query, as its caller wrote it, the fault is, if the data source tells.
    """

    message_id: str = "headwater.error"
    status: int = 500
    source: ErrorSource = ErrorSource.HOST
    retryable: bool = False
    position: TextPosition | None = None

    def __init__(
        self,
        message: str,
        *,
        source: ErrorSource | None = None,
        status: int | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if source is not None:
            self.source = source
        if status is not None:
            self.status = status
        if retryable is not None:
            self.retryable = retryable

    def fresh(self) -> Self:
        """The same error without a traceback, cause kept: one error may be raised in several threads."""
        again: Self = _restore(type(self), self.args, self.__dict__)
        again.__cause__ = self.__cause__
        return again

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with `args`, which not every subclass takes.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[HeadwaterError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class PluginNotRegisteredError(HeadwaterError):
    message_id = "plugin.notRegistered"
    status = 404


class PluginAlreadyRegisteredError(HeadwaterError):
    message_id = "plugin.alreadyRegistered"
    status = 409


class PluginUnavailableError(HeadwaterError):
    message_id = "plugin.unavailable"
    source = ErrorSource.PLUGIN


class MethodNotImplementedError(HeadwaterError):
    message_id = "plugin.notImplemented"
    status = 404
    source = ErrorSource.PLUGIN


class PluginRequestCanceledError(HeadwaterError):
    message_id = "plugin.requestCanceled"
    status = 499
    source = ErrorSource.CALLER


class QueryCanceledError(PluginRequestCanceledError):
    """A query was cancelled by its caller and the data source has been told."""


class PluginRequestFailedError(HeadwaterError):
    message_id = "plugin.requestFailureError"
    source = ErrorSource.PLUGIN


class PluginResourceExhaustedError(HeadwaterError):
    """What was asked is more than the process of the plugin can take or answer."""

    message_id = "plugin.resourceExhausted"
    source = ErrorSource.DOWNSTREAM


class PluginHealthCheckError(HeadwaterError):
    message_id = "plugin.healthCheck"
    source = ErrorSource.DOWNSTREAM


class DataSourceNotFoundError(HeadwaterError):
    message_id = "datasource.notFound"
    status = 404
    source = ErrorSource.CALLER


class DataSourceExistsError(HeadwaterError):
    message_id = "datasource.exists"
    status = 409
    source = ErrorSource.CALLER


class DataSourceReadOnlyError(HeadwaterError):
    message_id = "datasource.readOnly"
    status = 403
    source = ErrorSource.CALLER


class DataSourceVersionConflictError(HeadwaterError):
    message_id = "datasource.versionConflict"
    status = 409
    source = ErrorSource.CALLER


class ReadTaskError(HeadwaterError):
    """The reader's data source, schema or version is another than the task was planned with. Plan anew."""

    message_id = "readTask.outdated"
    status = 409
    source = ErrorSource.CALLER


class NamedQueryNotFoundError(HeadwaterError):
    message_id = "namedQuery.notFound"
    status = 404
    source = ErrorSource.CALLER


class NamedQueryExistsError(HeadwaterError):
    message_id = "namedQuery.exists"
    status = 409
    source = ErrorSource.CALLER


class NamedQueryReadOnlyError(HeadwaterError):
    message_id = "namedQuery.readOnly"
    status = 403
    source = ErrorSource.CALLER


class NamedQueryVersionConflictError(HeadwaterError):
    message_id = "namedQuery.versionConflict"
    status = 409
    source = ErrorSource.CALLER


class NamedQueryFailedError(HeadwaterError):
    """A run failed; the text of its error is kept from those who may run the query and not read it."""

    message_id = "namedQuery.failed"
    status = 502
    source = ErrorSource.DOWNSTREAM


class SecretUnavailableError(HeadwaterError):
    """A stored secret cannot be opened. Names the field, its state and the key id, never bytes."""

    message_id = "secret.unavailable"


class EncryptionKeyError(HeadwaterError):
    """A key-encryption key is missing, wrong, badly protected, or still in use. Names its id, never bytes."""

    message_id = "key.invalid"


class StoreError(HeadwaterError):
    message_id = "store.failed"


class StoreLockedError(StoreError):
    message_id = "store.locked"
    status = 503
    retryable = True


class HostExhaustedError(HeadwaterError):
    """The machine or the process of the host has none left of something that the call needs."""

    message_id = "host.exhausted"
    status = 503
    retryable = True


class ValidationError(HeadwaterError):
    """Malformed input. `path` is the dotted place of the fault, such as `jsonData.maxOpenConns`."""

    message_id = "request.invalid"
    status = 400
    source = ErrorSource.CALLER

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.reason = message


class QueryError(HeadwaterError):
    message_id = "query.invalid"
    status = 400
    source = ErrorSource.CALLER


class QueryRequestError(QueryError):
    """A request for queries that cannot be taken; `message_id` is the wire's name of the fault."""

    def __init__(self, message: str, message_id: str) -> None:
        super().__init__(message)
        self.message_id = message_id


class MacroError(QueryError):
    message_id = "query.macro"


class FrameError(HeadwaterError):
    message_id = "frame.invalid"
    status = 400
    source = ErrorSource.PLUGIN


class LimitExceededError(HeadwaterError):
    message_id = "query.limitExceeded"
    status = 422
    source = ErrorSource.CALLER


class DeadlineExceededError(HeadwaterError):
    message_id = "query.deadlineExceeded"
    status = 504
    source = ErrorSource.DOWNSTREAM


class DownstreamError(HeadwaterError):
    """The data source, or the way to it, failed."""

    message_id = "downstream.error"
    status = 502
    source = ErrorSource.DOWNSTREAM


class DownstreamConnectionError(DownstreamError):
    message_id = "downstream.connection"
    retryable = True


class DownstreamAuthError(DownstreamError):
    message_id = "downstream.auth"
    status = 401


class DownstreamTimeoutError(DownstreamError):
    message_id = "downstream.timeout"
    status = 504
    retryable = True


class DownstreamServerError(DownstreamError):
    """The server answered with an error of its own: `code` and `name` are the server's, if it gives them."""

    message_id = "downstream.server"
    status = 500

    def __init__(
        self,
        message: str,
        *,
        code: int | str | None = None,
        name: str | None = None,
        status: int | None = None,
        source: ErrorSource | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message, status=status, source=source, retryable=retryable)
        self.code = code
        self.name = name


class TruncatedResultWarning(UserWarning):
    """A collected answer is not complete: a default limit, which the caller did not set, has cut rows off."""


class DownstreamProtocolError(DownstreamError):
    message_id = "downstream.protocol"


def describe(error: BaseException) -> HeadwaterError:
    """`error` itself if it is ours, else one of ours that keeps it as its cause.

    Broken connections and timeouts are the data source's fault, and what this machine has none left of is
    the host's. Everything else counts as a bug.

    The text of a foreign exception may hold anything (a DSN, a password), so it is not repeated.
    """
    if isinstance(error, HeadwaterError):
        return error
    described: HeadwaterError
    if (missing := exhausted(error)) is not None:
        return missing
    if isinstance(error, TimeoutError):
        described = DownstreamTimeoutError("The data source did not answer in time.")
    elif isinstance(error, ConnectionError):
        described = DownstreamConnectionError("The connection to the data source failed.")
    else:
        described = PluginRequestFailedError(
            f"An error occurred within the plugin ({type(error).__name__}); see the host's log for details."
        )
    described.__cause__ = error
    return described


def exhausted(error: BaseException) -> HostExhaustedError | None:
    """What this machine has none left of, if `error` came from that: no fault of the data source."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in _EXHAUSTED:
            described = HostExhaustedError(f"The host has {_EXHAUSTED[cause.errno]}.")
            described.__cause__ = error
            return described
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, what it was raised from or while handling, and the exceptions that it carries as arguments."""
    pending, seen = [error], set[int]()
    while pending:
        cause = pending.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        others = (cause.__cause__, cause.__context__, *cause.args)
        pending += [other for other in others if isinstance(other, BaseException)]


_EXHAUSTED = {
    errno.EMFILE: "no file descriptors left; raise the limit of its process (ulimit -n)",
    errno.ENFILE: "no file descriptors left; raise the limit of its machine (fs.file-max)",
    errno.ENOBUFS: "no memory left for connections",
    errno.ENOMEM: "no memory left",
}


def restored(
    message_id: str,
    message: str,
    *,
    status: int | None = None,
    source: ErrorSource | None = None,
    retryable: bool | None = None,
    path: str = "",
) -> HeadwaterError:
    """The error of which another host tells: of the class with this message id, else of the base class.

    What is None is as the class has it; `path` is a ValidationError's.
    """
    kind = _by_message_id().get(message_id, HeadwaterError)
    given = {"message_id": message_id, "status": status, "source": source, "retryable": retryable}
    state: dict[str, Any] = {name: value for name, value in given.items() if value not in (None, "")}
    if issubclass(kind, ValidationError):
        state |= {"path": path, "reason": message.removeprefix(f"{path}: ")}
    if issubclass(kind, DownstreamServerError):
        state |= {"code": None, "name": None}
    error: HeadwaterError = _restore(kind, (message,), {"message": message, **state})
    return error


def _by_message_id() -> dict[str, type[HeadwaterError]]:
    """The class that each message id is of; of several with one id, the one that the others are made from."""
    found: dict[str, type[HeadwaterError]] = {}
    waiting = [HeadwaterError]
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.message_id, kind)
        waiting += kind.__subclasses__()
    return found
