"""`StoredRequest`: a request that a resource's address carries, so that any process can answer it again."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any, Self

from attrs import asdict, field, frozen

from headwater.errors import ValidationError

__all__ = ["RESULTS", "StoredRequest"]

RESULTS = "headwater://results/"
_LONGEST = 64 * 1024
_LAST_MS = 10**15


@frozen(kw_only=True)
class StoredRequest:
    """A query of `data_source`, or a run of `named_query` with `values`; the range is in milliseconds."""

    data_source: str = ""
    query: Mapping[str, Any] = field(factory=dict)
    named_query: str = ""
    values: Mapping[str, Any] = field(factory=dict)
    from_ms: int = 0
    to_ms: int = 0

    @property
    def uri(self) -> str:
        """The address of its result; empty for a request that is too long for one."""
        packed = zlib.compress(json.dumps(asdict(self), separators=(",", ":")).encode())
        text = base64.urlsafe_b64encode(packed).decode().rstrip("=")
        return f"{RESULTS}{text}" if len(text) <= _LONGEST else ""

    @classmethod
    def from_uri(cls, uri: str) -> Self:
        """Raises ValidationError. Whoever wrote it: what it asks is checked as any request is."""
        try:
            text = uri.removeprefix(RESULTS)
            packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            data = json.loads(zlib.decompressobj().decompress(packed, _LONGEST))
            request = cls(**data)
        except (ValueError, TypeError, binascii.Error, zlib.error, RecursionError):
            raise ValidationError("is no result of this host", path="uri") from None
        if not request._is_sound():
            raise ValidationError("is no result of this host", path="uri")
        return request

    def _is_sound(self) -> bool:
        kinds: list[tuple[object, type]] = [
            (self.data_source, str),
            (self.named_query, str),
            (self.query, dict),
            (self.values, dict),
            (self.from_ms, int),
            (self.to_ms, int),
        ]
        if not all(isinstance(value, kind) for value, kind in kinds):
            return False
        return abs(self.from_ms) < _LAST_MS and abs(self.to_ms) < _LAST_MS
