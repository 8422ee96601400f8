"""What key management asks of the place where keys are registered and data keys are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from attrs import field, frozen

from .cipher import SealedSecrets
from .envelope import SecretOwner


class KeyState(StrEnum):
    """The life of a key-encryption key, in this order."""

    ADDED = "added"
    ACTIVE = "active"
    RETIRED = "retired"


@frozen
class KeyRecord:
    """What the store knows of a KEK: never its bytes, but a check that tells whether a key with this id is
    the same key."""

    id: str
    state: KeyState
    check: bytes = field(repr=False)
    created: datetime


@frozen
class StoredDataKey:
    """A wrapped data key and where it belongs."""

    uid: str
    dek_id: str
    wrapped: bytes = field(repr=False)
    org_id: int = 1

    @property
    def owner(self) -> SecretOwner:
        return SecretOwner(str(self.org_id), self.uid)


class SecretHolder(Protocol):
    """What has secrets: a data source."""

    @property
    def uid(self) -> str: ...
    @property
    def owner(self) -> SecretOwner: ...
    @property
    def secrets(self) -> SealedSecrets: ...


class KeyStore(Protocol):
    """The register of key-encryption keys (KEKs), and the data keys that they wrap. All methods are safe to
    call from several threads."""

    def list(self) -> Sequence[SecretHolder]:
        """Everything whose secrets are kept here."""
        ...

    def key_records(self) -> Sequence[KeyRecord]:
        """All registered KEKs, oldest first."""
        ...

    def active_key(self) -> str:
        """The id of the active KEK. Raises EncryptionKeyError if there is none."""
        ...

    def register_key(self, key_id: str, check: bytes) -> KeyRecord:
        """Adds a key; the very first one becomes active. A key that is registered already is returned
        unchanged."""
        ...

    def activate_key(self, key_id: str) -> None:
        """Makes this key the one for new data keys. Raises EncryptionKeyError if it is unknown or retired."""
        ...

    def retire_key(self, key_id: str) -> None:
        """Ends the use of a key. Raises EncryptionKeyError while it is active or a data key names it."""
        ...

    def key_usage(self) -> Mapping[str, int]:
        """How many data keys each KEK wraps."""
        ...

    def data_keys_not_under(
        self, key_id: str, *, after: str = "", limit: int = 500
    ) -> Sequence[StoredDataKey]:
        """Up to `limit` data keys wrapped by any other KEK, ordered by `dek_id`, from the one that follows
        `after`."""
        ...

    def replace_data_keys(self, swaps: Iterable[tuple[StoredDataKey, bytes]]) -> int:
        """Swaps wrapped bytes for new ones, in one transaction, and returns how many were swapped: a data key
        that is no longer as given is left alone.

        Changes the revisions of their data sources, not the versions. Raises EncryptionKeyError if new bytes
        name a key that is unknown or retired."""
        ...
