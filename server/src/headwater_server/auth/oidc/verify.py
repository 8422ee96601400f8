"""Whether a token is one that the provider made, for whom, and still good."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from .key_set import KeySet

_LEEWAY_SECONDS = 60
_LONGEST = 16 * 1024
_TYPES = (None, "JWT", "AT+JWT", "APPLICATION/AT+JWT")


class TokenVerifier:
    def __init__(
        self,
        issuer: str,
        keys: KeySet,
        algorithms: Sequence[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._keys = keys
        self._algorithms = tuple(algorithms)
        self._clock = clock

    def claims(self, token: str, audience: str) -> Mapping[str, Any] | None:
        """The claims of a token that the provider signed for `audience`, and that holds now; else None.

        Raises ProviderError if its keys cannot be had. May block.
        """
        header = _header(token)
        algorithm = header.get("alg")
        if algorithm not in self._algorithms or str(header.get("typ", "JWT")).upper() not in _TYPES:
            return None
        kid = header.get("kid")
        if kid is not None and not isinstance(kid, str):
            return None
        key = self._keys.find(kid, algorithm)
        if key is None:
            return None
        try:
            # What was looked at above is only what the token says of itself: the library looks again.
            claims = jwt.decode(token, key, algorithms=[algorithm]).claims
            self._registry(audience).validate(claims)
        except (JoseError, ValueError, TypeError, RecursionError):
            return None
        return claims

    def _registry(self, audience: str) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )


def looks_like_token(text: str) -> bool:
    """Whether `text` has the form of a signed JWT, of a length that one has."""
    return text.count(".") == 2 and text.startswith("eyJ") and len(text) <= _LONGEST


def _header(token: str) -> Mapping[str, Any]:
    """Nothing of it is proven."""
    encoded = token.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        return {}
    return header if isinstance(header, dict) else {}
