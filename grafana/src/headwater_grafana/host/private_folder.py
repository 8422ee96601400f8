"""`PrivateFolder`: where one process has its sockets and temporary files."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_PREFIX = "headwater-plugin-"
_SETTLED_SECONDS = 60.0
"""A younger one may not have been locked yet."""


class PrivateFolder:
    """A new folder that nobody else may enter.

    A host that is killed leaves its folders behind. Each is locked as long as its host lives: so the next one
    to make any can tell, and removes them.
    """

    def __init__(self) -> None:
        _remove_abandoned()
        self.path: str = tempfile.mkdtemp(prefix=_PREFIX)
        self._lock: int | None = None
        with suppress(OSError):  # a file system without locks: nobody else can have one, either
            self._lock = _lock(self.path)

    def remove(self) -> None:
        """With all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)


def _remove_abandoned() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # it is another user's, in use, or has gone meanwhile
            if time.time() - path.lstat().st_mtime > _SETTLED_SECONDS:
                lock = _lock(path)
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)


def _lock(path: str | Path) -> int:
    """Raises OSError if another process has it."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(folder)
        raise
    return folder
