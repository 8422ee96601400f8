"""Key-encryption keys in files."""

from __future__ import annotations

import base64
import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from headwater.errors import EncryptionKeyError

from .envelope import KEY_BYTES
from .keys import LocalKey, WrappingKey, check_key_id, decode_key

_SUFFIX = ".key"


class ReadOnlyDirectoryKeySource:
    """One file per key, `<id>.key`, holding 32 bytes in base64; for directories that something else fills,
    such as systemd's credentials.

    On POSIX systems a file or directory that anyone but its owner may read or write is refused. A missing
    directory is an empty source."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)

    def keys(self) -> Mapping[str, WrappingKey]:
        # `Path.exists` and `Path.glob` would take a directory that cannot be read for one without keys.
        try:
            found = _stat(self._directory)
            if found is None:
                return {}
            _check_private(self._directory, found, expected="700")
            files = sorted(each for each in self._directory.iterdir() if each.name.endswith(_SUFFIX))
            return {file.stem: LocalKey(file.stem, read_key_file(file)) for file in files}
        except OSError as error:
            raise EncryptionKeyError(
                f"Cannot read the key directory {self._directory}: {error.strerror}."
            ) from error

    def describe(self) -> str:
        return f"directory {self._directory}"


class DirectoryKeySource(ReadOnlyDirectoryKeySource):
    """A directory of key files that takes new keys too; it is made with mode 0700 when the first one
    comes."""

    def create(self, key_id: str) -> WrappingKey:
        key = LocalKey(key_id, os.urandom(KEY_BYTES))
        with self._locked():
            self._write(key)
        return key

    def create_first(self, key_id: str) -> WrappingKey:
        with self._locked():
            present = self.keys()
            if present:
                return present[max(present)]
            key = LocalKey(key_id, os.urandom(KEY_BYTES))
            self._write(key)
            return key

    def remove(self, key_id: str) -> None:
        path = self._path(key_id)
        with self._locked():
            path.unlink(missing_ok=True)
            _sync_directory(self._directory)

    def _path(self, key_id: str) -> Path:
        return self._directory / f"{check_key_id(key_id)}{_SUFFIX}"

    def _write(self, key: LocalKey) -> None:
        """Durable and whole before it returns: a secret sealed under a key that a power cut takes away is
        lost."""
        path = self._path(key.id)
        if path.exists():
            raise EncryptionKeyError(f"Key {key.id!r} exists already in {self.describe()}.")
        unfinished = path.with_suffix(".new")
        try:
            unfinished.unlink(missing_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(key.material) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            _sync_directory(self._directory)
        except OSError as error:
            raise EncryptionKeyError(f"Cannot write key file {path}: {error.strerror}.") from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One creator at a time, across processes; a killed holder releases the lock."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EncryptionKeyError(
                f"Cannot write the key directory {self._directory}: {error.strerror}."
            ) from error
        try:
            if os.name == "posix":  # pragma: no branch - Windows has no such locks
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def read_key_file(file: Path) -> bytes:
    """The 32 bytes that a file holds in base64. Raises EncryptionKeyError, also if others may read the
    file."""
    try:
        with file.open("rb") as opened:
            _check_private(file, os.fstat(opened.fileno()), expected="600")
            return decode_key(opened.read(1024), str(file))
    except OSError as error:
        raise EncryptionKeyError(f"Cannot read the key file {file}: {error.strerror}.") from error


def _stat(path: Path) -> os.stat_result | None:
    """None if there is nothing; raises OSError if nobody can tell."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):  # the latter: what should hold it is a file
        return None


def _check_private(path: Path, status: os.stat_result, *, expected: str) -> None:
    if os.name == "posix" and status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise EncryptionKeyError(
            f"{path} is open to other users (mode {mode:04o}) and therefore not used. "
            f"Run: chmod {expected} {path}"
        )


def _sync_directory(directory: Path) -> None:
    if os.name == "posix":  # pragma: no branch - Windows opens no directories
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
