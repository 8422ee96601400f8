"""The provider's public keys, remembered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from headwater.logs import get_logger

from .provider import ProviderError

_FRESH_SECONDS = 600.0
_USABLE_SECONDS = 6 * 3600.0
_ASK_AGAIN_SECONDS = 30.0

_KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC"}


@frozen
class _Known:
    keys: Sequence[Key]
    as_of: float


class KeySet:
    """Asks for the keys every ten minutes, and at once for one that it does not know: providers change keys.

    That is at most every half minute, since anybody can make up ids of keys. While the provider does not
    answer, the last keys hold for six hours. Safe to use from several threads.
    """

    def __init__(
        self, read: Callable[[], Mapping[str, Any]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._known: _Known | None = None
        self._asking = threading.Lock()  # held by whoever asks the provider; guards what follows
        self._asked = float("-inf")
        self._failure: ProviderError | None = None

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key with this id for this algorithm; without an id the only one that fits.

        Raises ProviderError if there are no keys to look in. May block.
        """
        if self._known is None or self._clock() - self._known.as_of >= _FRESH_SECONDS:
            self._ask()
        found = self._look_up(kid, algorithm)
        if found is None and self._ask():
            found = self._look_up(kid, algorithm)
        return found

    def _look_up(self, kid: str | None, algorithm: str) -> Key | None:
        known = self._known
        if known is None or self._clock() - known.as_of >= _USABLE_SECONDS:
            raise self._failure or ProviderError("The provider's keys are not known yet. Try again.")
        fitting = [key for key in known.keys if _fits(key, algorithm) and kid in (None, key.kid)]
        return fitting[0] if len(fitting) == 1 or (fitting and kid is not None) else None

    def _ask(self) -> bool:
        """Whether the keys are new. Where some are known already, nobody waits for another who asks."""
        if not self._asking.acquire(blocking=self._known is None):
            return False
        try:
            if self._clock() - self._asked < _ASK_AGAIN_SECONDS:
                return False
            self._asked = self._clock()
            self._known = _Known(_keys(self._read()), self._asked)
        except ProviderError as error:
            self._failure = error
            get_logger("headwater.auth").warning("The provider's keys cannot be read.", reason=str(error))
            return False
        finally:
            self._asking.release()
        return True


def _keys(document: Mapping[str, Any]) -> list[Key]:
    """Those that can be used; a set may have keys of kinds that come later."""
    keys: list[Key] = []
    members = document.get("keys")
    for member in members if isinstance(members, list) else ():
        try:
            if member["kty"] in _KEY_TYPES.values() and member.get("use", "sig") == "sig":
                keys.append(JWKRegistry.import_key(member))
        except (JoseError, KeyError, TypeError, ValueError):
            continue
    return keys


def _fits(key: Key, algorithm: str) -> bool:
    """A key of the kind that the algorithm needs, and not meant for another: so no public key ever serves as
    a shared one."""
    return key.key_type == _KEY_TYPES.get(algorithm[:2]) and key.get("alg") in (None, algorithm)
