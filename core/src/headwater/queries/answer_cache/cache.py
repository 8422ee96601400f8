"""`AnswerCache`: the rule and the store that a host remembers answers by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from headwater.frames import CacheStatus

from .kept import AnswerStore, Hit
from .memory import MEBIBYTE, MemoryAnswerStore
from .rules import CacheRule

__all__ = ["AnswerCache"]


class AnswerCache:
    """What `Headwater(answer_cache=…)` takes. Belongs to one host, which closes it.

    `rule` holds for data sources whose settings say nothing; by default they remember nothing. Answers are
    kept in this process, in `max_bytes` at most, or in `store`. `counts` are of answers given.
    `clock` tells the seconds since 1970.
    """

    def __init__(
        self,
        rule: CacheRule | None = None,
        *,
        max_bytes: int = 64 * MEBIBYTE,
        store: AnswerStore | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.rule: CacheRule = rule or CacheRule()
        self.store: AnswerStore = MemoryAnswerStore(max_bytes, clock=clock) if store is None else store
        self.clock = clock
        self._lock = threading.Lock()  # guards the counts
        self._observers: tuple[Callable[[CacheStatus], object], ...] = ()
        self.counts: dict[CacheStatus, int] = dict.fromkeys(CacheStatus, 0)

    def on_answer(self, observe: Callable[[CacheStatus], object]) -> None:
        """Call `observe` for each answer, in whatever thread gives it."""
        self._observers = (*self._observers, observe)

    def count(self, status: CacheStatus) -> None:
        """One more answer of this kind."""
        with self._lock:
            self.counts[status] += 1
        for observe in self._observers:
            observe(status)

    def render(self, hit: Hit, name: str, data: bytes) -> None:
        """Keep a form of a remembered answer beside it, within the same bounds."""
        if isinstance(self.store, MemoryAnswerStore):
            self.store.render(hit.key, hit.answer, name, data)
