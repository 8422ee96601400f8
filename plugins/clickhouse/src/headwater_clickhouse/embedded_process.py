"""The embedded engine of this process. chdb runs one engine, on one path, per process.

All data sources with the same path share it; it ends with its last connection, after which another path
may be opened.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any

from headwater.errors import (
    DownstreamConnectionError,
    DownstreamServerError,
    PluginUnavailableError,
    ValidationError,
)

from .errors import server_error

MEMORY = ":memory:"


def engine_path(url: str) -> str:
    """The engine's path for a data source's URL: an absolute folder, or `:memory:`.

    `chdb://` is memory; `chdb:///data/ch`, `/data/ch`, `./ch` and `~/ch` are folders.
    """
    place = url.removeprefix("chdb:").removeprefix("//") if url.startswith("chdb:") else url
    if "?" in place:
        raise ValidationError("the embedded engine's path takes no ?options; use customSettings", path="url")
    if place in {"", MEMORY}:
        return MEMORY
    try:
        folder = Path(place).expanduser()
    except RuntimeError:
        raise ValidationError("~ is nowhere, for this user has no home directory", path="url") from None
    return str(folder.resolve())  # chdb compares paths as text: one spelling per folder


class _Process:
    """Who has the engine open."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # guards all of the state
        self.pid = os.getpid()
        self.path: str | None = None
        self.connections = 0
        self.driver: Any = None


_process = _Process()


def connect(path: str) -> Any:
    """A new connection to the engine on `path`; give it to `disconnect` at the end.

    Raises PluginUnavailableError without chdb, and DownstreamConnectionError if the folder cannot be used,
    is in use by another process, or this process already runs the engine elsewhere.
    """
    refuse_in_forked_child()
    with _process.lock:
        if _process.driver is None:
            _process.driver = _load_driver()
        if _process.path is not None and _process.path != path:
            raise DownstreamConnectionError(
                f"The embedded engine runs once per process, and already does on {_describe(_process.path)}; "
                f"it cannot open {_describe(path)} as well. Query one of them from another process.",
                retryable=False,
            )
        if _process.path is None:
            _check_folder(path)
        try:
            connection = _process.driver.connect(path)
        except RuntimeError as error:
            raise _refused(path, error) from error
        _process.path = path
        _process.connections += 1
        return connection


def disconnect(connection: Any) -> None:
    with _process.lock:
        _process.connections -= 1
        if _process.connections == 0:
            _process.path = None
        with contextlib.suppress(RuntimeError):
            connection.close()


def open_connections() -> int:
    """How many connections to the engine this process holds."""
    return _process.connections


def _load_driver() -> Any:
    try:
        from chdb import _chdb
    except ImportError as error:
        raise PluginUnavailableError(
            "The embedded engine is not installed: pip install 'headwater-clickhouse[embedded]'. "
            "It exists for Linux and macOS."
        ) from error
    driver: Any = _chdb
    # Loading chdb takes over SIGSEGV, SIGABRT, SIGTSTP and others, which are the host's to handle.
    driver.reset_signal_handlers()
    driver.set_signal_handlers_enabled(0)
    return driver


def refuse_in_forked_child() -> None:
    """Raise DownstreamServerError where the engine's threads have been left behind."""
    if _process.pid == os.getpid():
        return
    if _process.driver is not None:
        raise DownstreamServerError(
            "The embedded engine does not survive a fork. Start worker processes with 'spawn', or use the "
            "engine only after forking."
        )
    _process.pid = os.getpid()


def _check_folder(path: str) -> None:
    """A sentence for the usual mistakes; the engine's own words for them are a C++ stack trace."""
    if path == MEMORY:
        return
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise ValidationError(
            f"{path} is a file; the engine needs a folder (query files with file('…') on chdb://)", path="url"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownstreamConnectionError(
            f"The folder {path} cannot be created: {error.strerror}.", retryable=False
        ) from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise DownstreamConnectionError(f"The folder {path} is not readable and writable.", retryable=False)


def _refused(path: str, error: RuntimeError) -> Exception:
    if path != MEMORY and (Path(path) / "status").exists():
        return DownstreamConnectionError(
            f"The folder {path} cannot be opened by the embedded engine. Most likely another process has it "
            "open: only one may."
        )
    return server_error(str(error).removeprefix("Failed to create connection: "))


def _describe(path: str) -> str:
    return "an in-memory database (chdb://)" if path == MEMORY else path
