"""Key-encryption keys and the ring that finds them by id."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from headwater.errors import EncryptionKeyError

from .envelope import AES_256_GCM, KEY_BYTES, REMOTE, TamperedRecordError, decrypt_with, encrypt_with

_KEY_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class WrappingKey(Protocol):
    """A KEK: wraps and unwraps data keys. `algorithm` is the byte of the stored format that marks its
    output."""

    @property
    def id(self) -> str: ...
    @property
    def algorithm(self) -> int: ...
    def wrap(self, plaintext: bytes, aad: bytes) -> bytes: ...
    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        """Raises TamperedRecordError if the bytes, the key or `aad` differ; anything else means "not
        reachable"."""
        ...


def check_key_id(key_id: str) -> str:
    """`key_id`, if it is one: 1 to 64 lower-case letters, digits and inner hyphens. Raises
    EncryptionKeyError."""
    if not _KEY_ID.fullmatch(key_id):
        raise EncryptionKeyError(
            f"{key_id!r} is not a key id: use 1 to 64 lower-case letters, digits and hyphens."
        )
    return key_id


def decode_key(text: bytes, where: str) -> bytes:
    """The 32 bytes of a key that is written in base64. `where` names the place in the EncryptionKeyError."""
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


@frozen
class LocalKey:
    """A KEK whose 32 bytes are in this process."""

    id: str = field(converter=check_key_id)
    material: bytes = field(repr=False)
    algorithm: int = field(default=AES_256_GCM, init=False)

    @material.validator
    def _check_length(self, _attribute: object, material: bytes) -> None:
        if len(material) != KEY_BYTES:
            raise EncryptionKeyError(f"Key {self.id!r} has {len(material)} bytes; a key has {KEY_BYTES}.")

    def wrap(self, plaintext: bytes, aad: bytes) -> bytes:
        return encrypt_with(self.material, plaintext, aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        return decrypt_with(self.material, wrapped, aad)


@frozen
class RemoteKey:
    """A KEK that stays in a key management service (AWS KMS, Vault transit, an HSM).

    `wrap_call` and `unwrap_call` take the bytes and the additional data to bind them to; `unwrap_call` raises
    TamperedRecordError where the service says that the ciphertext is not its own, and its own exception where
    it cannot answer. Unwrapped data keys are kept for `cache_seconds`, so that a query does not cost a round
    trip."""

    id: str = field(converter=check_key_id)
    wrap_call: Callable[[bytes, bytes], bytes] = field(repr=False)
    unwrap_call: Callable[[bytes, bytes], bytes] = field(repr=False)
    cache_seconds: float = 15 * 60
    algorithm: int = field(default=REMOTE, init=False)
    _cache: dict[tuple[bytes, bytes], tuple[float, bytes]] = field(
        factory=dict, init=False, repr=False, eq=False
    )

    def wrap(self, plaintext: bytes, aad: bytes) -> bytes:
        # Not cached: only what has been read back from the store counts as committed.
        return self.wrap_call(plaintext, aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        now = time.monotonic()
        kept = self._cache.get((wrapped, aad))
        if kept is not None and now < kept[0]:
            return kept[1]
        plaintext = self.unwrap_call(wrapped, aad)
        for key, (expires, _) in tuple(self._cache.items()):
            if expires <= now:
                self._cache.pop(key, None)
        self._cache[wrapped, aad] = (now + self.cache_seconds, plaintext)
        return plaintext


class KeySource(Protocol):
    """A place that holds KEKs. `describe()` names it to an operator."""

    def keys(self) -> Mapping[str, WrappingKey]:
        """All keys of this source by id. Raises EncryptionKeyError for one that cannot be used safely."""
        ...

    def describe(self) -> str: ...


@runtime_checkable
class WritableKeySource(KeySource, Protocol):
    """A key source that can hold new keys."""

    def create(self, key_id: str) -> WrappingKey:
        """A new random key, durable before this returns. Raises EncryptionKeyError if the id is taken."""
        ...

    def create_first(self, key_id: str) -> WrappingKey:
        """Like `create`, unless another process was first: then that process's key."""
        ...

    def remove(self, key_id: str) -> None:
        """Forgets a key for good."""
        ...


class KeyRing:
    """Finds a KEK by id in an ordered list of sources; the first source that has the id wins.

    An unknown id makes the ring read its sources again (at most once a second for the same id), so a key that
    an operator adds is found without a restart. A key that has gone from its source still opens secrets for
    `grace`
    seconds: copies of data sources from before a rotation live on for a moment in caches.
    """

    def __init__(
        self,
        sources: Iterable[KeySource],
        *,
        grace: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = tuple(sources)
        self._grace = grace
        self._clock = clock
        self._lock = Lock()
        self._keys: Mapping[str, tuple[WrappingKey, KeySource]] | None = None
        self._gone: dict[str, tuple[WrappingKey, float]] = {}
        self._missed: dict[str, float] = {}

    @property
    def sources(self) -> tuple[KeySource, ...]:
        return self._sources

    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, sorted. Raises EncryptionKeyError."""
        return tuple(sorted(self._all()))

    def get(self, key_id: str) -> WrappingKey | None:
        """The key, or None if no source has it. Raises EncryptionKeyError."""
        found = self._all().get(key_id)
        if found is None and self._clock() - self._missed.get(key_id, float("-inf")) >= 1:
            self.reload()
            found = self._all().get(key_id)
            if found is None:
                self._note_missed(key_id)
        if found is not None:
            return found[0]
        key, until = self._gone.get(key_id, (None, 0.0))
        return key if self._clock() < until else None

    def require(self, key_id: str) -> WrappingKey:
        """The key; raises EncryptionKeyError that says where it was looked for."""
        key = self.get(key_id)
        if key is None:
            raise EncryptionKeyError(f"Key {key_id!r} is not available. Looked in: {self.describe()}.")
        return key

    def source_of(self, key_id: str) -> KeySource | None:
        found = self._all().get(key_id)
        return found[1] if found else None

    def writable(self) -> WritableKeySource:
        """The first source that takes new keys; raises EncryptionKeyError if there is none."""
        for source in self._sources:
            if isinstance(source, WritableKeySource):
                return source
        raise EncryptionKeyError(f"No key source takes new keys. Sources: {self.describe()}.")

    def reload(self) -> None:
        """Reads all sources again. Raises EncryptionKeyError, and then keeps what it had."""
        keys: dict[str, tuple[WrappingKey, KeySource]] = {}
        for source in self._sources:
            for key_id, key in source.keys().items():
                keys.setdefault(key_id, (key, source))
        with self._lock:
            now = self._clock()
            gone = {key_id: kept for key_id, kept in self._gone.items() if now < kept[1]}
            for key_id, (key, _) in (self._keys or {}).items():
                if key_id not in keys:
                    gone.setdefault(key_id, (key, now + self._grace))
            self._gone = {key_id: kept for key_id, kept in gone.items() if key_id not in keys}
            self._keys = keys

    def describe(self) -> str:
        return ", ".join(source.describe() for source in self._sources) or "no key source"

    def _note_missed(self, key_id: str) -> None:
        with self._lock:
            if len(self._missed) >= 1000:  # ids come from stored bytes, which may be anything
                self._missed.clear()
            self._missed[key_id] = self._clock()

    def _all(self) -> Mapping[str, tuple[WrappingKey, KeySource]]:
        if self._keys is None:
            self.reload()
        return self._keys or {}


_CHECK = b"headwater key check"


def wrap_with(key: WrappingKey, plaintext: bytes, aad: bytes) -> bytes:
    """Raises EncryptionKeyError, retryable, where the service that has the key does not answer."""
    try:
        return key.wrap(plaintext, aad)
    except Exception as error:
        raise EncryptionKeyError(f"Key {key.id!r} cannot encrypt now.", retryable=True) from error


def key_check(key: WrappingKey) -> bytes:
    """A sealed constant that proves later that `key` is still the same key. Raises as `wrap_with`."""
    return wrap_with(key, _CHECK, _check_aad(key.id))


def passes_check(key: WrappingKey, check: bytes) -> bool:
    """Whether `key` made `check`. Raises EncryptionKeyError, retryable, where its service does not answer."""
    try:
        return key.unwrap(check, _check_aad(key.id)) == _CHECK
    except TamperedRecordError:
        return False
    except Exception as error:
        raise EncryptionKeyError(f"Key {key.id!r} cannot decrypt now.", retryable=True) from error


def _check_aad(key_id: str) -> bytes:
    return b"kek-check/v1:" + key_id.encode()
