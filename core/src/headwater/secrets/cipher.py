"""Seals and opens the secrets of one data source, and says of each what state it is in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from attrs import field, frozen

from headwater.errors import EncryptionKeyError, SecretUnavailableError

from .envelope import (
    CorruptRecordError,
    DataKey,
    SecretOwner,
    TamperedRecordError,
    WrappedKey,
    record_dek_id,
    seal,
    unseal,
    wrap_aad,
)
from .keys import KeyRing, wrap_with
from .secret import Secret


class SecretState(StrEnum):
    """What became of one stored secret."""

    OK = "ok"
    KEY_MISSING = "key_missing"
    """The key-encryption key is not in any source, or its service does not answer."""
    TAMPERED = "tampered"
    """Bytes, place or key are not those of the time of writing."""
    CORRUPT = "corrupt"
    """Not a record of a known format."""


@frozen
class FieldState:
    """The state of secret `name`, and the id of the key-encryption key it hangs on, if that can be told."""

    name: str
    state: SecretState
    key_id: str = ""

    def __str__(self) -> str:
        key = f", key {self.key_id}" if self.key_id else ""
        return f"{self.name} ({self.state}{key})"


@frozen
class SealedSecrets:
    """What is stored: a record per field, and the wrapped data keys they need, by data key id in hexadecimal.

    Usually one data key; a second one appears when a field is written while the first cannot be opened, so
    that the fields under the first stay readable once its key is back."""

    records: Mapping[str, bytes] = field(factory=dict, repr=lambda records: repr(sorted(records)))
    data_keys: Mapping[str, bytes] = field(factory=dict, repr=lambda keys: repr(sorted(keys)))


class _Failure(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, state: SecretState, key_id: str = "") -> None:
        super().__init__(state, key_id)
        self.state = state
        self.key_id = key_id


class SecretCipher:
    """Envelope encryption over a key ring. `active_key_id` is asked at every write which KEK wraps new data
    keys."""

    def __init__(self, ring: KeyRing, active_key_id: Callable[[], str]) -> None:
        self._ring = ring
        self._active_key_id = active_key_id

    @property
    def ring(self) -> KeyRing:
        return self._ring

    def seal(self, owner: SecretOwner, stored: SealedSecrets, changes: Mapping[str, str]) -> SealedSecrets:
        """`stored` with `changes` sealed in; an empty string removes the field.

        All other fields keep their bytes, readable or not. Raises EncryptionKeyError if the active key is
        missing."""
        records = {name: record for name, record in stored.records.items() if name not in changes}
        wanted = {name: value for name, value in changes.items() if value}
        data_keys = dict(stored.data_keys)
        if wanted:
            dek = self._usable_dek(owner, data_keys.values())
            if dek is None:
                dek = DataKey.generate()
                data_keys[dek.id.hex()] = self._wrap(owner, dek)
            records |= {name: seal(dek, value, owner, name) for name, value in wanted.items()}
        return SealedSecrets(records, _needed(records, data_keys))

    def open(self, owner: SecretOwner, stored: SealedSecrets) -> dict[str, Secret]:
        """All fields in plain text. Raises SecretUnavailableError if any of them is not readable."""
        opened, states = self.open_each(owner, stored)
        bad = [state for state in states.values() if state.state is not SecretState.OK]
        if bad:
            raise unavailable(owner.uid, bad)
        return opened

    def open_each(
        self, owner: SecretOwner, stored: SealedSecrets
    ) -> tuple[dict[str, Secret], dict[str, FieldState]]:
        """The fields that can be opened, and the state of every field; never raises for a bad record."""
        unwrapped: dict[str, DataKey | _Failure] = {}
        for dek_id, wrapped in stored.data_keys.items():
            try:
                unwrapped[dek_id] = self._unwrap(owner, wrapped)
            except _Failure as failure:
                unwrapped[dek_id] = failure
        opened: dict[str, Secret] = {}
        states: dict[str, FieldState] = {}
        for name, record in stored.records.items():
            try:
                dek = _dek_of(record, unwrapped)
                opened[name] = Secret(unseal(dek, record, owner, name))
                states[name] = FieldState(
                    name, SecretState.OK, wrapping_key_id(stored.data_keys[dek.id.hex()])
                )
            except _Failure as failure:
                states[name] = FieldState(name, failure.state, failure.key_id)
            except TamperedRecordError:
                states[name] = FieldState(name, SecretState.TAMPERED)
            except CorruptRecordError:
                states[name] = FieldState(name, SecretState.CORRUPT)
        return opened, states

    def states(self, owner: SecretOwner, stored: SealedSecrets) -> dict[str, FieldState]:
        """The state of every field, by name; never raises for a bad record."""
        return self.open_each(owner, stored)[1]

    def rewrap(self, owner: SecretOwner, wrapped: bytes) -> bytes:
        """The same data key under the active KEK. Raises SecretUnavailableError if it cannot be unwrapped."""
        try:
            return self._wrap(owner, self._unwrap(owner, wrapped))
        except _Failure as failure:
            raise unavailable(owner.uid, [FieldState("data key", failure.state, failure.key_id)]) from failure

    def rotate(self, owner: SecretOwner, stored: SealedSecrets) -> SealedSecrets:
        """Every field sealed anew under a new data key. Raises SecretUnavailableError if one is not
        readable."""
        plain = {name: secret.reveal() for name, secret in self.open(owner, stored).items()}
        return self.seal(owner, SealedSecrets(), plain)

    def new_data_key(self, owner: SecretOwner) -> tuple[DataKey, bytes]:
        """A data key for what is no secret of a data source, and the same wrapped by the active KEK.

        Raises EncryptionKeyError."""
        dek = DataKey.generate()
        return dek, self._wrap(owner, dek)

    def open_data_key(self, owner: SecretOwner, wrapped: bytes) -> DataKey:
        """What `new_data_key` wrapped. Raises SecretUnavailableError."""
        try:
            return self._unwrap(owner, wrapped)
        except _Failure as failure:
            raise unavailable(owner.uid, [FieldState("data key", failure.state, failure.key_id)]) from failure

    def _usable_dek(self, owner: SecretOwner, wrapped_keys: Iterable[bytes]) -> DataKey | None:
        for wrapped in wrapped_keys:
            try:
                return self._unwrap(owner, wrapped)
            except _Failure:
                continue
        return None

    def _wrap(self, owner: SecretOwner, dek: DataKey) -> bytes:
        kek = self._ring.require(self._active_key_id())
        wrapped = wrap_with(kek, dek.material, wrap_aad(dek.id, owner, kek.id))
        return WrappedKey(dek.id, kek.id, kek.algorithm, wrapped).to_bytes()

    def _unwrap(self, owner: SecretOwner, wrapped: bytes) -> DataKey:
        try:
            key = WrappedKey.parse(wrapped)
        except CorruptRecordError as error:
            raise _Failure(SecretState.CORRUPT) from error
        try:
            kek = self._ring.get(key.kek_id)
        except EncryptionKeyError as error:
            raise _Failure(SecretState.KEY_MISSING, key.kek_id) from error
        if kek is None:
            raise _Failure(SecretState.KEY_MISSING, key.kek_id)
        if kek.algorithm != key.algorithm:
            raise _Failure(SecretState.TAMPERED, key.kek_id)
        try:
            return DataKey(key.dek_id, kek.unwrap(key.wrapped, wrap_aad(key.dek_id, owner, key.kek_id)))
        except TamperedRecordError as error:
            raise _Failure(SecretState.TAMPERED, key.kek_id) from error
        except Exception as error:
            raise _Failure(SecretState.KEY_MISSING, key.kek_id) from error


def unavailable(uid: str, states: Iterable[FieldState]) -> SecretUnavailableError:
    """The error that names each bad field of data source `uid`, its state and its key id."""
    listed = ", ".join(str(state) for state in states)
    return SecretUnavailableError(f"Data source {uid!r} has secrets that cannot be opened: {listed}.")


def wrapping_key_id(wrapped: bytes) -> str:
    """Which KEK a stored data key names; empty if the bytes are corrupt."""
    try:
        return WrappedKey.parse(wrapped).kek_id
    except CorruptRecordError:
        return ""


def _dek_of(record: bytes, unwrapped: Mapping[str, DataKey | _Failure]) -> DataKey:
    dek = unwrapped.get(record_dek_id(record).hex())
    if dek is None:
        raise _Failure(SecretState.TAMPERED)
    if isinstance(dek, _Failure):
        raise dek
    return dek


def _needed(records: Mapping[str, bytes], data_keys: Mapping[str, bytes]) -> dict[str, bytes]:
    """The data keys that some record names; all of them while a record is corrupt and cannot tell."""
    try:
        used = {record_dek_id(record).hex() for record in records.values()}
    except CorruptRecordError:
        return dict(data_keys)
    return {dek_id: wrapped for dek_id, wrapped in data_keys.items() if dek_id in used}
