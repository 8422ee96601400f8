"""From errors to a sentence and an exit code."""

from __future__ import annotations

import os
import traceback

import click

from headwater.errors import (
    DataSourceExistsError,
    DataSourceNotFoundError,
    DataSourceReadOnlyError,
    DataSourceVersionConflictError,
    DeadlineExceededError,
    DownstreamAuthError,
    DownstreamConnectionError,
    DownstreamTimeoutError,
    EncryptionKeyError,
    HeadwaterError,
    LimitExceededError,
    NamedQueryExistsError,
    NamedQueryNotFoundError,
    NamedQueryReadOnlyError,
    NamedQueryVersionConflictError,
    PluginNotRegisteredError,
    PluginRequestCanceledError,
    PluginRequestFailedError,
    PluginResourceExhaustedError,
    SecretUnavailableError,
    StoreError,
    StoreLockedError,
    ValidationError,
)

OK, QUERY, USAGE, SECRET, CONNECTION, LIMIT, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
READER_GONE = 141
"""What shells report of a process that SIGPIPE ended."""

_CODES: tuple[tuple[tuple[type[BaseException], ...], int], ...] = (
    ((KeyboardInterrupt, click.Abort, PluginRequestCanceledError), INTERRUPTED),
    ((SecretUnavailableError, EncryptionKeyError, DownstreamAuthError), SECRET),
    ((DownstreamConnectionError, DownstreamTimeoutError, StoreError), CONNECTION),
    ((LimitExceededError, DeadlineExceededError, PluginResourceExhaustedError), LIMIT),
    (
        (
            click.UsageError,
            ValidationError,
            PluginNotRegisteredError,
            DataSourceNotFoundError,
            DataSourceExistsError,
            DataSourceReadOnlyError,
            DataSourceVersionConflictError,
            NamedQueryExistsError,
            NamedQueryNotFoundError,
            NamedQueryReadOnlyError,
            NamedQueryVersionConflictError,
        ),
        USAGE,
    ),
)

_HINTS: dict[type[HeadwaterError], str] = {
    DataSourceNotFoundError: "See `headwater ds list`, or add it with `headwater ds add`.",
    DataSourceExistsError: "Choose another name, or remove the other with `headwater ds rm`.",
    NamedQueryNotFoundError: "See `headwater named list`.",
    PluginNotRegisteredError: "See `headwater plugin list`.",
    EncryptionKeyError: "Restore the key files from their backup; `headwater doctor` shows what is expected.",
    StoreLockedError: "Another process holds it; try again when that has ended.",
}


def exit_code_of(error: BaseException) -> int:
    """The first row of the table that fits; click's own exceptions bring theirs; else 1."""
    for types, code in _CODES:
        if isinstance(error, types):
            return code
    return error.exit_code if isinstance(error, click.exceptions.Exit | click.ClickException) else QUERY


def report(error: BaseException) -> None:
    """Say on stderr what went wrong. A bug's traceback only with HEADWATER_DEBUG set."""
    if isinstance(error, click.exceptions.Exit):
        return
    if os.environ.get("HEADWATER_DEBUG"):
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    click.echo(_sentence(error), err=True)


def _sentence(error: BaseException) -> str:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    if isinstance(error, click.UsageError):
        help_hint = f"\nTry '{error.ctx.command_path} --help'." if error.ctx is not None else ""
        return f"error: {error.format_message()}{help_hint}"
    if isinstance(error, click.ClickException):
        return f"error: {error.format_message()}"
    if isinstance(error, KeyboardInterrupt | click.Abort | PluginRequestCanceledError):
        return "interrupted"
    if isinstance(error, HeadwaterError):
        return f"error: {error}{_hint(error)}"
    if isinstance(error, OSError) and error.strerror:
        return f"error: {error.strerror}: {error.filename}" if error.filename else f"error: {error.strerror}"
    debug = "" if os.environ.get("HEADWATER_DEBUG") else "; set HEADWATER_DEBUG=1 to see where"
    return f"error: internal error, {type(error).__name__}: {error}{debug}"


def _hint(error: HeadwaterError) -> str:
    if isinstance(error, EncryptionKeyError) and error.status != EncryptionKeyError.status:
        return ""  # the key is there, but not in the state that the command needs
    if isinstance(error, PluginRequestFailedError) and error.__cause__ is not None:
        return "" if os.environ.get("HEADWATER_DEBUG") else " Set HEADWATER_DEBUG=1 to see where."
    if isinstance(error, ValidationError) and error.path == "params":
        return "\n--param is for queries that take parameters: `headwater plugin info` says whether these do."
    for kind, hint in _HINTS.items():
        if isinstance(error, kind):
            return f"\n{hint}"
    return ""
