"""Where key-encryption keys come from: a directory, the environment, the OS keyring, a KMS, or memory."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, cast

from headwater.errors import EncryptionKeyError

from .envelope import KEY_BYTES
from .keys import LocalKey, RemoteKey, WrappingKey, check_key_id

_SUFFIX = ".key"


def new_key_id() -> str:
    """An id that sorts by day and does not collide, such as `k20260131-3fb2c0d1`."""
    return f"k{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}"


class DirectoryKeySource:
    """One file per key, `<id>.key`, holding 32 bytes in base64.

    On POSIX systems a file or directory that anyone but its owner may read or write is refused. A missing
    directory is an empty source; `create` makes it with mode 0700."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)

    def keys(self) -> Mapping[str, WrappingKey]:
        try:
            if not self._directory.exists():
                return {}
            _check_private(self._directory, self._directory.stat(), expected="700")
            return {file.stem: self._read(file) for file in sorted(self._directory.glob(f"*{_SUFFIX}"))}
        except OSError as error:
            raise EncryptionKeyError(
                f"Cannot read the key directory {self._directory}: {error.strerror}."
            ) from error

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

    def describe(self) -> str:
        return f"directory {self._directory}"

    def _path(self, key_id: str) -> Path:
        return self._directory / f"{check_key_id(key_id)}{_SUFFIX}"

    def _read(self, file: Path) -> LocalKey:
        with file.open("rb") as opened:
            _check_private(file, os.fstat(opened.fileno()), expected="600")
            return LocalKey(file.stem, _decode(opened.read(1024), str(file)))

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
            if os.name == "posix":
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


class EnvironmentKeySource:
    """Keys from variables `<prefix><ID>`: id `k2026-1` is read from `HEADWATER_KEK_K2026_1`, as base64 of 32
    bytes."""

    def __init__(self, prefix: str = "HEADWATER_KEK_", environ: Mapping[str, str] | None = None) -> None:
        self._prefix = prefix
        self._environ = os.environ if environ is None else environ

    def keys(self) -> Mapping[str, WrappingKey]:
        keys: dict[str, WrappingKey] = {}
        for variable, value in self._environ.items():
            if variable.startswith(self._prefix):
                key_id = variable.removeprefix(self._prefix).lower().replace("_", "-")
                keys[key_id] = LocalKey(key_id, _decode(value.encode(), f"variable {variable}"))
        return keys

    def describe(self) -> str:
        return f"environment variables {self._prefix}*"


class _Backend(Protocol):
    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


class KeyringKeySource:
    """Keys in the operating system's keyring, by the optional `keyring` distribution.

    A keyring cannot list its entries, so an entry of its own, `index`, holds the ids.
    """

    def __init__(self, service: str = "headwater", backend: _Backend | None = None) -> None:
        self._service = service
        self._given = backend

    def keys(self) -> Mapping[str, WrappingKey]:
        keys: dict[str, WrappingKey] = {}
        for key_id in self._index():
            stored = self._backend().get_password(self._service, key_id)
            if stored is not None:
                keys[key_id] = LocalKey(key_id, _decode(stored.encode(), f"keyring entry {key_id!r}"))
        return keys

    def create(self, key_id: str) -> WrappingKey:
        key = LocalKey(key_id, os.urandom(KEY_BYTES))
        index = self._index()
        if key_id in index:
            raise EncryptionKeyError(f"Key {key_id!r} exists already in {self.describe()}.")
        self._backend().set_password(self._service, key_id, base64.b64encode(key.material).decode())
        self._save_index([*index, key_id])
        return key

    def create_first(self, key_id: str) -> WrappingKey:
        present = self.keys()
        return present[max(present)] if present else self.create(key_id)

    def remove(self, key_id: str) -> None:
        index = self._index()
        if key_id in index:
            self._save_index([other for other in index if other != key_id])
            self._backend().delete_password(self._service, key_id)

    def describe(self) -> str:
        return f"OS keyring, service {self._service!r}"

    def _backend(self) -> _Backend:
        if self._given is None:
            try:
                import keyring  # type: ignore[import-not-found,unused-ignore]
            except ImportError:
                raise EncryptionKeyError(
                    "The OS keyring needs the distribution `keyring`: pip install keyring"
                ) from None
            self._given = cast("_Backend", keyring)
        return self._given

    def _index(self) -> list[str]:
        stored = self._backend().get_password(self._service, "index")
        return [str(key_id) for key_id in json.loads(stored or "[]")]

    def _save_index(self, key_ids: list[str]) -> None:
        self._backend().set_password(self._service, "index", json.dumps(key_ids))


class RemoteKeySource:
    """Keys that stay in a key management service; each `RemoteKey` carries the calls to wrap and unwrap."""

    def __init__(self, keys: Iterable[RemoteKey], description: str = "key management service") -> None:
        self._keys = {key.id: key for key in keys}
        self._description = description

    def keys(self) -> Mapping[str, WrappingKey]:
        return self._keys

    def describe(self) -> str:
        return self._description


class InMemoryKeySource:
    """Keys that live and die with the process: for tests, and for hosts that keep no secrets between runs."""

    def __init__(self, keys: Iterable[LocalKey] = ()) -> None:
        self._keys = {key.id: key for key in keys}

    def keys(self) -> Mapping[str, WrappingKey]:
        return dict(self._keys)

    def create(self, key_id: str) -> WrappingKey:
        if key_id in self._keys:
            raise EncryptionKeyError(f"Key {key_id!r} exists already in {self.describe()}.")
        self._keys[key_id] = LocalKey(key_id, os.urandom(KEY_BYTES))
        return self._keys[key_id]

    def create_first(self, key_id: str) -> WrappingKey:
        return self._keys[max(self._keys)] if self._keys else self.create(key_id)

    def remove(self, key_id: str) -> None:
        self._keys.pop(key_id, None)

    def describe(self) -> str:
        return "memory"


def _decode(text: bytes, where: str) -> bytes:
    try:
        material = base64.b64decode(re.sub(rb"\s", b"", text), validate=True)
    except binascii.Error:
        raise EncryptionKeyError(
            f"{where}: a key is {KEY_BYTES} bytes in base64; this is not base64."
        ) from None
    if len(material) != KEY_BYTES:
        raise EncryptionKeyError(
            f"{where}: a key is {KEY_BYTES} bytes in base64; this has {len(material)} bytes."
        )
    return material


def _check_private(path: Path, status: os.stat_result, *, expected: str) -> None:
    if os.name == "posix" and status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise EncryptionKeyError(
            f"{path} is open to other users (mode {mode:04o}) and therefore not used. "
            f"Run: chmod {expected} {path}"
        )


def _sync_directory(directory: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
