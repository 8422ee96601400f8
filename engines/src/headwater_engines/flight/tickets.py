"""Tickets and handles: what a client carries from one call to the next, which any host of a deployment opens.

No host remembers a ticket. It holds the whole statement, encrypted and authenticated under the key ring that
the hosts share, so that a client can neither read nor change nor make one.
"""

from __future__ import annotations

import json
import struct
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from headwater.errors import QueryRequestError, SecretUnavailableError
from headwater.secrets import SealedSecrets, SecretCipher, SecretOwner

_OWNER: Final = SecretOwner("flight", "ticket")
"""Sets tickets apart from secrets of data sources: neither opens in the other's place."""
_FIELD: Final = "ticket"
_MAGIC: Final = b"hwt1"
_KEY_SECONDS: Final = 300.0
MOST_BYTES: Final = 256 * 1024
"""Of a ticket, and of what it holds once unpacked."""


class TicketSealer:
    """Seals and opens tickets. Thread-safe.

    A data key is used for five minutes and travels in each ticket, wrapped by the active key-encryption key:
    a key in a KMS is asked once for each data key, not once for each ticket.
    """

    def __init__(self, cipher: SecretCipher, clock: Callable[[], float] = time.time) -> None:
        self._cipher = cipher
        self._clock = clock
        self._lock = threading.Lock()  # guards the two below
        self._base = SealedSecrets()
        self._base_until = 0.0

    def seal(self, kind: str, content: Mapping[str, Any], seconds: float) -> bytes:
        """A ticket that opens as `kind` for `seconds`. Raises EncryptionKeyError; QueryRequestError for a
        content that is too large."""
        body = {**content, "kind": kind, "until": self._clock() + seconds}
        text = json.dumps(body, separators=(",", ":"))
        if len(text) > MOST_BYTES:
            raise QueryRequestError(
                f"The statement and its parameters are longer than {MOST_BYTES:,} bytes.", "flight.ticketSize"
            )
        packed = zlib.compress(text.encode(), 1).hex()
        sealed = self._cipher.seal(_OWNER, self._data_key(), {_FIELD: packed})
        ((key_id, data_key),) = sealed.data_keys.items()
        return b"".join(
            (
                _MAGIC,
                bytes.fromhex(key_id),
                struct.pack(">H", len(data_key)),
                data_key,
                sealed.records[_FIELD],
            )
        )

    def open(self, kind: str, ticket: bytes) -> dict[str, Any]:
        """What was sealed. Raises QueryRequestError if the ticket is expired, forged, or of another kind."""
        content = self._content(ticket)
        if content.get("kind") != kind:
            raise _not_ours()
        if content["until"] < self._clock():
            raise QueryRequestError("The ticket has expired: plan the query anew.", "flight.ticketExpired")
        return content

    def _content(self, ticket: bytes) -> dict[str, Any]:
        try:
            packed = self._cipher.open(_OWNER, _split(ticket))[_FIELD].reveal()
            content: dict[str, Any] = json.loads(_inflate(bytes.fromhex(packed)))
        except (ValueError, zlib.error, SecretUnavailableError):
            raise _not_ours() from None
        return content

    def _data_key(self) -> SealedSecrets:
        with self._lock:
            if self._clock() >= self._base_until:
                self._base = self._cipher.seal(_OWNER, SealedSecrets(), {"key": "in use"})
                self._base_until = self._clock() + _KEY_SECONDS
            return SealedSecrets({}, self._base.data_keys)


def _split(ticket: bytes) -> SealedSecrets:
    """Magic, id of the data key in 16 bytes, its length in 2, the wrapped data key, the record."""
    start = len(_MAGIC) + 16 + 2
    if not ticket.startswith(_MAGIC) or not start <= len(ticket) <= 4 * MOST_BYTES:
        raise ValueError("not a ticket")
    end = start + int.from_bytes(ticket[start - 2 : start], "big")
    key_id = ticket[len(_MAGIC) : start - 2].hex()
    return SealedSecrets({_FIELD: ticket[end:]}, {key_id: ticket[start:end]})


def _inflate(packed: bytes) -> bytes:
    text = zlib.decompressobj().decompress(packed, MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise ValueError("not a ticket")
    return text


def _not_ours() -> QueryRequestError:
    """One text for all causes: it tells a forger nothing."""
    return QueryRequestError(
        "This is no ticket of this deployment, or the key that sealed it has been retired: plan the query "
        "anew.",
        "flight.ticket",
    )
