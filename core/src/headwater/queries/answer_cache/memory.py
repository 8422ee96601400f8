"""`MemoryAnswerStore`: answers in this process, bounded by bytes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

from .kept import KeptAnswer
from .questions import Key

if TYPE_CHECKING:
    from headwater.secrets.cipher import SecretCipher

__all__ = ["MemoryAnswerStore"]

MEBIBYTE = 1024 * 1024
_ENTRY_BYTES = 1024
_LARGEST_PART = 4
"""An answer larger than this part of the room would push out too many others."""


class MemoryAnswerStore:
    """Keeps answers within `max_bytes`; the least recently used goes first. Thread-safe."""

    def __init__(self, max_bytes: int = 64 * MEBIBYTE, *, clock: Callable[[], float] = time.time) -> None:
        self.is_local: bool = True
        self.max_bytes: int = max_bytes
        self.evictions: int = 0
        self._clock = clock
        self._lock = Lock()  # guards everything below
        self._kept: OrderedDict[Key, tuple[KeptAnswer, int, str]] = OrderedDict()
        self._keys: dict[str, set[Key]] = {}
        self._bytes = 0

    @property
    def size(self) -> int:
        """What is kept, never more than `max_bytes`."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    def seal_with(self, cipher: SecretCipher) -> None:
        """Nothing leaves this process."""

    def get(self, key: Key) -> KeptAnswer | None:
        """What is kept under `key` and is not past its time."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            if found[0].stale_until <= self._clock():
                self._drop(key)
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: Key, uid: str, answer: KeptAnswer) -> None:
        """Keep `answer`, or forget what was there if it is too large."""
        size = answer.size + entry_size(key)
        with self._lock:
            self._drop(key)
            if size > self.max_bytes // _LARGEST_PART:
                return
            while self._bytes + size > self.max_bytes:
                self._drop(next(iter(self._kept)))
                self.evictions += 1
            self._kept[key] = (answer, size, uid)
            self._keys.setdefault(uid, set()).add(key)
            self._bytes += size

    def render(self, key: Key, answer: KeptAnswer, name: str, data: bytes) -> None:
        """Keep a form of a kept answer beside it, if there is room."""
        with self._lock:
            found = self._kept.get(key)
            grown = len(data) - len(answer.renderings.get(name, b""))
            if found is None or found[0] is not answer or self._bytes + grown > self.max_bytes:
                return
            answer.renderings[name] = data
            self._kept[key] = (answer, found[1] + grown, found[2])
            self._bytes += grown

    def discard(self, uid: str | None) -> None:
        """Forget the answers of a data source; of all, if None."""
        with self._lock:
            for key in tuple(self._kept if uid is None else self._keys.get(uid, ())):
                self._drop(key)

    def close(self) -> None:
        """Forget everything."""
        self.discard(None)

    def _drop(self, key: Key) -> None:
        answer, size, uid = self._kept.pop(key, (None, 0, ""))
        if answer is None:
            return
        self._bytes -= size
        keys = self._keys[uid]
        keys.discard(key)
        if not keys:
            del self._keys[uid]


def entry_size(key: Key) -> int:
    """What an answer under `key` takes besides its frames, about: there may be many without any."""
    return _ENTRY_BYTES + len(repr(key))
