"""The stored format of secrets and data keys, version 1. `docs/reference/secret-format.md` is its
specification.

A data source has one random 256-bit data key (DEK). Each secret is a record sealed by it; the DEK itself is
stored wrapped by a key-encryption key (KEK) that has an id. Everything is AES-256-GCM with a random 96-bit
nonce (NIST SP 800-38D):

    secret record   "v1" | alg 1 byte | dek id 16 bytes | nonce 12 bytes | ciphertext and 16-byte tag
    wrapped DEK     "v1" | alg 1 byte | dek id 16 bytes | length of kek id 1 byte | kek id | wrapped bytes

`alg` 1 is AES-256-GCM. `alg` 2 marks a DEK that a remote key (KMS) wrapped: the wrapped bytes are the KMS's
own. The additional data of a record is ("secret/v1", tenant, uid, field, dek id) and that of a wrapped DEK is
("dek/v1", dek id, tenant, uid, kek id), each part preceded by its length, so that no record opens in
another's place."""

from __future__ import annotations

import os
from typing import Final

from attrs import field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION: Final = b"v1"
AES_256_GCM: Final = 1
REMOTE: Final = 2
KEY_BYTES: Final = 32
ID_BYTES: Final = 16
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16

_HEADER_BYTES = len(VERSION) + 1 + ID_BYTES


class CorruptRecordError(ValueError):
    """The bytes are not a record of a known version."""


class TamperedRecordError(ValueError):
    """The bytes are a record, but not the one that was written for this place, or not under this key."""


@frozen
class SecretOwner:
    """Whom a secret belongs to: the organisation (as text) and the data source."""

    tenant: str
    uid: str


@frozen
class DataKey:
    """A plain DEK. Lives only as long as one seal or open takes."""

    id: bytes
    material: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> DataKey:
        return cls(os.urandom(ID_BYTES), os.urandom(KEY_BYTES))


@frozen
class WrappedKey:
    """A stored DEK: which one it is, and which KEK unwraps it."""

    dek_id: bytes
    kek_id: str
    algorithm: int
    wrapped: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        kek_id = self.kek_id.encode()
        return b"".join(
            (VERSION, bytes((self.algorithm,)), self.dek_id, bytes((len(kek_id),)), kek_id, self.wrapped)
        )

    @classmethod
    def parse(cls, stored: bytes) -> WrappedKey:
        """Raises CorruptRecordError."""
        algorithm = _check_header(stored, known=(AES_256_GCM, REMOTE))
        start = _HEADER_BYTES + 1
        if len(stored) < start or len(stored) <= start + stored[_HEADER_BYTES]:
            raise CorruptRecordError("the wrapped data key is cut short")
        end = start + stored[_HEADER_BYTES]
        try:
            kek_id = stored[start:end].decode("ascii")
        except UnicodeDecodeError:
            raise CorruptRecordError("the id of the key-encryption key is not text") from None
        return cls(stored[len(VERSION) + 1 : _HEADER_BYTES], kek_id, algorithm, stored[end:])


def seal(dek: DataKey, plaintext: str, owner: SecretOwner, name: str) -> bytes:
    """The record that holds `plaintext` as secret `name` of `owner`."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(dek.material).encrypt(
        nonce, plaintext.encode("utf-8", "surrogatepass"), _secret_aad(owner, name, dek.id)
    )
    return b"".join((VERSION, bytes((AES_256_GCM,)), dek.id, nonce, sealed))


def unseal(dek: DataKey, record: bytes, owner: SecretOwner, name: str) -> str:
    """The plain text of `record`. Raises CorruptRecordError, TamperedRecordError."""
    if record_dek_id(record) != dek.id:
        raise TamperedRecordError("the record was sealed by another data key")
    nonce = record[_HEADER_BYTES : _HEADER_BYTES + NONCE_BYTES]
    try:
        plaintext = AESGCM(dek.material).decrypt(
            nonce, record[_HEADER_BYTES + NONCE_BYTES :], _secret_aad(owner, name, dek.id)
        )
    except InvalidTag:
        raise TamperedRecordError("the record is not authentic in this place") from None
    return plaintext.decode("utf-8", "surrogatepass")


def record_dek_id(record: bytes) -> bytes:
    """Which data key sealed `record`, as it says itself. Raises CorruptRecordError."""
    _check_header(record, known=(AES_256_GCM,))
    if len(record) < _HEADER_BYTES + NONCE_BYTES + TAG_BYTES:
        raise CorruptRecordError("the record is cut short")
    return record[len(VERSION) + 1 : _HEADER_BYTES]


def wrap_aad(dek_id: bytes, owner: SecretOwner, kek_id: str) -> bytes:
    """What a wrapped DEK is bound to. A KMS gets this as its additional data or encryption context."""
    return length_prefixed(b"dek/v1", dek_id, owner.tenant.encode(), owner.uid.encode(), kek_id.encode())


def encrypt_with(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """`nonce | ciphertext | tag` under a 256-bit key."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def decrypt_with(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """Undoes `encrypt_with`. Raises TamperedRecordError for any difference in key, bytes or `aad`."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except (InvalidTag, ValueError):
        raise TamperedRecordError("not authentic under this key") from None


def _secret_aad(owner: SecretOwner, name: str, dek_id: bytes) -> bytes:
    return length_prefixed(b"secret/v1", owner.tenant.encode(), owner.uid.encode(), name.encode(), dek_id)


def length_prefixed(*parts: bytes) -> bytes:
    """`parts` as one byte string that no other parts give: each is preceded by its length in 4 bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _check_header(stored: bytes, known: tuple[int, ...]) -> int:
    if len(stored) < _HEADER_BYTES or not stored.startswith(VERSION):
        raise CorruptRecordError("not a version 1 record")
    algorithm = stored[len(VERSION)]
    if algorithm not in known:
        raise CorruptRecordError(f"unknown algorithm {algorithm}")
    return algorithm
