"""A file that is there whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from headwater.errors import ValidationError


@contextmanager
def write_whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` once the block has ended well; only its owner may read it.

    Raises ValidationError where something else than a file is there, such as a device or a pipe.
    """
    path = path.resolve()  # what a link leads to, not the link
    if path.exists() and not path.is_file():
        raise ValidationError("is no regular file; name one, or a place where nothing is yet", path=str(path))
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
