"""Store and keys without the checks of a starting host, so that the key commands also work on a broken
one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from attrs import frozen

from headwater_server.data_directory import DataDirectory

if TYPE_CHECKING:
    from headwater.secrets import KeyRing, SecretCipher
    from headwater_server.store import SqlStore


@frozen
class OpenKeyRing:
    store: SqlStore
    ring: KeyRing
    cipher: SecretCipher


@contextmanager
def open_keys(directory: DataDirectory) -> Iterator[OpenKeyRing]:
    """Raises StoreError, EncryptionKeyError."""
    from headwater.secrets import KeyRing, SecretCipher
    from headwater_server.key_sources import key_sources
    from headwater_server.store import SqlStore

    directory.prepare()
    with closing(SqlStore.open(directory.store_url)) as store:
        ring = KeyRing(key_sources(directory))
        yield OpenKeyRing(store, ring, SecretCipher(ring, store.active_key))
