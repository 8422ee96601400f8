"""The audit log: who did what to which data source, as JSON lines that are only ever appended."""

from __future__ import annotations

import errno
import hashlib
import os
import queue
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson
from attrs import asdict, frozen

from headwater.logs import get_logger

__all__ = ["AuditEvent", "AuditLog", "FileAuditLog", "NoAuditLog", "query_hash"]


@frozen(kw_only=True)
class AuditEvent:
    """One event. `time` is RFC 3339 in UTC, `ms` its duration, `outcome` ok, error, denied or cancelled.

    `query_hash` names the query without showing it. `rows` and `bytes` count what was answered. `detail` says
    more where no request does: which secret could not be opened, and why.
    """

    time: str
    request_id: str
    who: str
    address: str
    action: str
    data_source: str = ""
    query_hash: str = ""
    detail: str = ""
    rows: int = 0
    bytes: int = 0
    ms: float = 0.0
    status: int = 0
    outcome: str = "ok"


class AuditLog(Protocol):
    def write(self, record: AuditEvent) -> None:
        """Take an event; does not block and does not raise."""

    def close(self) -> None:
        """Write what is left."""


class NoAuditLog:
    """Keeps nothing."""

    def write(self, record: AuditEvent) -> None:
        pass

    def close(self) -> None:
        pass


class FileAuditLog:
    """Appends to a file, from a thread of its own. A file that was rotated away is opened anew.

    A disk that is full must not stop queries: records that cannot be written are counted in `lost`, and
    the log says so.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError if the file cannot be opened."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lost = 0
        self._path = path
        self._file = self._open()
        self._torn = False
        self._records: queue.SimpleQueue[AuditEvent | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="headwater-audit", daemon=True)
        self._thread.start()

    def write(self, record: AuditEvent) -> None:
        self._records.put(record)

    def close(self) -> None:
        self._records.put(None)
        self._thread.join(timeout=5)

    def _write_all(self) -> None:
        while (record := self._records.get()) is not None:
            try:
                self._follow_rotation()
                self._append(orjson.dumps(asdict(record)) + b"\n")
            except OSError as error:
                self.lost += 1
                get_logger("headwater.audit").error(
                    "An audit record could not be written.", reason=str(error), lost=self.lost
                )
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _follow_rotation(self) -> None:
        try:
            if os.path.samestat(self._path.stat(), os.fstat(self._file)):
                return
        except FileNotFoundError:
            pass
        before, self._file = self._file, self._open()
        self._torn = False
        os.close(before)

    def _append(self, line: bytes) -> None:
        """At once and unbuffered: what a full disk refuses must not be in the way of what comes after it."""
        if self._torn:
            line = b"\n" + line
        written = os.write(self._file, line)
        self._torn = written < len(line)
        if self._torn:
            raise OSError(errno.ENOSPC, "only a part of the record fitted")


def query_hash(query: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that are the same for the same query, whatever the order of its keys."""
    text = orjson.dumps(query, option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(text).hexdigest()[:16]
