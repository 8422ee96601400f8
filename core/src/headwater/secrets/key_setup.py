"""Brings the key ring and the store's register of keys together when a host starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from headwater.errors import EncryptionKeyError

from .key_sources import new_key_id
from .keys import KeyRing, WrappingKey, key_check, passes_check

if TYPE_CHECKING:
    from .key_store import KeyRecord, KeyStore


@frozen
class KeyReport:
    """The keys at start. `created` is where a first key was made, if one was: the operator should back it up.

    `missing` and `wrong` are registered keys, not active ones, whose secrets cannot be opened here; a key is
    missing too while its service does not answer. `problem` is why the active key cannot be used, on a host
    that started degraded.
    """

    active: str
    created: str | None = None
    missing: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    problem: str = ""


def prepare_keys(ring: KeyRing, store: KeyStore, *, degraded: bool = False) -> KeyReport:
    """Makes sure that there is an active key and that it is the right one.

    A store that knows no key yet takes the ring's newest, or a new one. A store that does is never given
    another key in place of a missing one. Raises EncryptionKeyError, then the host must not become ready;
    `degraded` reports a missing or wrong key instead.
    """
    if store.key_records():
        return _check_registered(ring, store, degraded)
    present = ring.ids()
    created = None
    if present:
        key = ring.require(present[-1])
    else:
        source = ring.writable()
        key = source.create_first(new_key_id())
        created = source.describe()
        ring.reload()
    store.register_key(key.id, key_check(key))
    active = store.active_key()
    _check_active(ring, next(record for record in store.key_records() if record.id == active))
    return KeyReport(active, created if active == key.id else None)


def add_key(ring: KeyRing, store: KeyStore, key_id: str = "") -> WrappingKey:
    """Registers a key for decryption only: key `key_id` if a source has it, else a new one in the first
    source that takes keys. Raises EncryptionKeyError."""
    key = ring.get(key_id) if key_id else None
    if key is None:
        key = ring.writable().create(key_id or new_key_id())
        ring.reload()
    record = store.register_key(key.id, key_check(key))
    if not passes_check(key, record.check):
        raise _wrong_key(ring, key.id)
    return key


def usable_active_key(ring: KeyRing, store: KeyStore) -> str:
    """The id of the active key. Raises EncryptionKeyError if it is missing, or not the store's own: what it
    encrypts would be lost once the right one is back."""
    active = store.active_key()
    _check_active(ring, next(record for record in store.key_records() if record.id == active))
    return active


def active_key_problem(ring: KeyRing, store: KeyStore) -> str:
    """Why the active key cannot be used; empty if it can. Reads the sources again."""
    try:
        ring.reload()
        usable_active_key(ring, store)
    except EncryptionKeyError as error:
        return str(error)
    return ""


def _check_registered(ring: KeyRing, store: KeyStore, degraded: bool) -> KeyReport:
    active = store.active_key()
    missing: list[str] = []
    wrong: list[str] = []
    problem = ""
    for record in store.key_records():
        if record.id == active:
            try:
                _check_active(ring, record)
            except EncryptionKeyError as error:
                if not degraded:
                    raise
                problem = str(error)
        elif record.state != "retired":
            try:
                if not passes_check(ring.require(record.id), record.check):
                    wrong.append(record.id)
            except EncryptionKeyError:
                missing.append(record.id)
    return KeyReport(active, None, tuple(missing), tuple(wrong), problem)


def _check_active(ring: KeyRing, record: KeyRecord) -> None:
    if not passes_check(ring.require(record.id), record.check):
        raise _wrong_key(ring, record.id)


def _wrong_key(ring: KeyRing, key_id: str) -> EncryptionKeyError:
    source = ring.source_of(key_id)
    where = f" in {source.describe()}" if source else ""
    return EncryptionKeyError(
        f"Key {key_id!r}{where} is not the key that the store was encrypted with; restore the original key."
    )
