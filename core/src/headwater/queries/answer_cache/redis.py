"""`RedisAnswerStore`: answers that all hosts share, in Valkey or Redis (extra `redis`)."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from typing import TYPE_CHECKING, Any

from headwater.errors import EncryptionKeyError, HeadwaterError, SecretUnavailableError, ValidationError
from headwater.logs import get_logger
from headwater.secrets.envelope import CorruptRecordError, TamperedRecordError

from .kept import KeptAnswer

if TYPE_CHECKING:
    from headwater.secrets.cipher import SecretCipher

    from .questions import Key
    from .sealing import AnswerSealer

__all__ = ["RedisAnswerStore"]

_TIMEOUT = 0.5
_REST = 2.0
_LARGEST = 16 * 1024 * 1024
_PREFIX = "headwater:answer:"
_SCHEMES = ("redis://", "rediss://", "unix://")


class RedisAnswerStore:
    """Keeps answers at `url`, such as `rediss://:password@cache.example:6380/0`, sealed by the host's keys.

    A server that does not answer within half a second is left alone for two: queries are answered without it.
    How much it keeps is set there (`maxmemory`, with `maxmemory-policy allkeys-lru`).
    """

    is_local = False

    def __init__(self, url: str) -> None:
        if not url.startswith(_SCHEMES):
            raise ValidationError(f"begins with one of {', '.join(_SCHEMES)}", path="cache-url")
        try:
            import redis
        except ImportError:
            raise HeadwaterError("Needs the extra: pip install 'headwater[redis]'.") from None
        self._failures: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        try:
            self._client: Any = redis.Redis.from_url(
                url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT
            )
        except ValueError:  # its text may hold the password
            raise ValidationError("is no address of a Valkey or Redis server", path="cache-url") from None
        self._lock = threading.Lock()  # guards the two below
        self._resting_until = 0.0
        self._sealer: AnswerSealer | None = None

    def seal_with(self, cipher: SecretCipher) -> None:
        """Use the keys of a host. Hosts that share a store and its keys share answers, too."""
        from .sealing import AnswerSealer

        self._sealer = AnswerSealer(cipher)

    def get(self, key: Key) -> KeptAnswer | None:
        """What is kept under `key`, whichever host kept it."""
        name = _name(key)
        data = self._ask(lambda client: client.get(name))
        if not isinstance(data, bytes) or self._sealer is None:
            return None
        try:
            return self._sealer.open(name.encode(), data)
        except (TamperedRecordError, CorruptRecordError, SecretUnavailableError):
            return None  # another installation's, or somebody's

    def put(self, key: Key, uid: str, answer: KeptAnswer) -> None:  # noqa: ARG002 - it is in the key
        """Keep an answer until it is stale."""
        left = math.ceil(answer.stale_until - time.time())
        if left <= 0 or self._sealer is None or self._is_resting():
            return
        name = _name(key)
        try:
            data = self._sealer.seal(name.encode(), answer)
        except EncryptionKeyError:
            return
        if len(data) <= _LARGEST:
            self._ask(lambda client: client.set(name, data, ex=left))

    def discard(self, uid: str | None) -> None:
        """Forget the answers of a data source; of all, if None."""
        pattern = f"{_PREFIX}*" if uid is None else f"{_prefix(uid)}*"

        def forget(client: Any) -> None:
            for name in client.scan_iter(match=pattern, count=1000):
                client.unlink(name)

        self._ask(forget)

    def close(self) -> None:
        """Close connections. What is kept stays, for the other hosts."""
        self._client.close()

    def _ask(self, ask: Any) -> Any:
        if self._is_resting():
            return None
        try:
            return ask(self._client)
        except self._failures as error:
            with self._lock:
                self._resting_until = time.monotonic() + _REST
            get_logger("headwater.answer_cache").warning(
                "The server of remembered answers does not answer; queries go on without it.",
                error=type(error).__name__,
            )
            return None

    def _is_resting(self) -> bool:
        return time.monotonic() < self._resting_until


def _prefix(uid: str) -> str:
    return f"{_PREFIX}{hashlib.sha256(uid.encode()).hexdigest()[:16]}:"


def _name(key: Key) -> str:
    """A digest of the question, behind one of its data source."""
    asked: Any = key[1]
    return _prefix(asked[1]) + hashlib.sha256(repr(key).encode("utf-8", "surrogatepass")).hexdigest()
