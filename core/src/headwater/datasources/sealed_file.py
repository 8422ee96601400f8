"""Secrets inside an exported file, encrypted with a key that goes another way than the file."""

from __future__ import annotations

import base64
import binascii
import re

from attrs import field, frozen

from headwater.secrets.envelope import TamperedRecordError, decrypt_with, encrypt_with, length_prefixed
from headwater.secrets.secret import Secret

from .references import UnresolvedReferenceError

SEALED_PREFIX = "$__sealed{"
_SEALED = re.compile(r"\$__sealed\{([A-Za-z0-9+/=]+)\}")


@frozen
class SealedFile:
    """Seals and opens the secrets of an exported file. Each is bound to its data source's uid and its own
    name."""

    key: bytes = field(repr=False)

    def seal(self, uid: str, name: str, secret: Secret) -> str:
        """The text that stands for `secret` in the file; it opens for this uid and name only."""
        sealed = encrypt_with(self.key, secret.reveal().encode("utf-8", "surrogatepass"), _aad(uid, name))
        return f"$__sealed{{{base64.b64encode(sealed).decode()}}}"

    def open(self, uid: str, name: str, text: str) -> Secret:
        """Raises UnresolvedReferenceError if the key is another one or the file was changed."""
        match = _SEALED.fullmatch(text)
        try:
            sealed = base64.b64decode(match[1] if match else "", validate=True)
            return Secret(decrypt_with(self.key, sealed, _aad(uid, name)).decode("utf-8", "surrogatepass"))
        except (binascii.Error, TamperedRecordError):
            raise UnresolvedReferenceError(
                "the sealed secret cannot be opened: another key, or the file was changed"
            ) from None


def _aad(uid: str, name: str) -> bytes:
    return length_prefixed(b"export/v1", uid.encode(), name.encode())
