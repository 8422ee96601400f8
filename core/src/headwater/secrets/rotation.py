"""Changes the key-encryption key of a running installation: add, activate, rewrap, verify, retire.

Every step may be repeated, and rewrapping may stop at any point and be taken up again: it asks the store what
is left. Secrets themselves are not touched; only their data keys are wrapped anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import frozen

from headwater.errors import EncryptionKeyError, SecretUnavailableError

from .cipher import FieldState, SecretCipher, SecretState
from .key_setup import add_key
from .keys import KeyRing, WritableKeySource, passes_check

if TYPE_CHECKING:
    from .key_store import KeyState, KeyStore, StoredDataKey

__all__ = [
    "KeyStatus",
    "RewrapReport",
    "VerifyReport",
    "activate",
    "add_key",
    "key_status",
    "retire",
    "rewrap",
    "verify",
]


@frozen
class KeyStatus:
    """One registered key: its state, where it was found (empty if nowhere), whether it is the right one, and
    how many data keys it wraps."""

    id: str
    state: KeyState
    source: str
    matches: bool
    data_keys: int


@frozen
class RewrapReport:
    """How many data keys were wrapped anew, how many were so already, and which could not be opened."""

    rewrapped: int
    already: int
    failed: tuple[str, ...] = ()


@frozen
class VerifyReport:
    """How many secrets were opened, and the uid and state of each that could not be."""

    opened: int
    bad: tuple[tuple[str, FieldState], ...] = ()


def key_status(ring: KeyRing, store: KeyStore) -> tuple[KeyStatus, ...]:
    """All registered keys, oldest first. Raises EncryptionKeyError if a source cannot be read, or a key's
    service does not answer."""
    usage = store.key_usage()
    statuses = []
    for record in store.key_records():
        key, source = ring.get(record.id), ring.source_of(record.id)
        statuses.append(
            KeyStatus(
                record.id,
                record.state,
                source.describe() if source else "",
                key is not None and passes_check(key, record.check),
                usage.get(record.id, 0),
            )
        )
    return tuple(statuses)


def activate(ring: KeyRing, store: KeyStore, key_id: str) -> None:
    """Makes `key_id` wrap all new data keys, on every host of this store. Raises EncryptionKeyError if it is
    unknown, retired, or not available here as the key that was registered."""
    key = ring.require(key_id)
    record = next((record for record in store.key_records() if record.id == key_id), None)
    if record is not None and not passes_check(key, record.check):
        raise EncryptionKeyError(f"Key {key_id!r} is not the key that was registered under this id.")
    store.activate_key(key_id)


def rewrap(
    cipher: SecretCipher,
    store: KeyStore,
    *,
    batch: int = 500,
    progress: Callable[[int], None] | None = None,
) -> RewrapReport:
    """Wraps every data key under the active KEK, `batch` of them in one transaction.

    `progress` is called with the number done so far, after each batch. A data key that cannot be opened stays
    as it is and is reported in a sentence. Raises EncryptionKeyError, StoreError."""
    active = store.active_key()
    already = store.key_usage().get(active, 0)
    rewrapped = 0
    failed: list[str] = []
    after = ""
    while keys := store.data_keys_not_under(active, after=after, limit=batch):
        swaps: list[tuple[StoredDataKey, bytes]] = []
        for key in keys:
            try:
                swaps.append((key, cipher.rewrap(key.owner, key.wrapped)))
            except SecretUnavailableError as error:
                failed.append(str(error))
        rewrapped += store.replace_data_keys(swaps)
        after = keys[-1].dek_id
        if progress is not None:
            progress(rewrapped)
    return RewrapReport(rewrapped, already, tuple(failed))


def verify(cipher: SecretCipher, store: KeyStore) -> VerifyReport:
    """Opens every secret of every data source."""
    opened = 0
    bad: list[tuple[str, FieldState]] = []
    for holder in store.list():
        for state in cipher.states(holder.owner, holder.secrets).values():
            if state.state is SecretState.OK:
                opened += 1
            else:
                bad.append((holder.uid, state))
    return VerifyReport(opened, tuple(bad))


def retire(ring: KeyRing, store: KeyStore, key_id: str, *, forget: bool = False) -> None:
    """Ends the use of a key; refused (EncryptionKeyError) while it is active or wraps any data key.

    `forget` also deletes the key from its source. Backups of the store from before the rewrap need it: keep a
    copy as long as you keep those."""
    store.retire_key(key_id)
    source = ring.source_of(key_id)
    if forget and isinstance(source, WritableKeySource):
        source.remove(key_id)
        ring.reload()
