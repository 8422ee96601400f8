"""Where key-encryption keys come from, besides directories: the environment, the OS keyring, a KMS, or
memory."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol, cast

from headwater.errors import EncryptionKeyError

from .envelope import KEY_BYTES
from .keys import LocalKey, RemoteKey, WrappingKey, decode_key


def new_key_id() -> str:
    """An id that sorts by day and does not collide, such as `k20260131-3fb2c0d1`."""
    return f"k{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}"


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
                keys[key_id] = LocalKey(key_id, decode_key(value.encode(), f"variable {variable}"))
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
                keys[key_id] = LocalKey(key_id, decode_key(stored.encode(), f"keyring entry {key_id!r}"))
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
