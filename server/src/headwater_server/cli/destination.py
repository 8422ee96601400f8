"""Where rows go: stdout, or a file that appears only when it is whole."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from headwater.errors import ValidationError


class Destination:
    """Use as a context manager: left without an error, the file takes its name; else nothing is left."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._unfinished: Path | None = None
        self.sink: IO[bytes] = sys.stdout.buffer

    def __enter__(self) -> Self:
        """Raises ValidationError if the file cannot be made there."""
        if self._path is not None:
            self._open(self._path)
        return self

    def _open(self, path: Path) -> None:
        if path.is_dir():
            raise ValidationError(f"{path} is a directory", path="--out")
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        except OSError as error:
            raise ValidationError(f"{path} cannot be written: {error.strerror}", path="--out") from error
        self._unfinished = Path(name)
        self._unfinished.chmod(0o666 & ~_umask())
        self.sink = os.fdopen(descriptor, "wb")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is None or self._unfinished is None:
            self.sink.flush()
            return
        try:
            self.sink.close()
            if error is None:
                self._unfinished.replace(self._path)
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove what is not finished; for a process that is about to end."""
        if self._unfinished is not None:
            self._unfinished.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
