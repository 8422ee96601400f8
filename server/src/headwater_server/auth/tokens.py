"""The form of API tokens: `hwsa_`, 256 random bits in base64url, `_`, and a checksum.

The prefix lets secret scanners find leaked tokens, the checksum lets them, and us, dismiss most
false ones without a look-up. Only the SHA-256 of a token is stored: a slow hash protects passwords that
people choose, and 256 random bits need no such protection.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib

from attrs import field, frozen

from headwater.secrets import Secret

PREFIX = "hwsa_"
_FORM = re.compile(r"hwsa_([A-Za-z0-9_-]{43})_([0-9a-f]{8})")


@frozen
class NewToken:
    """A token at the only moment when it is known: show `secret` once, store `digest`."""

    secret: Secret
    digest: bytes = field(repr=False)


def new_token() -> NewToken:
    body = PREFIX + secrets.token_urlsafe(32)
    text = f"{body}_{_checksum(body)}"
    return NewToken(Secret(text), _digest(text))


def digest_of(text: str) -> bytes | None:
    """The digest under which a token is stored; None if `text` cannot be a token."""
    form = _FORM.fullmatch(text)
    if form is None or _checksum(PREFIX + form[1]) != form[2]:
        return None
    return _digest(text)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
