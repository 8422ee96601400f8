"""Answers as sealed bytes: what holds them learns neither rows nor questions.

    sealed answer   length of wrapped key 2 bytes | wrapped data key | nonce | ciphertext and tag

The data key is wrapped by the key ring as those of secrets are. The additional data is the answer's name, so
that no answer opens in another's place. Within: length of head 4 bytes | head in JSON | for each frame its
length in 4 bytes and its Arrow IPC stream.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict

from headwater.frames import Frame, decode_stream, encode_stream
from headwater.secrets.cipher import SecretCipher
from headwater.secrets.envelope import (
    DataKey,
    SecretOwner,
    decrypt_with,
    encrypt_with,
    length_prefixed,
)

from .kept import KeptAnswer

__all__ = ["AnswerSealer"]

_OWNER = SecretOwner("", "remembered answers")
_ANSWERS_PER_KEY = 2**20
"""Random nonces are safe for far more (NIST SP 800-38D §8.3)."""
_OPENED_KEYS = 64


class AnswerSealer:
    """Seals with a data key of its own, and opens what hosts with the same key ring sealed. Thread-safe."""

    def __init__(self, cipher: SecretCipher) -> None:
        self._cipher = cipher
        self._lock = threading.Lock()  # guards the keys below
        self._own: tuple[DataKey, bytes] | None = None
        self._left = 0
        self._opened: OrderedDict[bytes, DataKey] = OrderedDict()

    def seal(self, name: bytes, answer: KeptAnswer) -> bytes:
        """Raises EncryptionKeyError if the active key is missing."""
        key, wrapped = self._own_key()
        sealed = encrypt_with(key.material, _encode(answer), length_prefixed(b"answer/v1", name))
        return len(wrapped).to_bytes(2, "big") + wrapped + sealed

    def open(self, name: bytes, data: bytes) -> KeptAnswer:
        """Raises TamperedRecordError, SecretUnavailableError."""
        size = int.from_bytes(data[:2], "big")
        wrapped, sealed = data[2 : 2 + size], data[2 + size :]
        key = self._key_of(wrapped)
        return _decode(decrypt_with(key.material, sealed, length_prefixed(b"answer/v1", name)))

    def _own_key(self) -> tuple[DataKey, bytes]:
        with self._lock:
            if self._own is None or self._left == 0:
                self._own = self._cipher.new_data_key(_OWNER)
                self._left = _ANSWERS_PER_KEY
            self._left -= 1
            return self._own

    def _key_of(self, wrapped: bytes) -> DataKey:
        with self._lock:
            known = self._opened.get(wrapped)
        if known is not None:
            return known
        key = self._cipher.open_data_key(_OWNER, wrapped)
        with self._lock:
            self._opened[wrapped] = key
            while len(self._opened) > _OPENED_KEYS:
                self._opened.popitem(last=False)
        return key


def _encode(answer: KeptAnswer) -> bytes:
    head = {
        "freshUntil": answer.fresh_until,
        "staleUntil": answer.stale_until,
        "covered": answer.covered,
        "made": answer.made,
    }
    frames = [b"".join(encode_stream(frame)) for frame in answer.frames]
    return b"".join(_with_length(part) for part in (json.dumps(head).encode(), *frames))


def _decode(data: bytes) -> KeptAnswer:
    parts = []
    view = memoryview(data)
    while view:
        size = int.from_bytes(view[:4], "big")
        parts.append(view[4 : 4 + size])
        view = view[4 + size :]
    head = json.loads(bytes(parts[0]))
    covered = head["covered"]
    return KeptAnswer(
        tuple(_frame_of(part) for part in parts[1:]),
        head["freshUntil"],
        head["staleUntil"],
        None if covered is None else (covered[0], covered[1]),
        head.get("made"),
    )


def _frame_of(part: memoryview) -> Frame:
    with decode_stream(bytes(part)) as stream:
        return stream.read_all()


def _with_length(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part
